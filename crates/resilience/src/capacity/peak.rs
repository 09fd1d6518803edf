//! What was at most in the last 24 hours, and means over the last seconds.

use crate::Moment;
use std::time::Duration;

/// How finely the day is remembered: a peak is forgotten between 23¾ and 24 hours after it was.
const PIECE: Duration = Duration::from_secs(15 * 60);
const PIECES: usize = 96;

/// The largest value of the last 24 hours.
#[derive(Clone, Debug)]
pub(super) struct Peak {
    pieces: [f32; PIECES],
    /// The number of the piece that is written, counted from the start of time.
    current: u64,
}

impl Default for Peak {
    fn default() -> Peak {
        Peak { pieces: [0.0; PIECES], current: 0 }
    }
}

impl Peak {
    pub(super) fn note(&mut self, now: Moment, value: f64) {
        self.forget(now);
        let piece = (self.current % PIECES as u64) as usize;
        self.pieces[piece] = self.pieces[piece].max(value as f32);
    }

    /// The largest; 0 where nothing was noted.
    pub(super) fn most(&mut self, now: Moment) -> f64 {
        self.forget(now);
        f64::from(self.pieces.iter().fold(0.0, |most: f32, piece| most.max(*piece)))
    }

    /// Clears the pieces that time has passed over.
    fn forget(&mut self, now: Moment) {
        let piece = now.nanos() / PIECE.as_nanos() as u64;
        let passed = piece.saturating_sub(self.current).min(PIECES as u64);
        for old in (0..passed).map(|back| ((piece - back) % PIECES as u64) as usize) {
            self.pieces[old] = 0.0;
        }
        self.current = self.current.max(piece);
    }
}

/// Calls are counted over this many rounds, of about a second each: a single second of a small service is mostly chance.
const ROUNDS: usize = 10;

/// Rates and mean latencies over the last [`ROUNDS`].
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    rounds: [Round; ROUNDS],
    next: usize,
    seen: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Round {
    seconds: f64,
    calls: f64,
    latency_s: f64,
}

impl Recent {
    /// Adds `calls` in `seconds` that took `latency` each.
    pub(super) fn add(&mut self, seconds: f64, calls: u64, latency: Duration) {
        let calls = calls as f64;
        self.rounds[self.next] = Round { seconds, calls, latency_s: latency.as_secs_f64() * calls };
        self.next = (self.next + 1) % ROUNDS;
        self.seen = (self.seen + 1).min(ROUNDS);
    }

    /// Whether as many rounds were added as are remembered.
    pub(super) fn is_full(&self) -> bool {
        self.seen == ROUNDS
    }

    pub(super) fn calls(&self) -> f64 {
        self.rounds.iter().map(|round| round.calls).sum()
    }

    /// Calls a second.
    pub(super) fn rate(&self) -> f64 {
        let seconds: f64 = self.rounds.iter().map(|round| round.seconds).sum();
        if seconds > 0.0 { self.calls() / seconds } else { 0.0 }
    }

    /// The mean latency of the calls, seconds; `None` without calls.
    pub(super) fn latency_s(&self) -> Option<f64> {
        let calls = self.calls();
        (calls > 0.0).then(|| self.rounds.iter().map(|round| round.latency_s).sum::<f64>() / calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: f64) -> Moment {
        Moment::from_start(Duration::from_secs_f64(hours * 3600.0))
    }

    #[test]
    fn a_peak_is_remembered_for_a_day() {
        let mut peak = Peak::default();
        peak.note(at(10.0), 5.0);
        peak.note(at(10.1), 3.0);
        peak.note(at(20.0), 4.0);
        // hours, most
        for (hours, most) in [(20.0, 5.0), (33.7, 5.0), (34.1, 4.0), (43.7, 4.0), (44.1, 0.0), (500.0, 0.0)] {
            assert_eq!(peak.most(at(hours)), most, "after {hours} h");
        }
        peak.note(at(499.0), 7.0);
        assert_eq!(peak.most(at(500.0)), 7.0, "time that goes back is taken as standing still");
    }

    #[test]
    fn recent_is_the_last_ten_rounds() {
        let mut recent = Recent::default();
        assert_eq!((recent.rate(), recent.latency_s()), (0.0, None));
        for round in 1..=12 {
            recent.add(1.0, round, Duration::from_millis(10 * (1 + round % 2)));
            assert_eq!(recent.is_full(), round >= 10);
        }
        // 3 + … + 12 calls in 10 s; the odd ones (3, 5, 7, 9, 11) took 20 ms, the even ones (4, 6, 8, 10, 12) 10 ms.
        assert_eq!(recent.rate(), 7.5);
        assert!((recent.latency_s().unwrap() - (35.0 * 0.02 + 40.0 * 0.01) / 75.0).abs() < 1e-12);
    }
}
