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
//! A record that everybody asks for takes no more than its part: it has a share of the places in its lane, in which records take turns; of pages and ranges
//! it has half of what the engine does at a time; and who follows changes takes nothing from either and shares what is read with those who are as far. So others go on being answered.
//!
//! Nothing waits for company: a lane takes what is there when the engine is free, so a lone call is as fast as it can be, and the
//! busier it gets the more each step carries. A joined read begins after every call that shares it, so it sees every write that was answered
//! before any of them.

mod clock;
mod fair;
mod follow;
mod gate;
mod lane;
mod near;
mod reads;
mod record;
mod share;
mod unjoined;
mod width;
mod writes;

pub use width::Width;

use crate::commit::{Commit, Outcome};
use crate::engine::metered::Metered;
use crate::engine::{Engine, EngineError, Sharing};
use crate::item::{Item, UnixMs};
use crate::metrics::{CollectionRow, Metrics};
use crate::name::{CollectionId, ItemKey, RecordKey};
use clock::Clock;
use follow::Followers;
use gate::Gate;
use lane::Lanes;
use near::NearItems;
use share::Shares;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Why the owner did not answer as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OwnerError {
    /// More waits than may. Nothing happened.
    #[error("{waiting} calls wait already")]
    Full {
        /// The bound.
        waiting: usize,
    },
    /// More waits of this record than may of one. Nothing happened.
    #[error("{waiting} calls of this record wait already")]
    Crowded {
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

/// What is to be written of one record and waits is at most so many steps of the engine, by its bytes: the memory that it may take.
const STEPS: usize = 16;

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
    pages: Arc<Gate>,
    followers: Arc<Followers>,
}

impl Owner {
    /// Begins to drive `engine`, in tasks of the current runtime that end with the last clone.
    pub fn start(engine: Arc<dyn Engine>, width: Width) -> Owner {
        let metrics = Arc::new(Metrics::new(engine.name()));
        let engine: Arc<dyn Engine> = Arc::new(Metered::new(engine, metrics.clone()));
        let near = (width.near_bytes > 0).then(|| Arc::new(near::new(width.near_bytes)));
        // What another process writes, nobody here would hear of.
        let alone = engine.guarantees().sharing == Sharing::Exclusive;
        let of_writes = Shares::new(width.per_record, width.batch_bytes.saturating_mul(STEPS));
        let writes = Lanes::start(width.write_lanes, width.waiting, of_writes, |asked| {
            writes::run(engine.clone(), near.clone(), asked, width.batch_bytes)
        });
        let of_reads = Shares::new(width.per_record, usize::MAX);
        let reads = Lanes::start(width.read_lanes, width.waiting, of_reads, |asked| {
            reads::run(engine.clone(), asked)
        });
        let gate = |at_a_time| Gate::new(at_a_time, width.waiting, width.per_record);
        let pages = Arc::new(gate(width.pages));
        let followers = Followers::new(engine.clone(), gate(width.followed));
        let (written, clock) = (Arc::default(), Arc::default());
        Owner { writes, reads, pages, followers, near, alone, engine, metrics, written, clock }
    }

    /// Wakes whoever waits for changes, each time something was written through this owner.
    pub fn written(&self) -> Arc<Notify> {
        self.written.clone()
    }

    /// The engine, for what is asked seldom.
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
        self.clock.now(&*self.engine).await.map_err(failed)
    }

    /// Carries out a commit. Dropping the future does not undo it.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome, OwnerError> {
        let collection = commit.collection;
        let first = commit.changes.first();
        let record = first.map_or(0, |change| record::number(collection, &change.record));
        let weight = writes::weight(&commit);
        self.metrics.of(collection, |row| {
            commit.changes.iter().for_each(|change| row.touched(&change.record));
        });
        let (asked, answer) = writes::ask(commit);
        self.writes.send(record, weight, asked).inspect_err(|error| self.count_refused(collection, error))?;
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
        let group = near::group(&first.record);
        self.touched(&first.record);
        let Some(near) = self.near.as_ref().filter(|_| self.alone || !max_age.is_zero()) else {
            return Ok((self.read_engine(group, keys).await?, Duration::ZERO));
        };
        if let Some(found) = near.get_all(group, &keys) {
            let age = if self.alone { Some(Duration::ZERO) } else { near::age(&found) };
            if let Some(age) = age.filter(|age| *age <= max_age) {
                let now = self.engine.local_clock();
                self.metrics.of(first.record.collection, |row| row.hits(keys.len()));
                return Ok((found.into_iter().map(|kept| kept.item(now)).collect(), age));
            }
        }
        let fill = near.begin_fill(group).map(|fill| (fill, Instant::now()));
        let items = self.read_engine(group, keys.clone()).await?;
        if let Some(fill) = fill {
            let clock = self.engine.local_clock().is_some();
            near::keep(near, fill, keys, &items, clock);
        }
        Ok((items, Duration::ZERO))
    }

    async fn read_engine(&self, record: u64, keys: Vec<ItemKey>) -> Result<Vec<Option<Item>>, OwnerError> {
        let collection = keys.first().map_or(CollectionId(0), |key| key.record.collection);
        self.metrics.of(collection, |row| row.misses(keys.len()));
        let (asked, answer) = reads::ask(keys);
        self.reads.send(record, 0, asked).inspect_err(|error| self.count_refused(collection, error))?;
        answer.await.map_err(|_| OwnerError::Ending)?
    }

    /// Notes that a record is accessed, also by those who go to the engine themselves: which are the hottest is measured.
    pub fn touched(&self, record: &RecordKey) {
        self.metrics.of(record.collection, |row| row.touched(&record.id));
    }

    fn count_refused(&self, collection: CollectionId, error: &OwnerError) {
        if matches!(error, OwnerError::Full { .. } | OwnerError::Crowded { .. }) {
            self.metrics.of(collection, CollectionRow::refused);
        }
    }

    /// Bytes of items in memory.
    pub fn near_bytes(&self) -> u64 {
        self.near.as_ref().map_or(0, |near| near.bytes())
    }
}

fn failed(error: EngineError) -> OwnerError {
    OwnerError::Engine(Arc::new(error))
}
