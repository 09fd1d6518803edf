//! What one instance can carry, from what it did.

use super::peak::{Peak, Recent};
use super::{Basis, InstanceSecond};
use crate::Moment;
use std::time::Duration;

/// How many times the usual latency is not healthy any more. With k slots a queue doubles the latency at 82 % (k = 4) to 97 % (k = 64)
/// of capacity, so that what is carried beyond lies close to it.
const TOLERANCE: f64 = 1.5;
/// From here on latency is that of a service that cannot do more: what it does then *is* its capacity, also when it was thought larger.
const SATURATED: f64 = 2.5;
/// How much of the way down to a lower latency the usual one goes in a second, and in how many seconds half the way up. The limit that
/// stands before a service keeps overloads short; a slower release is believed after some minutes.
const USUAL_DOWN: f64 = 0.1;
const USUAL_UP_HALF_LIFE_S: f64 = 300.0;
/// Calls in ten seconds below which a mean latency says nothing.
const CALLS_LEAST: f64 = 20.0;
/// A latency that left tolerance at less than this share of what was carried well before has another cause than load.
const KNEE_LEAST: f64 = 0.8;
/// How much of the way a knee goes up, and down, in a second.
const KNEE_UP: f64 = 0.3;
const KNEE_DOWN: f64 = 0.1;
/// Utilisation below which calls ÷ utilisation is not believed: what a process does without calls weighs too much.
const UTILISATION_LEAST: f64 = 0.3;
/// How much of the way to this second's estimate the remembered one goes.
const ESTIMATE_STEP: f64 = 0.1;
/// Seconds with calls before an instance is judged by itself; younger ones are taken to be like the others.
const SECONDS_LEAST: u32 = 20;

/// What is known of one instance. About 700 bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Instance {
    recent: Recent,
    /// The low latency it usually has, seconds.
    usual_s: Option<f64>,
    /// Calls a second that it carried at healthy latency.
    proven: Peak,
    /// Calls a second at which its latency left tolerance.
    knee: Option<f64>,
    /// Calls a second that it could carry by what it says of its utilisation.
    estimate: Option<f64>,
    seconds: u32,
}

impl Instance {
    /// Takes in what it did in the last `seconds`.
    pub(super) fn second(&mut self, now: Moment, seconds: f64, did: &InstanceSecond) {
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
        if times <= TOLERANCE {
            self.proven.note(now, rate);
        } else if rate >= KNEE_LEAST * self.proven.most(now) {
            self.knee = Some(match self.knee {
                None => rate,
                Some(knee) if rate > knee => knee + KNEE_UP * (rate - knee),
                Some(knee) if times >= SATURATED => knee + KNEE_DOWN * (rate - knee),
                Some(knee) => knee,
            });
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
        told.filter(|(calls, _)| *calls >= proven).or((proven > 0.0).then_some((proven, Basis::Proven)))
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
                instance.second(now, 1.0, &did);
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
        let worse = capacity(&[knee[0], knee[1], (60, 340, 60, None)]);
        let (calls, basis) = worse.unwrap();
        assert!((calls - 340.0).abs() < 5.0 && basis == Basis::Measured, "{worse:?}");
    }
}
