//! The one owner of an engine in a process: joins what many callers ask at the same time.
//!
//! ```text
//!   write ─▶ lane of its first record ─▶ as many as wait, up to a bound ─▶ one engine commit ─▶ each its own outcome
//!   read  ─▶ lane of its record ───────▶ equal keys once, others together ▶ one engine read  ─▶ each its own items
//! ```
//!
//! Items that were read stay in a near cache ([`tenet_cache::near`]) until they are written here. Where no other process can write to the
//! engine, they are served to everybody; where others can, only to those who take answers of some age, and no longer than that.
//! What expires is looked at by the engine's clock at each serving.
//!
//! Nothing waits for company: a lane takes what is there when the engine is free, so a lone call is as fast as it can be, and the
//! busier it gets the more each step carries. A joined read begins after every call that shares it, so it sees every write that was answered
//! before any of them.

mod clock;
mod lane;
mod near;
mod reads;
mod writes;

use crate::commit::{Commit, Outcome};
use crate::engine::metered::Metered;
use crate::engine::{Engine, EngineError, Sharing};
use crate::item::{Item, UnixMs};
use crate::metrics::{CollectionRow, Metrics};
use crate::name::{CollectionId, ItemKey, RecordKey};
use clock::Clock;
use lane::Lanes;
use near::NearItems;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How much may wait, and how wide it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Commits of so many lanes run at a time: 1 where the engine has one writer.
    pub write_lanes: usize,
    /// Reads of so many lanes run at a time.
    pub read_lanes: usize,
    /// Calls that wait in one lane; one more is refused.
    pub waiting: usize,
    /// Bytes of keys and values that one commit of the engine carries: what is written behind one fsync.
    pub batch_bytes: usize,
    /// Bytes of items that are kept in memory; 0 keeps none.
    pub near_bytes: u64,
}

impl Width {
    /// What suits an engine. One that a single process drives has one writer; one that is shared orders commits itself, and is a network away:
    /// while some batches wait for its disk, others are on their way.
    pub fn of(engine: &dyn Engine) -> Width {
        match engine.guarantees().sharing {
            Sharing::Exclusive => Width::default(),
            Sharing::Shared => Width { write_lanes: 3, read_lanes: 2, ..Width::default() },
        }
    }
}

impl Default for Width {
    fn default() -> Width {
        Width { write_lanes: 1, read_lanes: 2, waiting: 4096, batch_bytes: 4 << 20, near_bytes: 64 << 20 }
    }
}

/// Why the owner did not answer as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OwnerError {
    /// More waits than may. Nothing happened.
    #[error("{waiting} calls wait already")]
    Full {
        /// The bound.
        waiting: usize,
    },
    /// The engine did not answer as asked; all who shared the step get the same error.
    #[error(transparent)]
    Engine(Arc<EngineError>),
    /// The process is ending. Nothing happened.
    #[error("the store is ending")]
    Ending,
}

/// The owner of an engine. Clones are the same owner.
#[derive(Clone)]
pub struct Owner {
    engine: Arc<dyn Engine>,
    metrics: Arc<Metrics>,
    written: Arc<Notify>,
    clock: Arc<Clock>,
    near: Option<Arc<NearItems>>,
    /// Nobody else can write to the engine: what is kept is what is there.
    alone: bool,
    writes: Lanes<writes::Asked>,
    reads: Lanes<reads::Asked>,
}

impl Owner {
    /// Begins to drive `engine`, in tasks of the current runtime that end with the last clone.
    pub fn start(engine: Arc<dyn Engine>, width: Width) -> Owner {
        let metrics = Arc::new(Metrics::new(engine.name()));
        let engine: Arc<dyn Engine> = Arc::new(Metered::new(engine, metrics.clone()));
        let near = (width.near_bytes > 0).then(|| Arc::new(near::new(width.near_bytes)));
        // What another process writes, nobody here would hear of.
        let alone = engine.guarantees().sharing == Sharing::Exclusive;
        let writes = Lanes::start(width.write_lanes, width.waiting, |asked| {
            writes::run(engine.clone(), near.clone(), asked, width.batch_bytes)
        });
        let reads = Lanes::start(width.read_lanes, width.waiting, |asked| reads::run(engine.clone(), asked));
        let (written, clock) = (Arc::default(), Arc::default());
        Owner { writes, reads, near, alone, engine, metrics, written, clock }
    }

    /// Wakes whoever waits for changes, each time something was written through this owner.
    pub fn written(&self) -> Arc<Notify> {
        self.written.clone()
    }

    /// The engine, for what is not joined: scans, changes, chunks.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// What is measured of it and of its engine.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Appends what is measured to a page of metrics.
    pub fn write_metrics(&self, out: &mut String) {
        self.metrics.write(self.near_bytes(), out);
    }

    /// What is measured, as a message for who follows the process: what came since this was asked last. See [`Metrics::tell`].
    pub fn tell_metrics(&self) -> tenet_api::telemetry::v1::Store {
        self.metrics.tell(self.near_bytes())
    }

    /// The time by the engine's clock, or a little later: enough to tell whether a token is too old. A write asks for it, and the engine is not
    /// asked each time.
    pub async fn clock(&self) -> Result<UnixMs, OwnerError> {
        self.clock.now(&*self.engine).await.map_err(|error| OwnerError::Engine(Arc::new(error)))
    }

    /// Carries out a commit. Dropping the future does not undo it.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome, OwnerError> {
        let lane = commit.changes.first().map_or(0, |change| lane::hash(&change.record));
        let collection = commit.collection;
        self.metrics.of(collection, |row| {
            commit.changes.iter().for_each(|change| row.touched(&change.record));
        });
        let (asked, answer) = writes::ask(commit);
        self.writes.send(lane, asked).inspect_err(|error| self.count_refused(collection, error))?;
        let outcome = answer.await.map_err(|_| OwnerError::Ending)?;
        self.written.notify_waiters();
        outcome
    }

    /// Items of one record, all of one moment, `None` where there is none. Every write that was answered before the call is in them.
    pub async fn read(&self, keys: Vec<ItemKey>) -> Result<Vec<Option<Item>>, OwnerError> {
        self.read_aged(keys, Duration::ZERO).await.map(|(items, _)| items)
    }

    /// The same, where writes of the last `max_age` may be missing; and the oldest that the answer may be.
    pub async fn read_aged(
        &self,
        keys: Vec<ItemKey>,
        max_age: Duration,
    ) -> Result<(Vec<Option<Item>>, Duration), OwnerError> {
        let Some(first) = keys.first() else { return Ok((Vec::new(), Duration::ZERO)) };
        let lane = lane::hash(&first.record.id);
        self.touched(&first.record);
        let Some(near) = self.near.as_ref().filter(|_| self.alone || !max_age.is_zero()) else {
            return Ok((self.read_engine(lane, keys).await?, Duration::ZERO));
        };
        let group = near::group(&first.record);
        if let Some(found) = near.get_all(group, &keys) {
            let age = if self.alone { Some(Duration::ZERO) } else { near::age(&found) };
            if let Some(age) = age.filter(|age| *age <= max_age) {
                let now = self.engine.local_clock();
                self.metrics.of(first.record.collection, |row| row.hits(keys.len()));
                return Ok((found.into_iter().map(|kept| kept.item(now)).collect(), age));
            }
        }
        let fill = near.begin_fill(group).map(|fill| (fill, Instant::now()));
        let items = self.read_engine(lane, keys.clone()).await?;
        if let Some(fill) = fill {
            let clock = self.engine.local_clock().is_some();
            near::keep(near, fill, keys, &items, clock);
        }
        Ok((items, Duration::ZERO))
    }

    async fn read_engine(&self, lane: usize, keys: Vec<ItemKey>) -> Result<Vec<Option<Item>>, OwnerError> {
        let collection = keys.first().map_or(CollectionId(0), |key| key.record.collection);
        self.metrics.of(collection, |row| row.misses(keys.len()));
        let (asked, answer) = reads::ask(keys);
        self.reads.send(lane, asked).inspect_err(|error| self.count_refused(collection, error))?;
        answer.await.map_err(|_| OwnerError::Ending)?
    }

    /// Notes that a record is accessed, also by those who go to the engine themselves: which are the hottest is measured.
    pub fn touched(&self, record: &RecordKey) {
        self.metrics.of(record.collection, |row| row.touched(&record.id));
    }

    fn count_refused(&self, collection: CollectionId, error: &OwnerError) {
        if matches!(error, OwnerError::Full { .. }) {
            self.metrics.of(collection, CollectionRow::refused);
        }
    }

    /// Bytes of items in memory.
    pub fn near_bytes(&self) -> u64 {
        self.near.as_ref().map_or(0, |near| near.bytes())
    }
}
