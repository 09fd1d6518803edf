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
//! before latency can: each such refusal moves one part in [`REFUSALS`] of what is left over to the others at once. A process that starts in
//! a full zone, or takes over the calls of one that died, has found the others after a hundred refusals instead of after seconds.
//!
//! It is the integral part of a controller, and not a comparison of two scores, because a comparison sends all or nothing: the local
//! zone would swing between empty and overrun. And it compares what calls take and not scores, because a thread that sends everything to
//! its zone has nothing in flight elsewhere: by scores it would always find it better there. `balance/simulation.rs` states where it settles.

use crate::Moment;
use crate::ewma::{Observation, Outcome};
use std::time::Duration;

/// The share that always goes to the other side, so that its latency is known: one call in 64.
const TRICKLE: f64 = 1.0 / 64.0;
/// The least share of an answer in the mean of its side, when they come quickly.
const STEP_LEAST: f64 = 1.0 / 16.0;
/// The largest, when they come rarely.
const STEP_MOST: f64 = 0.5;
/// What the mean of a side remembers when answers come rarely.
const MEMORY: Duration = Duration::from_secs(1);
/// How many times slower the share is taken back than given away: 12 s for all of it by default. Of 1, 2, 3, 4 and 8 the largest that
/// keeps nine of ten calls in their zone where latencies are spread so widely that noise moves the share (σ = 1.5 of the logarithm).
const BACK: f64 = 4.0;
/// Refusals of the local zone after which about two thirds of the calls go elsewhere.
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
    rules: SpillRules,
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
        Spill { rules, local: None, remote: None, share: TRICKLE, moved: Moment::START }
    }

    /// The share of calls that goes to other zones, 0 to 1.
    pub fn share(&self) -> f64 {
        self.share
    }

    pub(super) fn decides(&self, unit: f64) -> bool {
        unit < self.share
    }

    pub(super) fn ended(&mut self, local: bool, now: Moment, observation: Observation, busyness: f64) {
        if observation.outcome == Outcome::Cancelled {
            return;
        }
        if local && observation.outcome == Outcome::Refused {
            self.share = (self.share + (1.0 - self.share) / REFUSALS).min(1.0 - TRICKLE);
        }
        let side = if local { &mut self.local } else { &mut self.remote };
        let mut seen = ((observation.latency.as_nanos() as f64).max(1.0) * busyness).log2();
        if let (Outcome::Failed | Outcome::Refused, Some(Side { mean, .. })) = (observation.outcome, *side) {
            // Failing or refusing fast is no capacity: it counts as an answer that took twice as long as usual.
            seen = seen.max(mean + 1.0).min(LONGEST);
        }
        *side = Some(Side::with(*side, seen, now));
        let (Some(local), Some(remote)) = (self.local, self.remote) else { return };
        let error = (local.mean - remote.mean - self.rules.ratio.max(1.0).log2()).clamp(-1.0, 1.0);
        let error = if error < 0.0 { error / BACK } else { error };
        let step =
            now.since(self.moved).min(LONGEST_STEP).as_secs_f64() / self.rules.pace.as_secs_f64().max(0.001);
        self.share = (self.share + error * step).clamp(TRICKLE, 1.0 - TRICKLE);
        self.moved = now;
    }
}
