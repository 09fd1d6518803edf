//! What keeps records on disk: the trait, and what an engine promises.
//!
//! An engine is driven by one owner process, or by several at once if it says it is [`Sharing::Shared`]. It carries out batches in one durable
//! step, reads items as they were committed, and keeps the log of changes. It knows nothing of namespaces' owners, quotas, caches or typed
//! messages: those are the owner's.
//!
//! All times are the engine's own clock ([`Engine::clock`]): with several owner processes on several machines there is no other that they
//! share.

pub mod embedded;
mod error;
mod guarantees;
pub mod memory;
pub(crate) mod metered;
pub mod postgres;
mod scan;
mod snapshot;

pub use error::EngineError;
pub use guarantees::{Guarantees, Sharing};
pub use scan::{Bound, Cursor, Page, Scan, ScanOf};
pub use snapshot::{Load, LoadBegin, Loaded, Moment, Row, SharedSnapshot, Snapshot, assign};

use crate::commit::{Commit, Outcome};
use crate::decide::Change;
use crate::item::{Item, UnixMs, Version};
use crate::name::{CollectionId, CollectionName, ItemKey};
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// What an engine answers with, later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send + 'a>>;

/// Most commits in one batch: more gains nothing in a group commit, and a batch is what is lost together when its answer is.
pub const MAX_BATCH: usize = 1024;

/// What the engine has to know of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: CollectionName,
    /// How long its changes are kept for those who watch. Zero: nobody watches, and nothing is logged.
    pub retention: Duration,
    /// Which indexes its items are entered in: commits that were made with another layout are refused ([`crate::commit::Refusal::Outdated`]). 0: none.
    pub layout: u64,
}

/// Changes from a point of the log on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// In the order of each record's versions.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub next: Cursor,
}

/// How much there is of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Records with at least one item.
    pub records: u64,
    /// Items.
    pub items: u64,
    /// Bytes of keys and values, long values included.
    pub bytes: u64,
}

/// What a round of upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Items that were past their time.
    pub expired: u64,
    /// Tokens that were forgotten.
    pub tokens: u64,
    /// Changes that were forgotten.
    pub changes: u64,
    /// There was more to do than the bound allowed.
    pub more: bool,
}

/// Who owns what the engine keeps, as it is written in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The name of the owner: of the project and its store.
    pub owner: String,
    /// Random, made once when the owner first opened the engine; its processes share it.
    pub id: u128,
}

/// What keeps records on disk. Every method may be called from many tasks at once.
///
/// # Errors
/// [`EngineError::Unknown`] from [`Engine::commit`] means that nobody knows whether it happened; its commits are sent again with their tokens.
/// All others mean that nothing happened.
pub trait Engine: Send + Sync + 'static {
    /// Its name in configuration and metrics: `embedded`, `postgres`.
    fn name(&self) -> &'static str;

    /// What it gives, for the matrix, and for the check of what collections ask for.
    fn guarantees(&self) -> Guarantees;

    /// The time by its clock.
    fn clock(&self) -> Pending<'_, UnixMs>;

    /// The same where it is this process's own clock and asking costs nothing. Only then can what expires be served from memory.
    fn local_clock(&self) -> Option<UnixMs> {
        None
    }

    /// Says who owns it, and learns who does: the stamp that was there, or `stamp` where none was. Of many at once one wins, and all learn the
    /// same. Another's stamp is an answer and no error: what follows from it is the owner's to decide.
    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp>;

    /// Makes a collection known, or changes its retention, from now on and for what is logged already, or its layout: once this was answered, no commit of
    /// another layout happens any more, also none that is under way. The same name is always the same number, also for other processes; no number
    /// is given twice.
    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId>;

    /// All collections that were ever declared.
    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>>;

    /// Carries out at most [`MAX_BATCH`] commits, each atomic by itself, as if one after the other, and returns when all of it is durable. More are
    /// [`EngineError::Broken`], and a batch with a collection that was never declared is [`EngineError::NoCollection`]: nothing of it happens. A caller that
    /// goes away leaves each commit whole or undone. The owner has checked lengths, and that no record and no key is there twice.
    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>>;

    /// The items with these keys, in their order, as often as they are asked for. What expired is not there. Items of one record are of one moment, and at
    /// least as new as every commit that was answered before the call. Reading or scanning a collection that was never declared finds nothing, or is
    /// [`EngineError::NoCollection`], whatever costs less.
    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>>;

    /// A page of items in order, all of one moment.
    fn scan(&self, scan: Scan) -> Pending<'_, Page>;

    /// Where the log of changes ends now: what is committed from here on comes after it. The log begins at `Cursor::default()`.
    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor>;

    /// At most `limit` changes after `from`, those of one commit in any order. [`EngineError::TooOld`] where some after it were forgotten. A
    /// change may be told later than it is committed, but every later answer begins before it until it was told.
    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes>;

    /// Keeps a chunk of a long value that no item refers to yet; one that is there already is replaced. Durable at the latest when a commit is that refers
    /// to it. A blob belongs to one item, ever: its chunks go when that no longer refers to it, at once or with the next upkeep.
    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()>;

    /// A chunk of a long value.
    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>>;

    /// Removes what is past its time: items, tokens older than `tokens_older`, changes past their collection's retention, and chunks without an item that were
    /// staged as long ago as tokens are kept (with its token, a write can no longer be finished). At most `limit` of each, so that nobody waits long behind it.
    /// The removal of an item is a change, with a version of its own.
    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep>;

    /// Whether [`Engine::size`] says how much there is as it is, at a cost that does not grow with it. Else it counts or estimates.
    fn knows_sizes(&self) -> bool {
        false
    }

    /// How much there is; what is over may count until upkeep has removed it.
    fn size(&self, collection: CollectionId) -> Pending<'_, Size>;

    /// A version as great as every one that was ever given, or greater. Never smaller than it was.
    fn last_version(&self) -> Pending<'_, Version>;

    /// Everything as it is now, for as long as the snapshot is held: later writes do not change it and do not wait for it. An engine that says
    /// [`Guarantees::consistent_backup`] has it.
    fn snapshot(&self) -> Pending<'_, SharedSnapshot> {
        Box::pin(std::future::ready(Err(no_backup(self.name()))))
    }

    /// A step of a restore, durable when it is answered. Nobody else may use the engine meanwhile. What is loaded keeps its version and times; nobody
    /// who watches is told.
    fn load(&self, step: Load) -> Pending<'_, Loaded> {
        drop(step);
        Box::pin(std::future::ready(Err(no_backup(self.name()))))
    }

    /// The backup whose restore did not end. What is there then is half of it, and must not be served.
    fn unfinished_load(&self) -> Pending<'_, Option<u128>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

fn no_backup(engine: &str) -> EngineError {
    EngineError::Broken(format!("the engine {engine:?} has no backups"))
}
