//! What the calls of a short time showed together: sums that threads add to without a lock.

use super::{Outcome, Sample};
use crate::Moment;
use crate::eject::latency_log2;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Calls that a window needs to say something.
const SAMPLES_MIN: u64 = 20;
/// Windows after which fewer will do: a service with ten calls a second is also measured.
const PATIENCE: u32 = 10;
/// Steps to an octave of [`latency_log2`].
const STEPS: f64 = 256.0;

/// The sums of the window that is open.
#[derive(Debug)]
pub(super) struct Window {
    began: AtomicU64,
    answered: AtomicU64,
    latency_log2: AtomicU64,
    least_ns: AtomicU64,
    dropped: AtomicU64,
    /// Most calls in flight that any call saw as it ended.
    most: AtomicU64,
}

/// What a closed window showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// Geometric mean of the latencies, in nanoseconds.
    pub(super) typical_ns: f64,
    /// The shortest latency, in nanoseconds.
    pub(super) least_ns: f64,
    /// Calls that ran out of time or were refused, as a share of all.
    pub(super) dropped: f64,
    /// Most calls in flight.
    pub(super) most: u64,
}

impl Window {
    pub(super) fn new() -> Window {
        Window {
            began: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            latency_log2: AtomicU64::new(0),
            least_ns: AtomicU64::new(u64::MAX),
            dropped: AtomicU64::new(0),
            most: AtomicU64::new(0),
        }
    }

    pub(super) fn record(&self, in_flight: u64, sample: Sample) {
        match sample.outcome {
            Outcome::Ignore => return,
            Outcome::Dropped => _ = self.dropped.fetch_add(1, Relaxed),
            Outcome::Ok => {
                self.answered.fetch_add(1, Relaxed);
                self.latency_log2.fetch_add(latency_log2(sample.latency), Relaxed);
                let ns = u64::try_from(sample.latency.as_nanos()).unwrap_or(u64::MAX);
                // Read first: nearly always there is nothing to write.
                if ns < self.least_ns.load(Relaxed) {
                    self.least_ns.fetch_min(ns, Relaxed);
                }
            }
        }
        if in_flight > self.most.load(Relaxed) {
            self.most.fetch_max(in_flight, Relaxed);
        }
    }

    /// Whether it has lasted long enough and seen enough.
    pub(super) fn is_over(&self, now: Moment, length: Duration) -> bool {
        let lasted = now.since(Moment::from_nanos(self.began.load(Relaxed)));
        if lasted < length {
            return false;
        }
        let seen = self.answered.load(Relaxed) + self.dropped.load(Relaxed);
        seen >= SAMPLES_MIN || lasted >= length * PATIENCE
    }

    /// Closes it and begins the next; `None` where somebody else just did, or nobody was answered. What ends between two of these
    /// loads is counted in one of the two windows, in parts: sums this small do not matter to a gradient that moves by quarters.
    pub(super) fn close(&self, now: Moment, length: Duration) -> Option<Seen> {
        if !self.is_over(now, length) {
            return None;
        }
        self.began.store(now.nanos(), Relaxed);
        let answered = self.answered.swap(0, Relaxed);
        let log2 = self.latency_log2.swap(0, Relaxed);
        let least_ns = self.least_ns.swap(u64::MAX, Relaxed);
        let dropped = self.dropped.swap(0, Relaxed);
        let most = self.most.swap(0, Relaxed);
        if answered == 0 {
            return None;
        }
        let mean = log2 as f64 / (answered as f64 * STEPS);
        Some(Seen {
            typical_ns: mean.floor().exp2() * (1.0 + mean.fract()),
            least_ns: least_ns as f64,
            dropped: dropped as f64 / (answered + dropped) as f64,
            most,
        })
    }
}
