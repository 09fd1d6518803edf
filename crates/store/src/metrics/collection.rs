//! What is measured of each collection.

use super::calls::Calls;
use super::held::Held;
use super::hot::{Hot, HotRecord};
use crate::commit::{Outcome, Refusal};
use crate::engine::Size;
use crate::name::CollectionName;
use bytes::Bytes;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError, TryLockError};
use tokio::time::Instant;

/// Outcomes of commits, as the label says them.
pub(super) const OUTCOMES: [&str; 7] =
    ["done", "replayed", "conflict", "fenced", "not_a_number", "not_unique", "outdated"];

/// One collection.
pub(crate) struct CollectionRow {
    pub(super) name: CollectionName,
    pub(super) calls: Calls,
    pub(super) held: Held,
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
    outcomes: [AtomicU64; OUTCOMES.len()],
    hot: Mutex<Hot>,
    size: Mutex<Option<(Size, Instant)>>,
    indexes: Mutex<Vec<IndexRow>>,
}

/// How far an index is, as it was looked at last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexRow {
    /// Its name in the schema.
    pub name: String,
    /// The word for what is done with it.
    pub phase: &'static str,
    /// Rows that were looked at.
    pub done: u64,
    /// Items among them that it cannot have.
    pub left_out: u64,
    /// Why it does not go on.
    pub problem: String,
}

impl CollectionRow {
    pub(super) fn new(name: CollectionName) -> CollectionRow {
        CollectionRow {
            name,
            calls: Calls::default(),
            held: Held::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            outcomes: Default::default(),
            hot: Mutex::default(),
            size: Mutex::default(),
            indexes: Mutex::default(),
        }
    }

    /// So many items were asked for and served from memory.
    pub(crate) fn hits(&self, items: usize) {
        self.hits.fetch_add(items as u64, Ordering::Relaxed);
    }

    /// So many items were asked for and read from the engine.
    pub(crate) fn misses(&self, items: usize) {
        self.misses.fetch_add(items as u64, Ordering::Relaxed);
    }

    /// A call was refused because too many wait.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A commit came to this.
    pub(crate) fn outcome(&self, outcome: &Outcome) {
        let place = match outcome {
            Outcome::Done { replayed: false, .. } => 0,
            Outcome::Done { replayed: true, .. } => 1,
            Outcome::Refused(Refusal::Condition { .. }) => 2,
            Outcome::Refused(Refusal::Fenced { .. }) => 3,
            Outcome::Refused(Refusal::NotANumber { .. }) => 4,
            Outcome::Refused(Refusal::NotUnique(_)) => 5,
            Outcome::Refused(Refusal::Outdated) => 6,
        };
        self.outcomes[place].fetch_add(1, Ordering::Relaxed);
    }

    /// A lease was given or renewed until then, or given back.
    pub(crate) fn lease(&self, record: &Bytes, until: Option<Instant>) {
        self.held.lease(record, until);
    }

    /// How far its indexes are.
    pub(crate) fn set_indexes(&self, indexes: Vec<IndexRow>) {
        *self.indexes.lock().unwrap_or_else(PoisonError::into_inner) = indexes;
    }

    pub(super) fn indexes(&self) -> Vec<IndexRow> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A record was read or written. Where the table is in use just now, this is not counted.
    pub(crate) fn touched(&self, record: &Bytes) {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let hash = HASHER.hash_one(record);
        match self.hot.try_lock() {
            Ok(mut hot) => hot.add(hash, record),
            Err(TryLockError::Poisoned(hot)) => hot.into_inner().add(hash, record),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Halves what is known of hot records.
    pub(super) fn decay(&self) {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).decay();
    }

    /// The hottest records, the hottest first.
    pub(super) fn hottest(&self) -> Vec<HotRecord> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner).hottest()
    }

    pub(super) fn measured(&self, size: Size) {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = Some((size, Instant::now()));
    }

    pub(super) fn size(&self) -> Option<(Size, Instant)> {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Items served from memory, items read from the engine, calls refused.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.hits), of(&self.misses), of(&self.refused))
    }

    /// How often each of [`OUTCOMES`] came.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.into_iter().zip(self.outcomes.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}
