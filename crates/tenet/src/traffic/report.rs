//! What a line of the load says.

use super::connection::Outcome;
use super::load::Ended;
use std::collections::BTreeMap;
use std::time::Duration;
use tenet_sketch::Sketch;

/// The requests of one interval.
#[derive(Clone, Debug, Default)]
pub struct Report {
    latency_us: Sketch,
    ok: u64,
    errors: BTreeMap<String, u64>,
    dropped: u64,
}

impl Report {
    /// Counts a request by how it ended.
    pub fn record(&mut self, ended: &Ended) {
        if ended.outcome == Outcome::NotSent {
            self.dropped += 1;
            return;
        }
        self.latency_us.record(u64::try_from(ended.latency.as_micros()).unwrap_or(u64::MAX));
        let name = match ended.outcome {
            Outcome::Status(200..=399, _) => {
                self.ok += 1;
                return;
            }
            Outcome::Status(status, _) => status.to_string(),
            other => words(other).to_owned(),
        };
        *self.errors.entry(name).or_default() += 1;
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

/// How a call without a status ended, for people.
fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Status(..) => "status",
        Outcome::NoConnection => "no connection",
        Outcome::Broken => "broken",
        Outcome::TimedOut => "timed out",
        Outcome::NotSent => "not sent",
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Repeated;
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_line_says_what_went_well_and_what_did_not() {
        let mut report = Report::default();
        let mut record = |outcome, latency_ms| {
            let latency = Duration::from_millis(latency_ms);
            report.record(&Ended {
                intended: Instant::now(),
                latency,
                request: 0,
                outcome,
                repeated: Repeated::No,
            });
        };
        for _ in 0..98 {
            record(Outcome::Status(200, None), 2);
        }
        record(Outcome::Status(503, None), 40);
        record(Outcome::NoConnection, 1);
        record(Outcome::NotSent, 1);
        let line = report.line(Duration::from_secs(10), 3);
        for part in
            ["100 answered (10/s)", "98 ok", "max 40.0 ms", "503: 1", "no connection: 1", "1 not sent"]
        {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}
