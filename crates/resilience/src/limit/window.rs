//! What the calls of a short time showed together: counts that threads add to without a lock.

use super::{Outcome, Sample};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Buckets to an octave: one is at most an eighth wide, which is fine beside a tolerance of a half.
const STEPS: usize = 8;
/// The shortest latency told apart: 2^10 ns, about a microsecond.
const FIRST_OCTAVE: u32 = 10;
/// Up to 2^37 ns, about two minutes, which is beyond any sensible deadline.
const OCTAVES: usize = 27;
const BUCKETS: usize = OCTAVES * STEPS;

/// Which percentile of a window answers "did even the lucky ones wait?". Low, because in a queue everybody waits, while a slow method, a
/// missed cache or a pause only lengthens the tail. Not the least, because a few that were answered without work would hide the queue.
const LOW: f64 = 0.10;

/// The counts of the window that is open. A sample is one relaxed addition; samples of different latency touch different cache lines,
/// so that nothing is sharded by thread, and sum and count are derived once a window.
#[derive(Debug)]
pub(super) struct Window {
    buckets: [AtomicU32; BUCKETS],
    dropped: AtomicU32,
    /// 1 once somebody was refused.
    refused: AtomicU32,
    /// Most calls in flight that any call saw as it ended.
    most: AtomicU32,
}

/// What a closed window showed. Latencies are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// How long it was.
    pub(super) seconds: f64,
    /// Calls whose latency was seen.
    pub(super) answered: u64,
    /// The mean of the latencies, at most 6 % off.
    pub(super) mean: f64,
    /// Their [`LOW`] percentile, at most 12 % off.
    pub(super) low: f64,
    /// The least of them, at most 12 % too low.
    pub(super) least: f64,
    /// Calls that ran out of time or were refused by the service.
    pub(super) dropped: u64,
    /// Whether the limit refused anybody.
    pub(super) refused: bool,
    /// Most calls in flight.
    pub(super) most: u64,
}

impl Seen {
    /// Calls answered a second.
    pub(super) fn throughput(&self) -> f64 {
        if self.seconds > 0.0 { self.answered as f64 / self.seconds } else { 0.0 }
    }

    /// Calls that ran out of time or were refused by the service, as a share of all.
    pub(super) fn dropped_share(&self) -> f64 {
        self.dropped as f64 / (self.answered + self.dropped).max(1) as f64
    }
}

impl Window {
    pub(super) fn new() -> Window {
        Window {
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
            dropped: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            most: AtomicU32::new(0),
        }
    }

    /// A call ended, which left `in_flight` of them before it was taken away.
    pub(super) fn record(&self, in_flight: u64, sample: Sample) {
        match sample.outcome {
            Outcome::Ignore => return,
            Outcome::Dropped => _ = self.dropped.fetch_add(1, Relaxed),
            Outcome::Ok => {
                let nanos = u64::try_from(sample.latency.as_nanos()).unwrap_or(u64::MAX);
                if let Some(bucket) = self.buckets.get(bucket_of(nanos)) {
                    bucket.fetch_add(1, Relaxed);
                }
            }
        }
        let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
        // Read first: nearly always there is nothing to write.
        if in_flight > self.most.load(Relaxed) {
            self.most.fetch_max(in_flight, Relaxed);
        }
    }

    /// Somebody was refused. Written once a window, so that a storm of refusals shares the cache line instead of passing it around.
    pub(super) fn record_refused(&self) {
        if self.refused.load(Relaxed) == 0 {
            self.refused.store(1, Relaxed);
        }
    }

    /// Calls that ended by now and say something.
    pub(super) fn samples(&self) -> u64 {
        let answered: u64 = self.buckets.iter().map(|bucket| u64::from(bucket.load(Relaxed))).sum();
        answered + u64::from(self.dropped.load(Relaxed))
    }

    /// Takes what was seen in `seconds` and begins the next window. What ends meanwhile is counted in one of the two.
    pub(super) fn take(&self, seconds: f64) -> Seen {
        let mut counts = [0u64; BUCKETS];
        for (count, bucket) in counts.iter_mut().zip(&self.buckets) {
            // Most buckets are empty, and reading is cheaper than swapping.
            if bucket.load(Relaxed) > 0 {
                *count = u64::from(bucket.swap(0, Relaxed));
            }
        }
        let answered: u64 = counts.iter().sum();
        let middle = |bucket| floor_of(bucket) + width_of(bucket) / 2.0;
        let sum: f64 = counts.iter().enumerate().map(|(bucket, &count)| count as f64 * middle(bucket)).sum();
        Seen {
            seconds,
            answered,
            mean: sum / answered.max(1) as f64,
            least: percentile(&counts, 0.0),
            low: percentile(&counts, LOW * answered as f64),
            dropped: u64::from(self.dropped.swap(0, Relaxed)),
            refused: self.refused.swap(0, Relaxed) > 0,
            most: u64::from(self.most.swap(0, Relaxed)),
        }
    }
}

/// The value below which `rank` of the counted lie, those of one bucket taken as evenly spread; 0 where nothing was counted.
fn percentile(counts: &[u64; BUCKETS], rank: f64) -> f64 {
    let mut below = 0.0;
    for (bucket, &count) in counts.iter().enumerate() {
        let count = count as f64;
        if count > 0.0 && below + count >= rank {
            return floor_of(bucket) + width_of(bucket) * ((rank - below) / count);
        }
        below += count;
    }
    0.0
}

fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.clamp(1 << FIRST_OCTAVE, (1 << (FIRST_OCTAVE + OCTAVES as u32)) - 1);
    let octave = nanos.ilog2();
    let step = (nanos >> (octave - STEPS.ilog2())) as usize & (STEPS - 1);
    (octave - FIRST_OCTAVE) as usize * STEPS + step
}

fn floor_of(bucket: usize) -> f64 {
    width_of(bucket) * (STEPS + bucket % STEPS) as f64
}

fn width_of(bucket: usize) -> f64 {
    let octave = FIRST_OCTAVE + (bucket / STEPS) as u32;
    (1u64 << octave) as f64 / STEPS as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #[test]
        fn a_latency_lies_in_its_bucket(nanos in 1u64 << FIRST_OCTAVE..1 << 37) {
            let bucket = bucket_of(nanos);
            prop_assert!(floor_of(bucket) <= nanos as f64);
            prop_assert!((nanos as f64) < floor_of(bucket) + width_of(bucket));
        }
    }

    #[test]
    fn what_is_out_of_range_falls_into_the_first_or_last_bucket() {
        for (nanos, bucket) in [(0, 0), (1, 0), (1023, 0), (u64::MAX, BUCKETS - 1), (1 << 37, BUCKETS - 1)] {
            assert_eq!(bucket_of(nanos), bucket, "{nanos} ns");
        }
    }

    #[test]
    fn a_window_is_summed_up_once() {
        let window = Window::new();
        for millis in 1..=100 {
            window
                .record(millis % 8, Sample { latency: Duration::from_millis(millis), outcome: Outcome::Ok });
        }
        window.record(3, Sample { latency: Duration::from_secs(9), outcome: Outcome::Dropped });
        window.record(99, Sample { latency: Duration::from_secs(9), outcome: Outcome::Ignore });
        window.record_refused();
        assert_eq!(window.samples(), 101);
        let seen = window.take(2.0);
        assert_eq!((seen.answered, seen.dropped, seen.most, seen.refused), (100, 1, 7, true));
        assert!((seen.low / 10e6 - 1.0).abs() < 0.12, "{seen:?}");
        assert!((seen.mean / 50.5e6 - 1.0).abs() < 0.06, "{seen:?}");
        assert!((seen.throughput() - 50.0).abs() < 1e-9);
        assert_eq!(window.take(1.0), Seen { seconds: 1.0, ..Seen::default() });
    }
}
