//! When a second attempt begins: the live p95 of how long attempts take, for one method or service on one thread.
//!
//! ```text
//!   attempt took 8.1 ms ──record──▶ ┌─ this generation ─┐ ┌─ the one before ─┐ ──quantile──▶ 23 ms: hedge after that
//!                                   └───────────────────┘ └──────────────────┘
//!                                       half a window         half a window, then forgotten
//! ```
//!
//! A hedge that waits for the p95 adds at most 5 % of load and takes most of the tail away (Dean and Barroso, "The Tail at Scale",
//! 2013). The delay must be live: a fixed one hedges everything when the service slows down, and nothing when it gets faster.
//!
//! What was cut short counts as well where it says something ([`DelayEstimate::cut_short`]): an attempt that lost against its hedge has
//! taken *at least* the time until then. Leaving losers out would make the estimate fall with every hedge, and so cause more of them.
//!
//! **Accuracy.** At most [`RELATIVE_ERROR`] off the exact (nearest-rank) quantile of the samples held. **Memory** of the past: a
//! change is followed wholly within one window, or within twice [`MIN_SAMPLES`] samples where traffic is so thin that these take
//! longer; upwards the p95 follows as soon as 5 % of the samples held are new. What nothing was added to for twice [`MAX_WINDOWS`]
//! windows is no estimate any more.

use std::time::Duration;

use crate::Moment;

mod histogram;
#[cfg(test)]
mod tests;

use histogram::Histogram;
pub use histogram::RELATIVE_ERROR;

/// Fewer samples say nothing about a p95: a hundred have five beyond it.
pub const MIN_SAMPLES: u32 = 100;

/// Samples after which the quantile is computed anew: looking through the buckets costs about as much as a hundred records do.
const RECOMPUTE_SAMPLES: u32 = 128;

/// Time after which it is computed anew when anything was recorded: at low rates a hundred samples take too long, and a tenth
/// of a second is short beside any window.
const RECOMPUTE_AFTER_NS: u64 = 100_000_000;

/// Windows after which a generation ends though it has too few samples: what is so old says little about now.
pub const MAX_WINDOWS: u64 = 30;

/// Which quantile of which samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DelayRules {
    /// The share of attempts that are faster than the delay, within 0.5 and 0.999. Default 0.95.
    pub quantile: f64,
    /// How far back samples count; they go half a window at a time. Default 10 s.
    pub window: Duration,
}

impl Default for DelayRules {
    fn default() -> DelayRules {
        DelayRules { quantile: 0.95, window: Duration::from_secs(10) }
    }
}

/// A live quantile of latencies. Belongs to one thread; its memory is taken once, at the start.
#[derive(Clone, Debug)]
pub struct DelayEstimate {
    quantile: f64,
    half_window_ns: u64,
    /// The generation that is recorded into, when it began, and when it may end.
    current: Histogram,
    began: Moment,
    due_ns: u64,
    previous: Histogram,
    cached: Option<Duration>,
    cached_at: Moment,
    /// Samples since the quantile was computed.
    unseen: u32,
}

impl DelayEstimate {
    /// An estimate without samples.
    pub fn new(rules: &DelayRules) -> DelayEstimate {
        let window_ns = u64::try_from(rules.window.as_nanos()).unwrap_or(u64::MAX);
        let quantile = if rules.quantile.is_nan() { DelayRules::default().quantile } else { rules.quantile };
        DelayEstimate {
            quantile: quantile.clamp(0.5, 0.999),
            half_window_ns: (window_ns / 2).max(1),
            current: Histogram::new(),
            began: Moment::START,
            due_ns: 0,
            previous: Histogram::new(),
            cached: None,
            cached_at: Moment::START,
            unseen: 0,
        }
    }

    /// An attempt that did not come to its answer: it was given up, or failed. That it would have taken longer than the quantile is known
    /// where it already had; that it would have taken less is never known, so nothing else is recorded.
    pub fn cut_short(&mut self, now: Moment, latency_ns: u64) {
        let known = self.quantile(now).is_some_and(|quantile| u128::from(latency_ns) >= quantile.as_nanos());
        if known {
            self.record(now, latency_ns);
        }
    }

    /// An attempt was answered after `latency_ns`. A few nanoseconds; nothing is allocated.
    #[inline]
    pub fn record(&mut self, now: Moment, latency_ns: u64) {
        if now.nanos() >= self.due_ns {
            self.turn(now);
        }
        self.current.add(latency_ns);
        self.unseen = self.unseen.saturating_add(1);
    }

    /// The quantile of the samples held; `None` while they are fewer than [`MIN_SAMPLES`]. Cached for 128 samples or 100 ms.
    pub fn quantile(&mut self, now: Moment) -> Option<Duration> {
        if now.nanos() >= self.due_ns {
            self.turn(now);
        }
        let count = self.current.count().saturating_add(self.previous.count());
        if count < MIN_SAMPLES {
            return None;
        }
        let old = now.nanos().saturating_sub(self.cached_at.nanos()) >= RECOMPUTE_AFTER_NS;
        if self.cached.is_none() || self.unseen >= RECOMPUTE_SAMPLES || (old && self.unseen > 0) {
            let nanos = Histogram::quantile_of_two(&self.current, &self.previous, self.quantile);
            self.cached = Some(Duration::from_nanos(nanos));
            self.cached_at = now;
            self.unseen = 0;
        }
        self.cached
    }

    /// Ends the current generation if it is time and it has samples enough to stand alone, or if it is far too old.
    #[cold]
    fn turn(&mut self, now: Moment) {
        let age_ns = now.nanos().saturating_sub(self.began.nanos());
        let max_ns = self.half_window_ns.saturating_mul(2 * MAX_WINDOWS);
        if self.current.count() < MIN_SAMPLES && age_ns < max_ns {
            // Asked again with every sample until there are enough: at such rates that costs nothing.
            return;
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.clear();
        if age_ns >= max_ns.saturating_mul(2) {
            self.previous.clear();
        }
        self.began = now;
        self.due_ns = now.nanos().saturating_add(self.half_window_ns);
        self.cached = None;
    }
}
