//! The lines by which the bench makes an instance slow, has it fail, and asks how many calls came.

use super::Faults;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The first line an instance says.
pub const READY: &str = "ready";
/// The value of `added_ms` that means: refuse at once.
pub const FAILING: u64 = u64::MAX;

/// What the bench may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Each call takes so many ms longer; 0 for none.
    Slow(u64),
    /// Each call is answered 503 (gRPC: UNAVAILABLE) at once.
    Fail,
    /// How many calls have come?
    Count,
}

impl Line {
    /// As it is written.
    pub fn text(self) -> String {
        match self {
            Line::Slow(added_ms) => format!("slow {added_ms}"),
            Line::Fail => "fail".into(),
            Line::Count => "count".into(),
        }
    }

    fn parse(text: &str) -> Option<Line> {
        match text.trim() {
            "fail" => Some(Line::Fail),
            "count" => Some(Line::Count),
            other => other.strip_prefix("slow ")?.parse().ok().map(Line::Slow),
        }
    }
}

/// Reads lines until the bench closes its end, then ends the process.
pub(super) fn start(faults: Arc<Faults>) -> std::io::Result<()> {
    let obey = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match Line::parse(&line) {
                Some(Line::Slow(added_ms)) => faults.added_ms.store(added_ms, Ordering::Relaxed),
                Some(Line::Fail) => faults.added_ms.store(FAILING, Ordering::Relaxed),
                Some(Line::Count) => {
                    let mut out = std::io::stdout().lock();
                    let _ = writeln!(out, "{}", faults.calls.load(Ordering::Relaxed));
                    let _ = out.flush();
                }
                None => eprintln!("instance: {line:?} is not understood"),
            }
        }
        std::process::exit(0);
    };
    std::thread::Builder::new().name("control".into()).spawn(obey).map(drop)
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn lines_are_read_as_they_are_written() {
        for line in [Line::Slow(100), Line::Slow(0), Line::Fail, Line::Count] {
            assert_eq!(Line::parse(&line.text()), Some(line));
        }
        assert_eq!(Line::parse("slow down"), None);
    }
}
