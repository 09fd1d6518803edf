//! What a store process measures of itself, declared once: what callers do with each collection, what the engine does and how long it takes.
//!
//! ```text
//!   service ── calls by kind, watches, leases, indexes ──────▶ a row for each collection ─┐
//!   owner ── reads, hits, misses, refused, hottest records ──▶ a row for each collection ─┤
//!   engine ── latency, batches, outcomes, failures ──────────▶ a row for each operation ──┼──▶ page (OpenMetrics), tell (each second)
//!   measure ── sizes, every 10 to 60 s ──────────────────────▶ a row for each collection ─┘
//! ```
//!
//! Counting is an atomic addition in a row that is found by the collection's number. The sketches of latencies are behind a short lock, taken
//! once for each call and once for each step of the engine; the table of hot records behind one that nobody waits for: who finds it taken is not counted.

mod calls;
mod collection;
mod held;
mod hot;
mod measure;
mod operation;
mod page;
mod series;
mod tell;

pub(crate) use calls::Call;
pub(crate) use collection::{CollectionRow, IndexRow};
pub(crate) use measure::SHARE;
pub use measure::{PAUSE, measure};
pub(crate) use operation::Operation;
pub(crate) use page::family;

use crate::catalogue::Catalogue;
use crate::engine::EngineError;
use crate::name::{CollectionId, CollectionName};
use arc_swap::{ArcSwap, ArcSwapOption};
use operation::OperationRow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tonic::Status;

/// How records of collections are called for people, where they are not called as their bytes are.
pub type RecordNames = dyn Fn(&CollectionName, &[u8]) -> Option<String> + Send + Sync;

/// What one store process has counted since it started.
pub struct Metrics {
    engine: &'static str,
    operations: [OperationRow; Operation::ALL.len()],
    collections: ArcSwap<HashMap<CollectionId, Arc<CollectionRow>>>,
    names: ArcSwapOption<Box<RecordNames>>,
    /// Why the engine cannot be reached, and since when no step of it came to anything.
    problem: ArcSwapOption<(String, Instant)>,
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
            problem: ArcSwapOption::empty(),
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

    /// Carries out a call of a collection, and counts it. One that its caller gave up is not counted.
    pub(crate) async fn counted<T>(
        &self,
        id: CollectionId,
        call: Call,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let begun = Instant::now();
        let answer = answer.await;
        self.of(id, |row| row.calls.count(call, begun.elapsed(), &answer));
        answer
    }

    /// Counts a watch of a collection until the answer is dropped.
    pub(crate) fn watch(&self, id: CollectionId) -> OpenWatch {
        let row = self.collections.load().get(&id).cloned();
        if let Some(row) = &row {
            row.held.watch_begins();
        }
        OpenWatch(row)
    }

    /// As people call a record.
    fn record_name(&self, row: &CollectionRow, record: &[u8]) -> String {
        let named = self.names.load().as_ref().and_then(|names| names(&row.name, record));
        named.unwrap_or_else(|| page::shown(record))
    }

    /// Rows in the order of their names.
    fn by_name(&self) -> Vec<Arc<CollectionRow>> {
        let mut rows: Vec<Arc<CollectionRow>> = self.rows().values().cloned().collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
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
        match answer {
            Err(EngineError::Unavailable(why)) => {
                let since = self.problem.load().as_ref().map_or_else(Instant::now, |problem| problem.1);
                self.problem.store(Some(Arc::new((why.clone(), since))));
            }
            // Looked at first: where all is well, nothing is written that others read.
            Ok(_) if self.problem.load().is_some() => self.problem.store(None),
            _ => {}
        }
    }

    /// Why the engine cannot be reached, where nothing else was heard of it for a while.
    fn problem(&self) -> Option<String> {
        /// One step that failed beside others that did not is no engine that is away.
        const STANDS: Duration = Duration::from_secs(1);
        let problem = self.problem.load();
        problem.as_ref().filter(|problem| problem.1.elapsed() >= STANDS).map(|problem| problem.0.clone())
    }
}

/// A watch that is open.
pub(crate) struct OpenWatch(Option<Arc<CollectionRow>>);

impl Drop for OpenWatch {
    fn drop(&mut self) {
        if let Some(row) = &self.0 {
            row.held.watch_ends();
        }
    }
}
