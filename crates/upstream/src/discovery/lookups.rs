//! How the questions to one source of DNS ended, and how long ago the last of them brought something.

use super::ask::Reply;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// Counts of one source, since it is asked. Shared with whoever shows them.
#[derive(Debug)]
pub struct Lookups {
    answered: AtomicU64,
    empty: AtomicU64,
    away: AtomicU64,
    began: Instant,
    /// Milliseconds from `began` to the last answer that had records, and one; 0 before the first.
    last_answer: AtomicU64,
}

/// How the questions to a source have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookupsView {
    /// With records.
    pub answered: u64,
    /// With the word that there are none.
    pub empty: u64,
    /// Without an answer: the source is away, or could not tell.
    pub away: u64,
    /// Time since the last answer with records; `None` before the first.
    pub age: Option<Duration>,
}

impl Lookups {
    pub(super) fn new() -> Lookups {
        let [answered, empty, away, last_answer] = [const { AtomicU64::new(0) }; 4];
        Lookups { answered, empty, away, began: Instant::now(), last_answer }
    }

    pub(super) fn count<T>(&self, reply: &Reply<T>) {
        match reply {
            Reply::Records(..) => {
                self.answered.fetch_add(1, Relaxed);
                self.last_answer.store(self.passed_ms() + 1, Relaxed);
            }
            Reply::Negative(_) => _ = self.empty.fetch_add(1, Relaxed),
            Reply::Away(_) => _ = self.away.fetch_add(1, Relaxed),
        }
    }

    /// A question ended without any of these, by a flaw of ours.
    pub(super) fn count_away(&self) {
        self.away.fetch_add(1, Relaxed);
    }

    /// As they stand now.
    pub fn view(&self) -> LookupsView {
        let last = self.last_answer.load(Relaxed).checked_sub(1);
        LookupsView {
            answered: self.answered.load(Relaxed),
            empty: self.empty.load(Relaxed),
            away: self.away.load(Relaxed),
            age: last.map(|at| Duration::from_millis(self.passed_ms().saturating_sub(at))),
        }
    }

    fn passed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}
