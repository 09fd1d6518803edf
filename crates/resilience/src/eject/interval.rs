//! What an instance did in one interval, in four numbers that add up.

use std::ops::{AddAssign, SubAssign};
use std::time::Duration;

/// Steps to an octave of [`latency_log2`].
const STEPS: u64 = 256;

/// log₂ of the latency in nanoseconds, times 256, linear between powers of two (at most 6 % off, the same for all who are compared).
///
/// Sums of it give a geometric mean: a few slow requests among many do not move it, many do, and it costs a recorder one addition.
pub fn latency_log2(latency: Duration) -> u64 {
    let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
    let octave = u64::from(nanos.ilog2());
    // The bits below the highest one are the way to the next power of two.
    let within = (u128::from(nanos ^ (1 << octave)) * u128::from(STEPS)) >> octave;
    octave * STEPS + within as u64
}

/// Counts of one instance over some time. All of them add up over threads and over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Attempts that ended.
    pub requests: u64,
    /// Those of them that failed by the instance's fault.
    pub failures: u64,
    /// Sum of [`latency_log2`] of all.
    pub latency_log2: u64,
    /// Sum of its squares: how much latencies differ anyhow.
    pub latency_log2_squared: u64,
}

impl Interval {
    /// Counts one attempt.
    pub fn record(&mut self, latency: Duration, failed: bool) {
        self.requests += 1;
        self.failures += u64::from(failed);
        let log2 = latency_log2(latency);
        self.latency_log2 += log2;
        self.latency_log2_squared += log2 * log2;
    }

    /// Failures by requests, 0 without requests.
    pub fn failure_share(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failures as f64 / self.requests as f64 }
    }

    /// The geometric mean of the latencies in nanoseconds.
    pub(super) fn typical_nanos(&self) -> f64 {
        if self.requests == 0 {
            return 0.0;
        }
        let mean = self.latency_log2 as f64 / (self.requests * STEPS) as f64;
        mean.floor().exp2() * (1.0 + mean.fract())
    }

    /// The variance of log₂ of the latencies, in octaves squared.
    pub(super) fn octaves_squared(&self) -> f64 {
        let (count, steps) = (self.requests.max(1) as f64, STEPS as f64);
        let mean = self.latency_log2 as f64 / count;
        (self.latency_log2_squared as f64 / count - mean * mean).max(0.0) / (steps * steps)
    }
}

impl AddAssign for Interval {
    fn add_assign(&mut self, other: Interval) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.latency_log2 += other.latency_log2;
        self.latency_log2_squared += other.latency_log2_squared;
    }
}

impl SubAssign for Interval {
    fn sub_assign(&mut self, other: Interval) {
        self.requests = self.requests.saturating_sub(other.requests);
        self.failures = self.failures.saturating_sub(other.failures);
        self.latency_log2 = self.latency_log2.saturating_sub(other.latency_log2);
        self.latency_log2_squared = self.latency_log2_squared.saturating_sub(other.latency_log2_squared);
    }
}

#[cfg(test)]
mod tests {
    use super::{Interval, latency_log2};
    use std::time::Duration;

    #[test]
    fn the_typical_latency_is_the_geometric_mean() {
        let check = |latencies_us: &[u64], expected_us: f64| {
            let mut interval = Interval::default();
            latencies_us.iter().for_each(|us| interval.record(Duration::from_micros(*us), false));
            let seen = interval.typical_nanos() / 1000.0;
            assert!(
                (seen / expected_us - 1.0).abs() < 0.07,
                "{seen} µs of {latencies_us:?}, not {expected_us}"
            );
        };
        check(&[5000], 5000.0);
        check(&[1000, 100_000], 10_000.0);
        check(&[3, 3, 3], 3.0);
        check(&[1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1_000_000], 1995.0);
        assert_eq!(Interval::default().typical_nanos(), 0.0);
    }

    #[test]
    fn the_variance_is_in_octaves() {
        let mut interval = Interval::default();
        [1, 4, 1, 4].iter().for_each(|ms| interval.record(Duration::from_millis(*ms), false));
        assert!((interval.octaves_squared() - 1.0).abs() < 1e-3, "one octave to each side of 2 ms");
        assert_eq!(Interval::default().octaves_squared(), 0.0);
    }

    #[test]
    fn no_latency_is_too_small_or_too_large() {
        assert_eq!(latency_log2(Duration::ZERO), 0);
        assert_eq!(latency_log2(Duration::from_nanos(1 << 20)), 20 * 256);
        assert_eq!(latency_log2(Duration::MAX), 64 * 256 - 1);
    }
}
