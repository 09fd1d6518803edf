//! What is held open on a collection: watches, and leases whose time is not over.

use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Leases known of a collection: those beyond are not counted. They elect one of many, so there are few.
const LEASES_MAX: usize = 4096;

/// See the module.
#[derive(Default)]
pub(super) struct Held {
    watches: AtomicU64,
    /// By record, until when.
    leases: Mutex<HashMap<Bytes, Instant>>,
}

impl Held {
    pub(super) fn watch_begins(&self) {
        self.watches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn watch_ends(&self) {
        self.watches.fetch_sub(1, Ordering::Relaxed);
    }

    /// A lease was given or renewed until then, or given back.
    pub(super) fn lease(&self, record: &Bytes, until: Option<Instant>) {
        let mut leases = self.leases();
        let Some(until) = until else {
            leases.remove(record);
            return;
        };
        if leases.len() >= LEASES_MAX && !leases.contains_key(record) {
            let now = Instant::now();
            leases.retain(|_, until| *until > now);
            if leases.len() >= LEASES_MAX {
                return;
            }
        }
        leases.insert(record.clone(), until);
    }

    pub(super) fn watches(&self) -> u64 {
        self.watches.load(Ordering::Relaxed)
    }

    pub(super) fn leases_held(&self) -> u64 {
        let now = Instant::now();
        let mut leases = self.leases();
        leases.retain(|_, until| *until > now);
        leases.len() as u64
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<Bytes, Instant>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn leases_are_held_until_they_are_over_or_given_back_and_there_is_a_bound() {
        let held = Held::default();
        let in_seconds = |seconds| Some(Instant::now() + Duration::from_secs(seconds));
        for (record, until) in [("a", 1), ("b", 5), ("b", 9), ("c", 9)] {
            held.lease(&record.into(), in_seconds(until));
        }
        assert_eq!(held.leases_held(), 3);
        held.lease(&"c".into(), None);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(held.leases_held(), 1);
        for record in 0..2 * LEASES_MAX {
            held.lease(&record.to_string().into(), in_seconds(1));
        }
        assert_eq!(held.leases_held(), LEASES_MAX as u64);
    }
}
