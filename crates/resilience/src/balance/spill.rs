//! When the local zone gives load away: how much, smoothly, by what the answers of both sides take.
//!
//! A caller cannot know how many others use its zone, and a thread rarely has more than one attempt in flight at an instance, so neither
//! shares of callers nor queue lengths tell whether the zone has capacity left. Latency does: it stays where it is until instances
//! queue, and then rises. So each thread keeps the mean of the logarithm of the latency (few slow methods among many fast ones do not
//! disturb it; a queue in front of all of them shows fully) of both sides, and moves the share it sends away until the local zone
//! takes at most `ratio` times as long as the others:
//!
//! ```text
//!   share ← share + (log₂(local / remote) − log₂ ratio) · Δt / pace      limited to ±1 in the bracket, to TRICKLE..1−TRICKLE
//! ```
//!
//! It is taken back [`BACK`] times slower than it is given away. A queue is an integrator, too, and its latency is seen only after it was
//! waited for: as fast in both directions, the share of a lone instance in a zone with many callers swings between all and nothing in
//! about ten seconds, with some 30 calls waiting and the instance's own admission refusing. Taken back slowly, the share creeps up to
//! what the zone carries, and the first calls that wait turn it. What that costs is calls that leave the zone for some seconds more.
//!
//! An instance of the zone that refuses a call because it has too much to do ([`Outcome::Refused`]) says the same without a doubt, and
//! before latency can: each such refusal moves one part in [`REFUSALS`] of what the zone has over to the others at once. A process that starts in
//! a full zone, or takes over the calls of one that died, has found the others after a hundred refusals instead of after seconds. A refusal
//! of the others moves as much back: a zone whose share went away with the last overload is not left idle while the others are overrun.
//! For the same reason the share comes back at full pace where the zone is not only fast enough but [`FASTER`].
//!
//! Where callers are many and the capacity nearly used up, the share still swings, and what a side was overrun by waits there. So where the
//! side that was decided for takes too long by the same measure ([`Spill::doubts`]), its instance is put beside one of the other side by score, and the
//! other takes the call where it is better by far.
//!
//! It is the integral part of a controller, and not a comparison of two scores, because a comparison sends all or nothing: the local
//! zone would swing between empty and overrun. And it compares what calls take and not scores, because a thread that sends everything to
//! its zone has nothing in flight elsewhere: by scores it would always find it better there. `balance/simulation.rs` states where it settles.

use crate::Moment;
use crate::ewma::{Observation, Outcome};
use crate::moment::nanos_f64;
use std::time::Duration;

/// The share that always goes to the other side, so that its latency is known: one call in 64.
const TRICKLE: f64 = 1.0 / 64.0;
/// The share to begin with. A process that starts knows nothing of its zone, and its zone nothing of it: half leaves a zone that is
/// full already with less than it would refuse, and goes back within some seconds where the zone is not.
const FIRST: f64 = 0.5;
/// The least share of an answer in the mean of its side, when they come quickly.
const STEP_LEAST: f64 = 1.0 / 16.0;
/// The largest, when they come rarely.
const STEP_MOST: f64 = 0.5;
/// What the mean of a side remembers when answers come rarely.
const MEMORY: Duration = Duration::from_secs(1);
/// How many times slower the share is taken back than given away: 12 s for all of it by default. Of 1, 2, 3, 4 and 8 the largest that
/// keeps nine of ten calls in their zone where latencies are spread so widely that noise moves the share (σ = 1.5 of the logarithm).
const BACK: f64 = 4.0;
/// By so much, as log₂, the local zone's answers must come sooner than the others' for the share to be taken back as fast as it is given
/// away: then it is not near what it carries.
const FASTER: f64 = 2.0;
/// Refusals of a side after which about two thirds of its calls go to the other.
const REFUSALS: f64 = 64.0;
/// What the controller takes for the time between two answers at most, so that a lone answer after silence does not move everything.
const LONGEST_STEP: Duration = Duration::from_millis(100);
/// The largest latency that failures lead to, as log₂ of nanoseconds: 18 minutes.
const LONGEST: f64 = 40.0;

/// When the local zone gives load away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpillRules {
    /// How many times as long as the others' the answers of the local zone may take; 1.5. At 2 the lone instance of a zone with many
    /// callers has a p99 of 370 ms in `balance/simulation.rs`, where 1.5 keeps it within its bound.
    pub ratio: f64,
    /// Time in which the share goes from nothing to everything when the local zone takes twice as long as it may; 3 s.
    pub pace: Duration,
}

impl Default for SpillRules {
    fn default() -> SpillRules {
        SpillRules { ratio: 1.5, pace: Duration::from_secs(3) }
    }
}

/// The share of calls that one thread sends out of its zone.
#[derive(Clone, Debug)]
pub struct Spill {
    /// log₂ of [`SpillRules::ratio`].
    allowed: f64,
    /// [`SpillRules::pace`], in seconds.
    pace: f64,
    local: Option<Side>,
    remote: Option<Side>,
    share: f64,
    moved: Moment,
}

/// The local zone, or all others: the mean of log₂ of nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Side {
    mean: f64,
    at: Moment,
}

impl Side {
    fn with(before: Option<Side>, seen: f64, now: Moment) -> Side {
        let Some(Side { mean, at }) = before else { return Side { mean: seen, at: now } };
        let step = (now.since(at).as_secs_f64() / MEMORY.as_secs_f64()).clamp(STEP_LEAST, STEP_MOST);
        Side { mean: mean + step * (seen - mean), at: now }
    }
}

impl Spill {
    pub(super) fn new(rules: SpillRules) -> Spill {
        let (allowed, pace) = (rules.ratio.max(1.0).log2(), rules.pace.as_secs_f64().max(0.001));
        Spill { allowed, pace, local: None, remote: None, share: FIRST, moved: Moment::START }
    }

    /// The share of calls that goes to other zones, 0 to 1.
    pub fn share(&self) -> f64 {
        self.share
    }

    pub(super) fn decides(&self, unit: f64) -> bool {
        unit < self.share
    }

    /// Whether the side that was decided for takes longer than it may beside the other one.
    pub(super) fn doubts(&self, remote: bool) -> bool {
        self.longer().is_some_and(|longer| if remote { -longer } else { longer } > self.allowed)
    }

    /// log₂(local / remote) of what answers take; `None` before both sides gave one.
    fn longer(&self) -> Option<f64> {
        Some(self.local?.mean - self.remote?.mean)
    }

    fn shift(&mut self, by: f64) {
        self.share = (self.share + by).clamp(TRICKLE, 1.0 - TRICKLE);
    }

    pub(super) fn ended(&mut self, local: bool, now: Moment, observation: Observation, busyness: f64) {
        if observation.outcome == Outcome::Cancelled {
            return;
        }
        if observation.outcome == Outcome::Refused {
            self.shift(if local { 1.0 - self.share } else { -self.share } / REFUSALS);
        }
        let side = if local { &mut self.local } else { &mut self.remote };
        let mut seen = (nanos_f64(observation.latency).max(1.0) * busyness).log2();
        if let (Outcome::Failed | Outcome::Refused, Some(Side { mean, .. })) = (observation.outcome, *side) {
            // Failing or refusing fast is no capacity: it counts as an answer that took twice as long as usual.
            seen = seen.max(mean + 1.0).min(LONGEST);
        }
        *side = Some(Side::with(*side, seen, now));
        let Some(longer) = self.longer() else { return };
        let error = (longer - self.allowed).clamp(-1.0, 1.0);
        let creeps = error < 0.0 && longer > -FASTER;
        let error = if creeps { error / BACK } else { error };
        self.shift(error * now.since(self.moved).min(LONGEST_STEP).as_secs_f64() / self.pace);
        self.moved = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of one that sees, a hundred times a second for so long, an answer of each side.
    fn after(
        spill: &mut Spill,
        from_s: u64,
        seconds: u64,
        local: (u64, Outcome),
        remote: (u64, Outcome),
    ) -> f64 {
        for n in 0..seconds * 100 {
            let now = Moment::from_nanos(from_s * 1_000_000_000 + (n + 1) * 10_000_000);
            for (is_local, (ms, outcome)) in [(true, local), (false, remote)] {
                let observation = Observation { latency: Duration::from_millis(ms), outcome };
                spill.ended(is_local, now, observation, 1.0);
            }
        }
        spill.share()
    }

    const WELL: (u64, Outcome) = (20, Outcome::Ok);

    #[test]
    fn a_process_that_starts_gives_half_away_and_takes_it_back() {
        let mut spill = Spill::new(SpillRules::default());
        assert_eq!(spill.share(), 0.5);
        assert!((0.3..0.5).contains(&after(&mut spill, 0, 2, WELL, WELL)), "{}", spill.share());
        assert_eq!(after(&mut spill, 2, 12, WELL, WELL), TRICKLE);
    }

    #[test]
    fn refusals_move_the_share_to_the_other_side() {
        let mut spill = Spill::new(SpillRules::default());
        after(&mut spill, 0, 20, WELL, WELL);
        assert!(after(&mut spill, 20, 2, (20, Outcome::Refused), WELL) > 0.9);
        assert!(after(&mut spill, 22, 2, WELL, (20, Outcome::Refused)) < 0.1);
    }

    #[test]
    fn the_share_comes_back_at_full_pace_only_to_a_zone_that_is_far_from_full() {
        let back = |local_ms: u64| {
            let mut spill = Spill::new(SpillRules::default());
            after(&mut spill, 0, 10, (200, Outcome::Ok), WELL);
            assert_eq!(spill.share(), 1.0 - TRICKLE);
            after(&mut spill, 10, 3, (local_ms, Outcome::Ok), (200, Outcome::Ok))
        };
        assert!(back(150) > 0.6, "{}", back(150));
        assert!(back(20) < 0.3, "{}", back(20));
    }
}
