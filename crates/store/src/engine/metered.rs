//! An engine whose every step is measured: how long it took, how much it carried, what became of it.

use super::{
    Changes, Collection, Cursor, Engine, Guarantees, Load, Loaded, Page, Pending, Scan, SharedSnapshot, Size,
    Stamp, Upkeep,
};
use crate::commit::{Commit, Outcome};
use crate::item::{Item, UnixMs, Version};
use crate::metrics::{Metrics, Operation};
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Another engine, measured.
pub(crate) struct Metered {
    engine: Arc<dyn Engine>,
    metrics: Arc<Metrics>,
}

impl Metered {
    pub(crate) fn new(engine: Arc<dyn Engine>, metrics: Arc<Metrics>) -> Metered {
        Metered { engine, metrics }
    }

    /// Measures a step. One that its caller gave up is not counted: how long it would have taken is not known.
    fn step<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        size: Option<usize>,
        step: Pending<'a, T>,
    ) -> Pending<'a, T> {
        Box::pin(async move {
            let begun = Instant::now();
            let answer = step.await;
            self.metrics.step(operation, begun.elapsed(), size, &answer);
            answer
        })
    }
}

impl Engine for Metered {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn guarantees(&self) -> Guarantees {
        self.engine.guarantees()
    }

    fn clock(&self) -> Pending<'_, UnixMs> {
        // Its own clock costs an engine nothing, and would be nothing but noise.
        match self.engine.local_clock() {
            Some(_) => self.engine.clock(),
            None => self.step(Operation::Clock, None, self.engine.clock()),
        }
    }

    fn local_clock(&self) -> Option<UnixMs> {
        self.engine.local_clock()
    }

    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp> {
        self.engine.claim(stamp)
    }

    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId> {
        self.step(Operation::Declare, None, self.engine.declare(collection))
    }

    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>> {
        self.engine.collections()
    }

    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>> {
        let collections: Vec<CollectionId> = batch.iter().map(|commit| commit.collection).collect();
        let step = self.step(Operation::Commit, Some(batch.len()), self.engine.commit(batch));
        Box::pin(async move {
            let outcomes = step.await?;
            for (collection, outcome) in collections.into_iter().zip(&outcomes) {
                self.metrics.of(collection, |row| row.outcome(outcome));
            }
            Ok(outcomes)
        })
    }

    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>> {
        self.step(Operation::Read, Some(keys.len()), self.engine.read(keys))
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        self.step(Operation::Scan, None, self.engine.scan(scan))
    }

    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor> {
        self.engine.end_of_changes(collection)
    }

    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes> {
        self.step(Operation::Changes, None, self.engine.changes(collection, from, limit))
    }

    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()> {
        self.step(Operation::Stage, None, self.engine.stage(blob, number, chunk))
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.step(Operation::Chunk, None, self.engine.chunk(blob, number))
    }

    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        self.step(Operation::Upkeep, None, self.engine.upkeep(tokens_older, limit))
    }

    fn knows_sizes(&self) -> bool {
        self.engine.knows_sizes()
    }

    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        self.step(Operation::Size, None, self.engine.size(collection))
    }

    fn last_version(&self) -> Pending<'_, Version> {
        self.engine.last_version()
    }

    fn snapshot(&self) -> Pending<'_, SharedSnapshot> {
        self.engine.snapshot()
    }

    fn load(&self, step: Load) -> Pending<'_, Loaded> {
        self.engine.load(step)
    }

    fn unfinished_load(&self) -> Pending<'_, Option<u128>> {
        self.engine.unfinished_load()
    }
}
