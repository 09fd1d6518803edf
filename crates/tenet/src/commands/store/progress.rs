//! How far it is, on standard error: items, bytes, rate, and what is left where that is known.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Between two lines on a terminal, where each replaces the one before.
const QUICK: Duration = Duration::from_millis(250);
/// Between two lines of a log.
const SLOW: Duration = Duration::from_secs(5);

/// See the module.
pub struct Progress {
    verb: &'static str,
    begun: Instant,
    said: Instant,
    terminal: bool,
    total: Option<u64>,
    /// What was done, and the bytes of it, before this run began.
    first: (u64, u64),
}

impl Progress {
    /// Begins; `total` is in what [`at`](Self::at) is told as `done`.
    pub fn new(verb: &'static str, total: Option<u64>) -> Progress {
        Progress::after(verb, total, (0, 0))
    }

    /// Goes on after so much, and so many bytes.
    pub fn after(verb: &'static str, total: Option<u64>, first: (u64, u64)) -> Progress {
        let now = Instant::now();
        Progress { verb, begun: now, said: now, terminal: std::io::stderr().is_terminal(), total, first }
    }

    /// So much is done.
    pub fn at(&mut self, done: u64, items: u64, bytes: u64) {
        if self.said.elapsed() < if self.terminal { QUICK } else { SLOW } {
            return;
        }
        self.said = Instant::now();
        let end = if self.terminal { "\x1b[K\r" } else { "\n" };
        // Who cannot be told is not told.
        let _ = write!(std::io::stderr(), "{}{end}", self.line(self.begun.elapsed(), done, items, bytes));
    }

    /// The end.
    pub fn end(&self, items: u64, bytes: u64) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let clear = if self.terminal { "\x1b[K" } else { "" };
        let _ = writeln!(
            std::io::stderr(),
            "{} {items} items, {} in {seconds:.1} s{clear}",
            self.verb,
            amount(bytes)
        );
    }

    /// What is said after this time.
    fn line(&self, elapsed: Duration, done: u64, items: u64, bytes: u64) -> String {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let rate = done.saturating_sub(self.first.0) as f64 / seconds;
        let byte_rate = bytes.saturating_sub(self.first.1) as f64 / seconds;
        let mut line =
            format!("{} {items} items, {}, {}/s", self.verb, amount(bytes), amount(byte_rate as u64));
        if let Some(total) = self.total.filter(|total| *total > 0) {
            let percent = (done as f64 * 100.0 / total as f64).min(100.0);
            line.push_str(&format!(", {percent:.0} %"));
            if rate > 0.0 {
                line.push_str(&format!(", {:.0} s left", total.saturating_sub(done) as f64 / rate));
            }
        }
        line
    }
}

/// Bytes for people.
pub fn amount(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_where_it_is_known() {
        let ten = Duration::from_secs(10);
        let check = |progress: Progress, expected: &str| {
            assert_eq!(progress.line(ten, 100, 90, 10 << 20), expected);
        };
        let known = "backed up 90 items, 10.0 MiB, 1.0 MiB/s, 50 %, 10 s left";
        check(Progress::new("backed up", Some(200)), known);
        check(Progress::new("backed up", None), "backed up 90 items, 10.0 MiB, 1.0 MiB/s");
        // Of what another run did, nothing is this one's rate.
        let on = "backed up 90 items, 10.0 MiB, 512.0 KiB/s, 50 %, 20 s left";
        check(Progress::after("backed up", Some(200), (50, 5 << 20)), on);
    }

    #[test]
    fn bytes_are_said_in_units() {
        for (bytes, expected) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(amount(bytes), expected);
        }
    }
}
