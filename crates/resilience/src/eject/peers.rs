//! The instances of a service over the same time, as the background that one of them is seen against.

use super::{EjectionRules, Interval};

/// Sums and distributions over all instances for one number of intervals. With one instance taken out, each is that of the others.
#[derive(Debug, Default)]
pub(super) struct Peers {
    sum: Interval,
    /// Typical latencies of those with enough requests, sorted.
    typicals: Vec<f64>,
    /// Number, sum and sum of squares of the success rates of those with enough requests.
    rates: (usize, f64, f64),
}

impl Peers {
    pub(super) fn of(intervals: impl Iterator<Item = Interval>, rules: &EjectionRules) -> Peers {
        let mut peers = Peers::default();
        for interval in intervals {
            peers.sum += interval;
            if interval.requests >= rules.requests.max(1) {
                peers.typicals.push(interval.typical_nanos());
            }
            if interval.requests >= rules.success_rate_requests.max(1) {
                let rate = 1.0 - interval.failure_share();
                let (count, sum, squares) = peers.rates;
                peers.rates = (count + 1, sum + rate, squares + rate * rate);
            }
        }
        peers.typicals.sort_unstable_by(f64::total_cmp);
        peers
    }

    /// All requests and failures of the others.
    pub(super) fn others(&self, own: Interval) -> Interval {
        let mut others = self.sum;
        others -= own;
        others
    }

    /// The median typical latency of the others, in nanoseconds; `own` is one of those counted. Of two in the middle their geometric mean.
    pub(super) fn median_of_others(&self, own: Interval) -> Option<f64> {
        let others = self.typicals.len().checked_sub(1).filter(|n| *n > 0)?;
        let at = self.typicals.partition_point(|typical| *typical < own.typical_nanos());
        let other = |n: usize| self.typicals.get(if n < at { n } else { n + 1 });
        Some((other((others - 1) / 2)? * other(others / 2)?).sqrt())
    }

    /// Mean success rate less `success_rate_sigmas` standard deviations; `None` for too few instances.
    pub(super) fn least_rate(&self, rules: &EjectionRules) -> Option<f64> {
        let (count, sum, squares) = self.rates;
        if rules.success_rate_sigmas <= 0.0 || count < rules.success_rate_instances.max(2) {
            return None;
        }
        let mean = sum / count as f64;
        let sigma = (squares / count as f64 - mean * mean).max(0.0).sqrt();
        Some(mean - rules.success_rate_sigmas * sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::Peers;
    use crate::eject::{EjectionRules, Interval};
    use std::time::Duration;

    fn taking(millis: u64) -> Interval {
        let mut interval = Interval::default();
        (0..20).for_each(|_| interval.record(Duration::from_millis(millis), false));
        interval
    }

    #[test]
    fn the_median_is_that_of_the_others() {
        for (all, own, expected) in [
            (&[4][..], 4, None),
            (&[4, 64], 4, Some(64)),
            (&[4, 64], 64, Some(4)),
            (&[4, 16, 64], 64, Some(8)),
            (&[4, 16, 64], 4, Some(32)),
            (&[1, 2, 4, 8], 2, Some(4)),
            (&[1, 2, 4, 8], 8, Some(2)),
            (&[4, 4, 4, 4], 4, Some(4)),
        ] {
            let peers = Peers::of(all.iter().map(|ms| taking(*ms)), &EjectionRules::default());
            let median = peers.median_of_others(taking(own)).map(|nanos| (nanos / 1e6).round() as u64);
            assert_eq!(median, expected, "{own} among {all:?}");
        }
    }
}
