//! The embedded engine: one folder, one process, no server. On redb, a copy-on-write B-tree in one file; docs/store.md says why.
//!
//! ```text
//!   table         key                                   value
//!   items         collection, record, item key          version, times, value         ── in the order of scans
//!   expiry        time, then the key of an item         –                             ── what upkeep looks at
//!   tokens        time of the token, nonce              version
//!   changes       collection, place in the log          time, item, what it is now
//!   collections   name                                  number, retention
//!   blobs         number, chunk                         bytes
//!   loose         number of a blob                      since when no item refers to it, chunks
//!   meta          "format", "stamp", "version", "logged", "loading", "size/…", …
//! ```
//!
//! A batch of commits is decided and written in one transaction and synced before anybody hears of it. A reader has a tree that no commit
//! changes any more, and waits for nobody. Each row ends with a checksum of its key and itself, because the tree looks at its own only when it is opened after a
//! crash. After a write or a sync that failed nobody knows what the disk holds (Rebello et al., "Can Applications Recover from fsync Failures?", ATC
//! 2020), so nothing more is written until the folder is opened anew; neither is after a panic of the tree, which means damage. A [mark] beside the tree tells whether
//! one that was not closed has lost its end.

mod backup;
mod keys;
mod log;
mod mark;
mod rows;
mod scan;
mod sizes;
mod tables;
mod upkeep;
mod writer;

pub use mark::Aside;

use super::{
    Changes, Collection, Cursor, Engine, EngineError, Guarantees, Load, Loaded, Page, Pending, Scan,
    SharedSnapshot, Sharing, Size, Stamp, Upkeep,
};
use crate::commit::{Commit, Outcome};
use crate::item::{Item, UnixMs, Version};
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;
use mark::Mark;
use redb::{Database, StorageBackend};
use std::collections::HashMap;
use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tables::at;
use writer::Writer;

/// The layout of the tables. A folder of another one is refused.
const FORMAT: u32 = 1;
/// The file in the folder.
pub const FILE: &str = "store.redb";
/// What it is called until it is one: redb takes no file whose first pages were begun and not finished.
const UNFINISHED: &str = "store.redb.new";

/// How it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Bytes of pages that are kept in memory.
    pub cache_bytes: usize,
    /// Whether everything is read and checked before it serves. It is after a crash in any case.
    pub check: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> EmbeddedOptions {
        EmbeddedOptions { cache_bytes: 64 << 20, check: false }
    }
}

/// Records in a folder.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    database: Database,
    known: RwLock<HashMap<CollectionId, Collection>>,
    writer: Mutex<Writer>,
    mark: Mark,
    /// The last version that is durable.
    committed: AtomicU64,
    /// The last place in the log that is.
    logged: AtomicU64,
    /// Whether a step failed in a way that leaves open what the disk holds.
    broken: AtomicBool,
    /// The latest time that was told: it never goes back, also where the system's clock does.
    latest: AtomicI64,
    /// Added to the system's clock by tests.
    ahead_ms: AtomicI64,
}

impl Embedded {
    /// Opens or creates the folder.
    ///
    /// # Errors
    /// Another process has it open; it is of another format; it is damaged; the disk fails.
    pub fn open(folder: &Path, options: EmbeddedOptions) -> Result<Embedded, EngineError> {
        let place = folder.display().to_string();
        std::fs::create_dir_all(folder)
            .map_err(|error| EngineError::Unavailable(format!("{place}: {error}")))?;
        guarded(|| {
            create(folder).map_err(|error| at(&place, error))?;
            let opened = builder(options).open(folder.join(FILE)).map_err(|error| at(&place, error))?;
            let mark = Mark::open(folder);
            let mark = mark.map_err(|error| EngineError::Unavailable(format!("{place}: {error}")))?;
            Embedded::over(opened, mark, &place)
        })
    }

    /// The same on any storage, with its mark beside: tests put something below it that fails, tears writes and is full.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn open_with(
        backend: impl StorageBackend,
        aside: impl Aside,
        options: EmbeddedOptions,
    ) -> Result<Embedded, EngineError> {
        guarded(|| {
            let opened = builder(options).create_with_backend(backend);
            Embedded::over(opened.map_err(|error| at("the storage", error))?, Mark::new(aside), "the storage")
        })
    }

    fn over(database: Database, mark: Mark, place: &str) -> Result<Embedded, EngineError> {
        let (known, writer) = log::found(&database, &mark, place)?;
        let inner = Inner {
            committed: AtomicU64::new(writer.last),
            logged: AtomicU64::new(writer.logged),
            known: RwLock::new(known),
            writer: Mutex::new(writer),
            mark,
            broken: AtomicBool::new(false),
            latest: AtomicI64::new(0),
            ahead_ms: AtomicI64::new(0),
            database,
        };
        Ok(Embedded(Arc::new(inner)))
    }

    /// Turns its clock on, for tests.
    pub fn advance(&self, time: Duration) {
        self.0.ahead_ms.fetch_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Does what may wait for the disk where that holds nobody up.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, EngineError> + Send + 'static,
    ) -> Pending<'_, T> {
        let inner = self.0.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || {
                let done = guarded(|| work(&inner));
                if matches!(done, Err(EngineError::Corrupt { .. })) {
                    inner.broken.store(true, Ordering::Release);
                }
                done
            });
            done.await.unwrap_or_else(|error| {
                Err(EngineError::Unknown(format!("the engine's task ended: {error}")))
            })
        })
    }
}

/// Makes the file where there is none, whole or not at all: whoever dies meanwhile leaves nothing that the next one stumbles over.
fn create(folder: &Path) -> Result<(), redb::Error> {
    let file = folder.join(FILE);
    let place = File::open(folder)?;
    // Two that begin at once: the second waits, and finds what the first made.
    place.lock()?;
    if file.try_exists()? {
        return Ok(());
    }
    let unfinished = folder.join(UNFINISHED);
    if unfinished.try_exists()? {
        std::fs::remove_file(&unfinished)?;
    }
    drop(Database::create(&unfinished)?);
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, &file)?;
    Ok(place.sync_all()?)
}

fn builder(options: EmbeddedOptions) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes).set_check_integrity_on_open(options.check);
    builder
}

/// Damaged pages may lead the tree to panic; that is damage like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().map(String::as_str);
        let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(EngineError::Corrupt { place: FILE.into(), what: format!("the tree gave up: {what}") })
    })
}

impl Inner {
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = UnixMs(self.ahead_ms.load(Ordering::Relaxed)).after(since).0;
        UnixMs(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    fn collection(&self, id: CollectionId) -> Result<Collection, EngineError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).cloned().ok_or(EngineError::NoCollection(id))
    }

    fn read(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>, EngineError> {
        // One moment for all of them.
        let items = tables::read(&self.database, tables::ITEMS)?;
        let now = self.now();
        let read = |key: &ItemKey| {
            let key = keys::item(key);
            let row = items.get(&key[..]).map_err(|error| at("items", error))?;
            let item = row.map(|row| rows::read_item(&key, row.value())).transpose()?;
            Ok(item.filter(|item| item.lives(now)))
        };
        keys.iter().map(read).collect()
    }
}

impl Engine for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees {
            linearizable_records: true,
            atomic_across_records: true,
            durable: true,
            checksums: true,
            ordered_records: true,
            change_feed: true,
            consistent_backup: true,
            sharing: Sharing::Exclusive,
        }
    }

    fn clock(&self) -> Pending<'_, UnixMs> {
        Box::pin(std::future::ready(Ok(self.0.now())))
    }

    fn local_clock(&self) -> Option<UnixMs> {
        Some(self.0.now())
    }

    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp> {
        self.blocking(move |inner| inner.claim(stamp))
    }

    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId> {
        self.blocking(move |inner| inner.declare(collection))
    }

    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = known.iter().map(|(id, of)| (*id, of.clone())).collect();
        all.sort_by_key(|(id, _)| *id);
        Box::pin(std::future::ready(Ok(all)))
    }

    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>> {
        self.blocking(move |inner| inner.commit(&batch))
    }

    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>> {
        self.blocking(move |inner| inner.read(&keys))
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        self.blocking(move |inner| inner.scan(&scan))
    }

    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor> {
        let end = self.0.collection(collection).map(|_| Cursor(self.0.logged.load(Ordering::Acquire)));
        Box::pin(std::future::ready(end))
    }

    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes> {
        self.blocking(move |inner| inner.changes(collection, from, limit))
    }

    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()> {
        self.blocking(move |inner| inner.stage(blob, number, &chunk))
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.blocking(move |inner| {
            tables::chunk(&tables::read(&inner.database, tables::BLOBS)?, blob, number)
        })
    }

    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        self.blocking(move |inner| inner.upkeep(tokens_older, limit))
    }

    fn knows_sizes(&self) -> bool {
        true
    }

    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        self.blocking(move |inner| inner.size(collection))
    }

    fn last_version(&self) -> Pending<'_, Version> {
        Box::pin(std::future::ready(Ok(Version(self.0.committed.load(Ordering::Acquire)))))
    }

    fn snapshot(&self) -> Pending<'_, SharedSnapshot> {
        self.keep_moment()
    }

    fn load(&self, step: Load) -> Pending<'_, Loaded> {
        self.blocking(move |inner| inner.load(step))
    }

    fn unfinished_load(&self) -> Pending<'_, Option<u128>> {
        self.blocking(Inner::loading)
    }
}
