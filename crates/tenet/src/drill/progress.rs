//! A line each second of a drill: what ended in it.

use super::tally::failure;
use crate::traffic::{Ended, Outcome};
use std::time::Duration;
use tenet_sketch::Sketch;

/// The calls of one second.
#[derive(Clone, Debug, Default)]
pub struct Second {
    ok: u64,
    failed: u64,
    latency_us: Sketch,
}

impl Second {
    /// Counts a call.
    pub fn record(&mut self, ended: &Ended) {
        match failure(ended.outcome) {
            None => self.ok += 1,
            Some(_) => self.failed += 1,
        }
        if ended.outcome != Outcome::NotSent {
            self.latency_us.record(u64::try_from(ended.latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Its line; `since` is from the load's beginning, `phase` one word.
    pub fn line(&self, since: Duration, phase: &str) -> String {
        let ms =
            |q| self.latency_us.percentile(q).map_or("–".to_owned(), |us| format!("{:.1} ms", us / 1000.0));
        format!(
            "{:>5} s  {phase:<7} {:>6} ended {:>6} ok {:>5} failed   p50 {:>9}   p99 {:>9}",
            since.as_secs(),
            self.ok + self.failed,
            self.ok,
            self.failed,
            ms(0.5),
            ms(0.99)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Repeated;
    use std::time::Instant;

    #[test]
    fn a_line_has_what_ended_and_how_long_it_took() {
        let mut second = Second::default();
        for outcome in
            [Outcome::Status(200, None), Outcome::Status(404, None), Outcome::Broken, Outcome::NotSent]
        {
            let latency = Duration::from_millis(4);
            second.record(&Ended {
                intended: Instant::now(),
                latency,
                request: 0,
                outcome,
                repeated: Repeated::No,
            });
        }
        let line = second.line(Duration::from_millis(7_010), "during");
        for part in ["7 s  during", "4 ended", "2 ok", "2 failed", "p99    4.0 ms"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}
