//! When requests begin: a Poisson process, as many independent callers make it. Pure: randomness is passed in.

use rand::Rng;
use std::time::Duration;

/// Start times since the beginning, each later than the last.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    now_ns: f64,
}

impl Schedule {
    /// The next start, at `rps` requests a second on average; at least one.
    pub fn next(&mut self, rps: u32, random: &mut impl Rng) -> Duration {
        // Exponential gaps by inversion; 1 - u is never 0.
        let uniform: f64 = random.random();
        self.now_ns -= 1e9 / f64::from(rps.max(1)) * (1.0 - uniform).ln();
        Duration::from_nanos(self.now_ns as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    #[test]
    fn the_rate_is_kept_on_average_and_time_never_runs_back() {
        let mut random = SmallRng::seed_from_u64(7);
        let mut schedule = Schedule::default();
        let rates = [(50_000, 500), (50_000, 1000)];
        let rates = rates.into_iter().flat_map(|(times, rps)| std::iter::repeat_n(rps, times));
        let starts: Vec<Duration> = rates.map(|rps| schedule.next(rps, &mut random)).collect();
        assert!(starts.is_sorted());
        for (at, expected) in [(49_999, 100.0), (99_999, 150.0)] {
            let seconds = starts[at].as_secs_f64();
            assert!((seconds / expected - 1.0).abs() < 0.02, "{seconds}");
        }
    }
}
