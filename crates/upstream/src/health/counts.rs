//! How the health checks of one service ended, since the process began.

use super::fault::Fault;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The words for how a check can end, as metrics use them: first the good end, then each [`Fault`].
const RESULTS: [&str; 10] = [
    "passed",
    "refused",
    "unreachable",
    "connect_timeout",
    "silent",
    "reset",
    "closed",
    "goaway",
    "bad_answer",
    "not_serving",
];

/// Counts by result.
#[derive(Debug, Default)]
pub(crate) struct CheckCounts([AtomicU64; RESULTS.len()]);

impl CheckCounts {
    pub(super) fn count(&self, result: &Result<(), Fault>) {
        let at = match result {
            Ok(()) => 0,
            Err(Fault::Refused) => 1,
            Err(Fault::Unreachable(_)) => 2,
            Err(Fault::ConnectTimeout(_)) => 3,
            Err(Fault::Silent(_)) => 4,
            Err(Fault::Reset) => 5,
            Err(Fault::Closed) => 6,
            Err(Fault::GoAway(_)) => 7,
            Err(Fault::BadAnswer(_)) => 8,
            Err(Fault::NotServing) => 9,
        };
        self.0[at].fetch_add(1, Relaxed);
    }

    /// Those that there were.
    pub(crate) fn counted(&self) -> Vec<(&'static str, u64)> {
        let all = RESULTS.into_iter().zip(&self.0).map(|(result, count)| (result, count.load(Relaxed)));
        all.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::time::Duration;

    #[test]
    fn each_end_has_its_word() {
        let second = Duration::from_secs(1);
        let rows = [
            (Ok(()), "passed"),
            (Err(Fault::Refused), "refused"),
            (Err(Fault::Unreachable(io::Error::other("no route"))), "unreachable"),
            (Err(Fault::ConnectTimeout(second)), "connect_timeout"),
            (Err(Fault::Silent(second)), "silent"),
            (Err(Fault::Reset), "reset"),
            (Err(Fault::Closed), "closed"),
            (Err(Fault::GoAway(String::new())), "goaway"),
            (Err(Fault::BadAnswer(String::new())), "bad_answer"),
            (Err(Fault::NotServing), "not_serving"),
        ];
        for (result, word) in rows {
            let counts = CheckCounts::default();
            assert_eq!(counts.counted(), []);
            counts.count(&result);
            counts.count(&result);
            assert_eq!(counts.counted(), [(word, 2)]);
        }
    }
}
