//! How often an instance failed or refused lately: what the next attempt has to fear.

use super::{Average, Outcome};
use crate::Moment;
use std::time::Duration;

/// Weight of a failed or refused attempt against the latency of the others, at one attempt in flight.
const PENALTY: f64 = 4.0;
/// Share of each attempt in the recent shares: three of a kind in a row make it more than one half, five more than three quarters.
const STEP: f64 = 0.25;
/// Above this recent share of failures an instance is suspect.
const FAILING: f64 = 0.5;
/// Above this recent share of refusals it is. Higher, because what it takes it does well: with half of it refused the penalty is enough.
const REFUSING: f64 = 0.75;
/// The memory of refusals. An instance that is full is so for hundreds of milliseconds; remembered for as long as a failure, a moment of
/// too much would leave it idle for seconds and push its load onto the others.
const REFUSED_MEMORY: Duration = Duration::from_secs(1);
/// A share below this is none: it changes no score by a millionth, and what is zero needs no arithmetic.
const LEAST: f64 = 1e-4;

/// The recent shares of attempts that failed and that were refused, as of the last one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    failing: f64,
    refusing: f64,
    at: Moment,
}

impl Trouble {
    /// An attempt ended.
    pub(super) fn ended(&mut self, now: Moment, outcome: Outcome, average: &Average) {
        let step = |share: f64, happened: bool| {
            let share = share + STEP * (f64::from(u8::from(happened)) - share);
            if share < LEAST { 0.0 } else { share }
        };
        *self = Trouble {
            failing: step(self.failing(now, average), outcome == Outcome::Failed),
            refusing: step(self.refusing(now), outcome == Outcome::Refused),
            at: now,
        };
    }

    /// The factor of the score.
    pub(super) fn penalty(&self, now: Moment, average: &Average) -> f64 {
        let (failing, refusing) = (self.failing(now, average), self.refusing(now));
        1.0 + PENALTY * (failing * failing + refusing * refusing) * average.pressure()
    }

    /// Whether most of the last attempts failed, or nearly all were refused.
    pub(super) fn is_suspect(&self, now: Moment, average: &Average) -> bool {
        self.failing(now, average) > FAILING || self.refusing(now) > REFUSING
    }

    fn failing(&self, now: Moment, average: &Average) -> f64 {
        if self.failing == 0.0 { 0.0 } else { self.failing * average.fade(self.at, now) }
    }

    fn refusing(&self, now: Moment) -> f64 {
        if self.refusing == 0.0 {
            return 0.0;
        }
        self.refusing * (-now.since(self.at).as_secs_f64() / REFUSED_MEMORY.as_secs_f64()).exp()
    }
}
