//! How long to wait before a dead child is started again. Pure: run time and randomness are passed in.

use std::time::Duration;

/// The first wait: a crash by bad luck costs next to nothing.
const FIRST: Duration = Duration::from_millis(100);
/// The longest: a child that cannot start costs little, and one that can again is back soon.
const LONGEST: Duration = Duration::from_secs(10);
/// A child that ran this long was healthy; its next death is a new story.
const HEALTHY: Duration = Duration::from_secs(10);

/// Deaths in a row.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    deaths: u32,
}

impl Backoff {
    /// The wait after a child that ran for `ran` has died: doubling, spread over half to one and a half of its value by
    /// `random` in 0..1, so that children that died together do not come back together.
    pub fn after(&mut self, ran: Duration, random: f64) -> Duration {
        if ran >= HEALTHY {
            self.deaths = 0;
        }
        let doubled = FIRST.saturating_mul(1 << self.deaths.min(10)).min(LONGEST);
        self.deaths = self.deaths.saturating_add(1);
        doubled.mul_f64(0.5 + random.clamp(0.0, 1.0))
    }

    /// Deaths in a row so far.
    pub fn deaths(&self) -> u32 {
        self.deaths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_bound_and_begin_again_after_health() {
        let mut backoff = Backoff::default();
        let quick = Duration::from_millis(5);
        let waits: Vec<u128> = (0..9).map(|_| backoff.after(quick, 0.5).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        for _ in 0..100 {
            assert!(backoff.after(quick, 1.0) <= LONGEST.mul_f64(1.5));
        }
        assert_eq!(backoff.after(HEALTHY, 0.0), FIRST / 2);
        assert_eq!(backoff.deaths(), 1);
    }
}
