//! When requests begin: a Poisson process, as many independent callers make it. Pure: randomness is passed in.

use rand::Rng;
use std::time::Duration;

/// Start times since the beginning, each later than the last.
#[derive(Clone, Debug)]
pub struct Schedule {
    mean_ns: f64,
    now_ns: f64,
}

impl Schedule {
    /// `rps` requests a second on average; at least one.
    pub fn new(rps: u32) -> Schedule {
        Schedule { mean_ns: 1e9 / f64::from(rps.max(1)), now_ns: 0.0 }
    }

    /// The next start.
    pub fn next(&mut self, random: &mut impl Rng) -> Duration {
        // Exponential gaps by inversion; 1 - u is never 0.
        let uniform: f64 = random.random();
        self.now_ns -= self.mean_ns * (1.0 - uniform).ln();
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
        let mut schedule = Schedule::new(500);
        let starts: Vec<Duration> = (0..50_000).map(|_| schedule.next(&mut random)).collect();
        assert!(starts.is_sorted());
        let seconds = starts.last().unwrap().as_secs_f64();
        assert!((seconds - 100.0).abs() < 2.0, "{seconds}");
    }
}
