//! What one instance can carry, from what it did.

use super::peak::{Peak, Recent};
use super::{Basis, InstanceSecond};
use crate::Moment;
use std::time::Duration;

/// From how many times the usual latency on an instance can do no more, so that what it does *is* its capacity. Four slots of exponential
/// work are there at 88 % of capacity (M/M/4), sixteen at 97 %.
const SATURATED: f64 = 2.5;
/// The same while calls are refused: the limit that refuses them keeps the queue short, and the latency of many slots hardly doubles.
const SATURATED_REFUSING: f64 = 1.5;
/// How much of the way down to a lower latency the usual one goes in a second, and in how many seconds half the way up. The limit that
/// stands before a service keeps overloads short; a slower release is believed after some minutes.
const USUAL_DOWN: f64 = 0.1;
const USUAL_UP_HALF_LIFE_S: f64 = 300.0;
/// Calls in ten seconds below which a mean latency says nothing.
const CALLS_LEAST: f64 = 20.0;
/// A latency that left tolerance at less than this share of what was carried well before has another cause than load.
const KNEE_LEAST: f64 = 0.8;
/// How much of the way up, and down, to this second's knee the remembered one goes. Slower down, because at the end of an overload load
/// falls before the mean latency of the last seconds does.
const KNEE_UP: f64 = 0.1;
const KNEE_DOWN: f64 = 0.03;
/// Utilisation below which calls ÷ utilisation is not believed: what a process does without calls weighs too much.
const UTILISATION_LEAST: f64 = 0.3;
/// How much of the way to this second's estimate the remembered one goes.
const ESTIMATE_STEP: f64 = 0.1;
/// A knee or an estimate is believed down to this share of what was carried: the most of many short means lies above the mean.
const BELIEVED_LEAST: f64 = 0.9;
/// Seconds with calls before an instance is judged by itself; younger ones are taken to be like the others.
const SECONDS_LEAST: u32 = 20;

/// What is known of one instance. About 700 bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Instance {
    recent: Recent,
    /// The low latency it usually has, seconds.
    usual_s: Option<f64>,
    /// Calls a second that it carried without being saturated.
    proven: Peak,
    /// Calls a second that it carried while it was.
    knee: Option<f64>,
    /// Calls a second that it could carry by what it says of its utilisation.
    estimate: Option<f64>,
    seconds: u32,
}

impl Instance {
    /// Takes in what it did in the last `seconds`, and whether calls to the service are being refused.
    pub(super) fn second(&mut self, now: Moment, seconds: f64, refusing: bool, did: &InstanceSecond) {
        let latency = did.latency.unwrap_or(Duration::ZERO);
        self.recent.add(seconds, if did.latency.is_some() { did.requests } else { 0 }, latency);
        if did.requests > 0 {
            self.seconds = self.seconds.saturating_add(1);
        }
        let Some(latency_s) = self.recent.latency_s().filter(|_| self.recent.calls() >= CALLS_LEAST) else {
            return;
        };
        if !self.recent.is_full() {
            return;
        }
        let rate = self.recent.rate();
        let times = latency_s / self.learn_usual(latency_s, seconds).max(f64::MIN_POSITIVE);
        let saturated = times >= if refusing { SATURATED_REFUSING } else { SATURATED };
        if !saturated {
            self.proven.note(now, rate);
        } else if rate >= KNEE_LEAST * self.proven.most(now) {
            let step = |knee: f64| if rate > knee { KNEE_UP } else { KNEE_DOWN };
            self.knee = Some(self.knee.map_or(rate, |knee| knee + step(knee) * (rate - knee)));
        }
        if let Some(utilisation) = did.utilisation.filter(|u| u.is_finite() && *u >= UTILISATION_LEAST) {
            let estimate = rate / utilisation;
            self.estimate =
                Some(self.estimate.map_or(estimate, |old| old + ESTIMATE_STEP * (estimate - old)));
        }
    }

    /// Calls a second that it can carry, and how that is known; `None` while it is too young to tell.
    pub(super) fn capacity(&mut self, now: Moment) -> Option<(f64, Basis)> {
        if self.seconds < SECONDS_LEAST {
            return None;
        }
        let proven = self.proven.most(now);
        let told = match (self.knee, self.estimate) {
            (Some(knee), _) => Some((knee, Basis::Measured)),
            (None, Some(estimate)) => Some((estimate, Basis::Estimated)),
            (None, None) => None,
        };
        // What it has carried well it can carry, whatever else is thought.
        told.filter(|(calls, _)| *calls >= BELIEVED_LEAST * proven)
            .or((proven > 0.0).then_some((proven, Basis::Proven)))
    }

    fn learn_usual(&mut self, latency_s: f64, seconds: f64) -> f64 {
        let usual = *self.usual_s.get_or_insert(latency_s);
        let rate =
            if latency_s < usual { USUAL_DOWN } else { 1.0 - 0.5f64.powf(seconds / USUAL_UP_HALF_LIFE_S) };
        let usual = usual + rate * (latency_s - usual);
        self.usual_s = Some(usual);
        usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Seconds, calls a second, latency in ms, utilisation.
    type Stretch = (u64, u64, u64, Option<f64>);

    fn capacity(stretches: &[Stretch]) -> Option<(f64, Basis)> {
        capacity_while(false, stretches)
    }

    fn capacity_while(refusing: bool, stretches: &[Stretch]) -> Option<(f64, Basis)> {
        let mut instance = Instance::default();
        let mut now = Moment::START;
        for &(seconds, requests, latency_ms, utilisation) in stretches {
            for _ in 0..seconds {
                now = now.plus(Duration::from_secs(1));
                let latency = (requests > 0).then_some(Duration::from_millis(latency_ms));
                let did = InstanceSecond {
                    id: Arc::from("a"),
                    zone: 1,
                    requests,
                    latency,
                    utilisation,
                    usable: true,
                };
                instance.second(now, 1.0, refusing, &did);
            }
        }
        instance.capacity(now)
    }

    #[test]
    fn what_an_instance_can_carry() {
        use Basis::{Estimated, Measured, Proven};
        type Row = (&'static str, &'static [Stretch], Option<(f64, Basis)>);
        let rows: [Row; 9] = [
            ("nothing is known of an idle one", &[(60, 0, 0, None)], None),
            ("nor of a young one", &[(15, 100, 10, None)], None),
            ("it carried 100", &[(60, 100, 10, None)], Some((100.0, Proven))),
            ("it carried 300 once", &[(60, 300, 11, None), (60, 100, 10, None)], Some((300.0, Proven))),
            ("at half its utilisation", &[(60, 100, 10, Some(0.5))], Some((200.0, Estimated))),
            ("too little utilisation to tell", &[(60, 100, 10, Some(0.1))], Some((100.0, Proven))),
            ("utilisation that cannot be", &[(60, 100, 10, Some(f64::NAN))], Some((100.0, Proven))),
            (
                "the queue begins at 390",
                &[(60, 300, 10, Some(0.5)), (60, 390, 40, Some(0.9))],
                Some((390.0, Measured)),
            ),
            (
                "slow at little load is not a knee",
                &[(60, 300, 10, None), (60, 100, 40, None)],
                Some((300.0, Proven)),
            ),
        ];
        for (name, stretches, expected) in rows {
            let found = capacity(stretches);
            let near = match (found, expected) {
                (Some((calls, basis)), Some((want, as_basis))) => {
                    (calls / want - 1.0).abs() < 0.03 && basis == as_basis
                }
                (found, expected) => found == expected,
            };
            assert!(near, "{name}: {found:?}, not {expected:?}");
        }
    }

    #[test]
    fn what_is_carried_well_beats_an_old_knee_and_saturation_lowers_it() {
        let knee: [Stretch; 2] = [(60, 300, 10, None), (30, 400, 40, None)];
        let better = capacity(&[knee[0], knee[1], (60, 500, 10, None)]);
        assert_eq!(better.map(|(calls, basis)| (calls.round(), basis)), Some((500.0, Basis::Proven)));
        let refused = capacity_while(true, &[knee[0], (30, 400, 17, None)]).unwrap();
        assert!((refused.0 - 400.0).abs() < 5.0 && refused.1 == Basis::Measured, "{refused:?}");
        assert_eq!(
            capacity(&[knee[0], (30, 400, 17, None)]),
            Some((400.0, Basis::Proven)),
            "a queue, and no more"
        );
        let worse = capacity(&[knee[0], knee[1], (150, 340, 60, None)]);
        let (calls, basis) = worse.unwrap();
        assert!((calls - 340.0).abs() < 5.0 && basis == Basis::Measured, "{worse:?}");
    }
}
