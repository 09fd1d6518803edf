//! What one thread knows of one instance: how long it takes, how much it has to do, how often it fails.
//!
//! The latency is the Peak EWMA of Finagle ("Finagle, Clients, Load Balancing", Twitter) and linkerd2 (`p2c` with `PeakEwma`): it
//! jumps up to a slow answer at once and comes down with time, so that one slow instance is left alone after one answer. At hundreds of answers
//! a second the peak of a sound instance is its worst answer of seconds, too, and no longer tells it from a slow one: so the latency of the
//! score is the geometric mean of the peak and of the mean of its last answers. The score is latency × attempts in flight, and the lower one wins:
//!
//! ```text
//!   score = max(√(peak · mean), age) · (in flight / weight + 1) · (1 + 4 · (failing² + refusing²) · pressure) / (1 − utilisation)
//! ```
//!
//! - `age`: time since which attempts run and none was answered. What has run for 2 s will have taken at least 2 s, so a hung instance loses
//!   its traffic before its first time-out. Only an answer ends it: attempts that were given up or ran out of time are no sign of life.
//! - `failing`: the recent share of failures. `pressure`: what is in flight at the others. An instance that fails fast has nothing in flight
//!   and would win every comparison; the penalty grows with what the others carry, so it stays behind however busy they are. Squared,
//!   because a rare error says little and an error rate says much.
//! - `refusing`: the recent share of attempts that it refused because it is full. That is no failure, since nothing of it ran and the instance is
//!   well, and it is forgotten within a second; meanwhile what it is spared goes to those that have room.
//! - `utilisation`: as reported (ORCA); waiting grows as 1/(1 − u) in a queue.
//!
//! A latency nobody refreshes falls to half the service's average within `decay`, however high it was. So an instance that hung for a
//! second, a hundred times what the others take, is tried again after seconds; falling as e^(−t/decay) it would be left alone for a
//! minute after it healed. It never falls so low that it would draw a flood.

mod average;
mod trouble;

pub use average::Average;

use crate::Moment;
use crate::moment::nanos_f64;
use std::time::Duration;
use trouble::Trouble;

/// An instance is suspect when it answered nothing for this many times the peak latency of its answers.
const STALLED_PEAKS: f64 = 4.0;
/// An attempt that loses the race counts as a failure of its instance when it was silent for this many times what the winner, and calls
/// on average, took: as much as makes an instance suspect. Else an instance that hangs would be known only by calls that fail: those
/// that a second attempt saves would be silence about it, and its standing would recover with each of them.
const OUTRUN: u32 = STALLED_PEAKS as u32;
/// Least share of an answer in the mean of the last ones: about the last eight count, and none from `decay` ago.
const TYPICAL_STEP: f64 = 1.0 / 8.0;
/// Where an unrefreshed latency falls to, as a share of the service's average.
const IDLE_FLOOR: f64 = 0.5;
/// The utilisation from which a report makes no more difference: the factor 1/(1 − u) is at most 10.
const UTILISATION_MOST: f64 = 0.9;
/// The smallest share of its weight that an instance gets in its slow start.
const SLOW_START_LEAST: f64 = 0.1;
/// The weights that are taken as they are; what is outside is clamped.
const WEIGHTS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// How loads are measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadRules {
    /// Time after which a slow answer has lost 63 % of its weight among others, and all of it when no other comes; 10 s as in Finagle and linkerd2.
    pub decay: Duration,
    /// Time in which a new or returned instance comes up to its full share; 10 s, zero for none.
    pub slow_start: Duration,
    /// The latency assumed before anything was measured; 5 ms.
    pub initial: Duration,
    /// How long a reported utilisation counts; 5 s.
    pub utilisation_valid: Duration,
}

impl Default for LoadRules {
    fn default() -> LoadRules {
        LoadRules {
            decay: Duration::from_secs(10),
            slow_start: Duration::from_secs(10),
            initial: Duration::from_millis(5),
            utilisation_valid: Duration::from_secs(5),
        }
    }
}

/// How an attempt ended, for the instance's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, and not with a failure of its own.
    Ok,
    /// It failed: could not be reached, reset, timed out, or answered with an error that is the instance's.
    Failed,
    /// The instance did nothing of it because it has too much to do: it is well, and had better get less. How fast it says so is no latency.
    Refused,
    /// We stopped waiting (the caller went away, another attempt won): it would have taken at least this long.
    Cancelled,
}

impl Outcome {
    /// What an attempt shows that was given up after `silent` without an answer, where calls take `typical` on average: a failure when the
    /// same call was answered by another attempt `won_in` a fraction of that, or when it was given up because time was over (`late`)
    /// and it had had more of it than is usual; else nothing.
    pub fn of_given_up(silent: Duration, typical: Duration, won_in: Option<Duration>, late: bool) -> Outcome {
        let outrun = won_in.is_some_and(|won| silent > OUTRUN * won.max(typical));
        if outrun || (late && silent > typical) { Outcome::Failed } else { Outcome::Cancelled }
    }
}

/// One finished attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Time from its start to its answer (for a stream: to its head).
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// One instance in the eyes of one thread.
#[derive(Clone, Debug)]
pub struct Load {
    /// Peak EWMA in nanoseconds as of `measured`; `None` before the first answer.
    latency: Option<f64>,
    /// The same as of the last answer: what was given up since makes it a worse choice, but nobody may wait longer for a sign of life.
    answered: Option<f64>,
    /// Mean of the last answers, in nanoseconds.
    typical: Option<f64>,
    measured: Moment,
    trouble: Trouble,
    in_flight: u32,
    streams: u32,
    /// Since when attempts run and none was answered; meaningful while `in_flight > 0`.
    unanswered_since: Moment,
    weight: f64,
    /// When slow start began; `None` when the instance is warm.
    warming_since: Option<Moment>,
    utilisation: Option<(f64, Moment)>,
}

impl Load {
    /// An instance of `weight` (1 is usual), warm when `warming_since` is `None`. The caller knows whether it joined a running service, which it
    /// should do slowly, or is as new as all the others, which leaves nobody warmer.
    pub fn new(weight: f64, warming_since: Option<Moment>) -> Load {
        Load {
            latency: None,
            answered: None,
            typical: None,
            measured: Moment::START,
            trouble: Trouble::default(),
            in_flight: 0,
            streams: 0,
            unanswered_since: Moment::START,
            weight: clamped(weight),
            warming_since,
            utilisation: None,
        }
    }

    /// Changes the weight.
    pub fn set_weight(&mut self, weight: f64) {
        self.weight = clamped(weight);
    }

    /// It is usable again after a failure or ejection: what was known is forgotten, and it starts slowly.
    pub fn returned(&mut self, now: Moment) {
        self.latency = None;
        self.answered = None;
        self.typical = None;
        self.trouble = Trouble::default();
        self.utilisation = None;
        self.warming_since = Some(now);
    }

    /// An attempt starts.
    pub fn began(&mut self, now: Moment) {
        if self.in_flight == 0 {
            self.unanswered_since = now;
        }
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// An attempt ended. Tell `average` and the balancer too, which [`crate::balance::Balancer::ended`] does in one.
    pub fn ended(&mut self, now: Moment, observation: Observation, average: &Average) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let latency = nanos_f64(observation.latency);
        let fade = average.fade(self.measured, now);
        let known = self.latency_now(now, average);
        let seen = match observation.outcome {
            Outcome::Ok => latency,
            // Failing faster than the others answer is no virtue.
            Outcome::Failed => latency.max(average.latency()),
            Outcome::Cancelled if latency > known => latency,
            Outcome::Cancelled => return,
            Outcome::Refused => {
                self.unanswered_since = now;
                return self.trouble.ended(now, Outcome::Refused, average);
            }
        };
        let typical = self.typical.map_or(seen, |typical| self.faded(typical, now, average));
        let step = average.idle(self.measured, now).max(TYPICAL_STEP);
        self.typical = Some(typical + step * (seen - typical));
        self.latency = Some(if seen >= known { seen } else { seen + (known - seen) * fade });
        self.trouble.ended(now, observation.outcome, average);
        self.measured = now;
        if observation.outcome == Outcome::Ok {
            self.unanswered_since = now;
            self.answered = self.latency;
        }
    }

    /// The head of a stream came: its latency is known, and it goes on without a word on how long that may be. Call instead of
    /// [`Load::ended`] for it, and [`Load::stream_ended`] later.
    pub fn streaming(&mut self, now: Moment, observation: Observation, average: &Average) {
        self.ended(now, observation, average);
        self.streams = self.streams.saturating_add(1);
    }

    /// A stream ended, whatever the way.
    pub fn stream_ended(&mut self) {
        self.streams = self.streams.saturating_sub(1);
    }

    /// The instance reported how busy it is, 0 to 1 and above (see [`crate::orca`]).
    pub fn reported(&mut self, now: Moment, utilisation: f64) {
        if utilisation.is_finite() && utilisation >= 0.0 {
            self.utilisation = Some((utilisation, now));
        }
    }

    /// The smoothed latency as of the last answer; `None` before the first.
    pub fn latency(&self) -> Option<Duration> {
        self.latency.map(|latency| Duration::from_nanos(latency as u64))
    }

    /// Attempts and streams in flight from this thread.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.saturating_add(self.streams)
    }

    /// What the next attempt would meet, in nanoseconds and penalties; the lower the better, always finite.
    pub fn score(&self, now: Moment, average: &Average) -> f64 {
        let latency = self.expected(now, average).max(self.age(now));
        let queue = f64::from(self.in_flight()) / self.weight + 1.0;
        latency * queue * self.trouble.penalty(now, average) * self.busyness(now, average)
    }

    /// 1/(1 − u) for the reported utilisation u, that of the service on average where it reports none.
    pub fn busyness(&self, now: Moment, average: &Average) -> f64 {
        let utilisation = match self.utilisation {
            Some((value, at)) if now.since(at) <= average.rules().utilisation_valid => value,
            _ => average.utilisation(now),
        };
        1.0 / (1.0 - utilisation.min(UTILISATION_MOST))
    }

    /// Whether it had better get nothing while there are others: attempts run and none was answered for several times its peak latency,
    /// or most of the last ones failed, or nearly all were refused.
    pub fn is_suspect(&self, now: Moment, average: &Average) -> bool {
        let usual = self.answered.unwrap_or(average.latency()).min(self.latency_now(now, average));
        self.trouble.is_suspect(now, average) || self.age(now) > STALLED_PEAKS * usual
    }

    /// The share of draws it takes part in, against `heaviest`, the largest weight of the service: its weight, less in its slow start.
    /// At few attempts in flight it is the draws and not the scores that make the shares.
    pub fn share(&self, now: Moment, heaviest: f64, slow_start: Duration) -> f64 {
        let warm = match self.warming_since {
            Some(since) if now.since(since) < slow_start => {
                (now.since(since).as_secs_f64() / slow_start.as_secs_f64()).max(SLOW_START_LEAST)
            }
            _ => 1.0,
        };
        warm * (self.weight / clamped(heaviest)).min(1.0)
    }

    /// Time since which attempts run and none was answered, in nanoseconds.
    fn age(&self, now: Moment) -> f64 {
        if self.in_flight == 0 { 0.0 } else { now.nanos_since(self.unanswered_since) }
    }

    fn latency_now(&self, now: Moment, average: &Average) -> f64 {
        self.latency.map_or(average.latency(), |known| self.faded(known, now, average))
    }

    /// What an answer will take.
    fn expected(&self, now: Moment, average: &Average) -> f64 {
        let typical = self.typical.map_or(average.latency(), |known| self.faded(known, now, average));
        (self.latency_now(now, average) * typical).sqrt()
    }

    /// What is left of `known`, as of the last answer.
    fn faded(&self, known: f64, now: Moment, average: &Average) -> f64 {
        let floor = average.latency() * IDLE_FLOOR;
        let idle = average.idle(self.measured, now);
        // Evenly in the logarithm, as far as the part of `decay` that has passed.
        if known <= floor || idle == 0.0 { known } else { known * (floor / known).powf(idle) }
    }
}

/// `weight` where it is one, else the nearest that is; 1 for what is no number.
fn clamped(weight: f64) -> f64 {
    if weight.is_nan() { 1.0 } else { weight.clamp(*WEIGHTS.start(), *WEIGHTS.end()) }
}

#[cfg(test)]
mod tests;
