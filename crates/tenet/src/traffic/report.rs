//! What a line of the load says.

use std::collections::BTreeMap;
use std::time::Duration;
use tenet_sketch::Sketch;

/// How one request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a status; 0 where no connection could be opened.
    Status(u16),
    /// The connection broke before the answer was complete.
    Broken,
    /// No complete answer in time.
    TimedOut,
}

/// The requests of one interval.
#[derive(Clone, Debug, Default)]
pub struct Report {
    latency_us: Sketch,
    ok: u64,
    errors: BTreeMap<String, u64>,
    dropped: u64,
}

impl Report {
    /// Counts a request by how it ended; `latency` is since its intended start.
    pub fn record(&mut self, outcome: &Outcome, latency: Duration) {
        self.latency_us.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        let name = match outcome {
            Outcome::Status(200..=399) => {
                self.ok += 1;
                return;
            }
            Outcome::Status(0) => "no connection".to_owned(),
            Outcome::Status(status) => status.to_string(),
            Outcome::Broken => "broken".to_owned(),
            Outcome::TimedOut => "timed out".to_owned(),
        };
        *self.errors.entry(name).or_default() += 1;
    }

    /// Counts a request that was due and could not be sent.
    pub fn dropped(&mut self) {
        self.dropped += 1;
    }

    /// The line of an interval of this length.
    pub fn line(&self, interval: Duration, in_flight: usize) -> String {
        let count = self.latency_us.count();
        let rate = count as f64 / interval.as_secs_f64();
        let percentile = |q| self.latency_us.percentile(q).unwrap_or(0.0) / 1000.0;
        let mut line = format!(
            "{count} answered ({rate:.0}/s) · {} ok · p50 {:.1} ms · p99 {:.1} ms · max {:.1} ms · {in_flight} in flight",
            self.ok,
            percentile(0.5),
            percentile(0.99),
            percentile(1.0),
        );
        for (name, count) in &self.errors {
            line.push_str(&format!(" · {name}: {count}"));
        }
        if self.dropped > 0 {
            line.push_str(&format!(" · {} not sent: too many in flight", self.dropped));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_went_well_and_what_did_not() {
        let mut report = Report::default();
        for _ in 0..98 {
            report.record(&Outcome::Status(200), Duration::from_millis(2));
        }
        report.record(&Outcome::Status(503), Duration::from_millis(40));
        report.record(&Outcome::Status(0), Duration::from_millis(1));
        report.dropped();
        let line = report.line(Duration::from_secs(10), 3);
        for part in
            ["100 answered (10/s)", "98 ok", "max 40.0 ms", "503: 1", "no connection: 1", "1 not sent"]
        {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}
