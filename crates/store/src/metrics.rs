//! What a store process measures of itself, declared once: what callers do with each collection, what the engine does and how long it takes.
//!
//! ```text
//!   owner ── reads, hits, misses, refused, hottest records ──▶ a row for each collection ─┐
//!   engine ── latency, batches, outcomes, failures ──────────▶ a row for each operation ──┼──▶ page (OpenMetrics)
//!   measure ── sizes, at most every 10 s ────────────────────▶ a row for each collection ─┘
//! ```
//!
//! Counting is an atomic addition in a row that is found by the collection's number. The sketches of latencies are behind a short lock, taken
//! once for each step of the engine; the table of hot records behind one that nobody waits for: who finds it taken is not counted.

mod collection;
mod hot;
mod measure;
mod operation;
mod page;

pub(crate) use collection::CollectionRow;
pub use measure::{PAUSE, measure};
pub(crate) use operation::Operation;

use crate::catalogue::Catalogue;
use crate::engine::EngineError;
use crate::name::{CollectionId, CollectionName};
use arc_swap::{ArcSwap, ArcSwapOption};
use operation::OperationRow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How records of collections are called for people, where they are not called as their bytes are.
pub type RecordNames = dyn Fn(&CollectionName, &[u8]) -> Option<String> + Send + Sync;

/// What one store process has counted since it started.
pub struct Metrics {
    engine: &'static str,
    operations: [OperationRow; Operation::ALL.len()],
    collections: ArcSwap<HashMap<CollectionId, Arc<CollectionRow>>>,
    names: ArcSwapOption<Box<RecordNames>>,
    /// Told each time the page is written: sizes are measured for those who look.
    looked: Notify,
}

impl Metrics {
    /// Nothing counted yet, on the engine of this name.
    pub fn new(engine: &'static str) -> Metrics {
        Metrics {
            engine,
            operations: std::array::from_fn(|_| OperationRow::default()),
            collections: ArcSwap::default(),
            names: ArcSwapOption::empty(),
            looked: Notify::new(),
        }
    }

    /// Makes rows for the collections of a catalogue that have none. What is done with a collection before is not counted.
    pub fn know(&self, catalogue: &Catalogue) {
        self.collections.rcu(|rows| {
            let mut rows = HashMap::clone(rows);
            for known in catalogue.all() {
                rows.entry(known.id).or_insert_with(|| Arc::new(CollectionRow::new(known.name.clone())));
            }
            rows
        });
    }

    /// Calls records as `names` says from now on; those of which it says nothing, by their bytes.
    pub fn name_records(&self, names: Box<RecordNames>) {
        self.names.store(Some(Arc::new(names)));
    }

    /// Does something with the row of a collection, if it has one.
    pub(crate) fn of(&self, id: CollectionId, count: impl FnOnce(&CollectionRow)) {
        if let Some(row) = self.collections.load().get(&id) {
            count(row);
        }
    }

    /// Rows by number.
    pub(crate) fn rows(&self) -> Arc<HashMap<CollectionId, Arc<CollectionRow>>> {
        self.collections.load_full()
    }

    /// A step of the engine has ended, after `took`. `size` is how much was asked of it at once, where that says something.
    pub(crate) fn step<T>(
        &self,
        operation: Operation,
        took: Duration,
        size: Option<usize>,
        answer: &Result<T, EngineError>,
    ) {
        self.operations[operation as usize].count(took, size, answer.as_ref().err());
    }
}
