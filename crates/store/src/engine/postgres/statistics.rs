//! What the engine counts of itself beside what every engine's steps are measured by.

use super::Postgres;
use crate::metrics;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted; see [`Statistics`].
#[derive(Default)]
pub(super) struct Counters {
    pub feed_held_by: AtomicU64,
    pub transactions: AtomicU64,
    pub unknown: AtomicU64,
}

/// What the engine counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Transactions that carried out commits.
    pub transactions: u64,
    /// Commits' transactions of which nobody knows whether they happened.
    pub unknown: u64,
    /// How far the oldest open transaction of the whole cluster that writes is behind the newest, in transactions, when the log was last followed: if it
    /// stays above 0 and grows, somebody's transaction holds back those who watch.
    pub feed_held_by: u64,
    /// Sessions that were opened.
    pub sessions_opened: u64,
    /// Calls that were tried again on another session, or after they met another transaction.
    pub repeated: u64,
}

impl Postgres {
    /// What was counted.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            transactions: self.counters.transactions.load(Ordering::Relaxed),
            unknown: self.counters.unknown.load(Ordering::Relaxed),
            feed_held_by: self.counters.feed_held_by.load(Ordering::Relaxed),
            sessions_opened: self.pool.opened.load(Ordering::Relaxed),
            repeated: self.pool.repeated.load(Ordering::Relaxed),
        }
    }
}

impl Statistics {
    /// Appends them to a page of metrics, as OpenMetrics text.
    pub fn write(&self, out: &mut String) {
        // Writing into a string does not fail.
        let _ = self.families(out);
    }

    fn families(&self, out: &mut String) -> fmt::Result {
        let counters = [
            ("transactions", "Transactions that carried out commits.", self.transactions),
            ("unknown", "Such transactions of which nobody knows whether they happened.", self.unknown),
            ("sessions_opened", "Sessions opened on PostgreSQL.", self.sessions_opened),
            ("repeated", "Calls of the engine tried again on another session or moment.", self.repeated),
        ];
        for (name, help, value) in counters {
            let name = format!("tenet_store_postgres_{name}");
            metrics::family(out, &name, "counter", help)?;
            writeln!(out, "{name}_total {value}")?;
        }
        let (name, value) = ("tenet_store_postgres_feed_held_by", self.feed_held_by);
        let help = "Transactions that the oldest open writer of the cluster holds back from those who watch.";
        metrics::family(out, name, "gauge", help)?;
        writeln!(out, "{name} {value}")
    }
}
