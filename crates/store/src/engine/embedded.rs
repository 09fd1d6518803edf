//! The embedded engine: one folder, one process, no server. On fjall, a log-structured merge tree; docs/store.md says why.
//!
//! ```text
//!   keyspace      key                                   value
//!   items         collection, record, item key          version, times, value         ── in the order of scans
//!   expiry        time, then the key of an item         –                             ── what upkeep looks at
//!   tokens        time of the token, nonce              version
//!   changes       collection, version, number           time, item, what it is now
//!   collections   name                                  number, retention
//!   blobs         number, chunk                         bytes
//!   loose         number of a blob                      since when no item refers to it, chunks
//!   meta          "format", "stamp", "versions"
//! ```
//!
//! A batch of commits is decided under the writer's lock, written as one fjall batch and synced before anybody hears of it. Its journal is one
//! file that is appended to; a batch that is torn by a crash is dropped whole at the next start. Blocks are checked when they are read. After a sync that
//! failed nobody knows what the disk holds (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020), so nothing more is
//! written until the folder is opened anew.
//!
//! The place of a change in the log is its version: with one writer versions are in the order of commits.

mod keys;
mod log;
mod rows;
mod scan;
mod upkeep;
mod writer;

use super::{
    Changes, Collection, Cursor, Engine, EngineError, Guarantees, Page, Pending, Scan, Sharing, Size, Stamp, Upkeep,
};
use crate::commit::{Commit, Outcome};
use crate::item::{Item, UnixMs, Version};
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use writer::Writer;

/// The layout of the keyspaces. A folder of another one is refused.
const FORMAT: u32 = 1;

/// How it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Bytes of blocks that are kept in memory.
    pub cache_bytes: u64,
    /// Bytes of each table that are gathered in memory before they become a file.
    pub memtable_bytes: u64,
}

impl Default for EmbeddedOptions {
    fn default() -> EmbeddedOptions {
        EmbeddedOptions { cache_bytes: 64 << 20, memtable_bytes: 32 << 20 }
    }
}

/// Records in a folder.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    database: Database,
    items: Keyspace,
    expiry: Keyspace,
    tokens: Keyspace,
    changes: Keyspace,
    collections: Keyspace,
    blobs: Keyspace,
    loose: Keyspace,
    meta: Keyspace,
    known: RwLock<HashMap<CollectionId, Collection>>,
    writer: Mutex<Writer>,
    /// The last version that is durable.
    committed: AtomicU64,
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
        std::fs::create_dir_all(folder).map_err(|error| EngineError::Unavailable(format!("{}: {error}", folder.display())))?;
        let database = Database::builder(folder).cache_size(options.cache_bytes).open().map_err(|error| match error {
            fjall::Error::Locked => EngineError::Unavailable(format!("{}: another process has it open", folder.display())),
            other => at(&folder.display().to_string(), other),
        })?;
        let keyspace = |name: &str| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes);
            database.keyspace(name, options).map_err(|error| at(name, error))
        };
        let meta = keyspace("meta")?;
        check_format(&database, &meta, folder)?;
        let collections = keyspace("collections")?;
        let known = log::collections(&collections)?;
        let writer = Writer::open(&meta)?;
        let committed = AtomicU64::new(writer.last());
        let inner = Inner {
            items: keyspace("items")?,
            expiry: keyspace("expiry")?,
            tokens: keyspace("tokens")?,
            changes: keyspace("changes")?,
            blobs: keyspace("blobs")?,
            loose: keyspace("loose")?,
            collections,
            meta,
            known: RwLock::new(known),
            writer: Mutex::new(writer),
            committed,
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
            let done = tokio::task::spawn_blocking(move || work(&inner)).await;
            done.unwrap_or_else(|error| Err(EngineError::Unknown(format!("the engine's task ended: {error}"))))
        })
    }
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

    fn batch(&self) -> fjall::OwnedWriteBatch {
        self.database.batch().durability(Some(PersistMode::SyncData))
    }

    fn read(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>, EngineError> {
        let now = self.now();
        // One moment for all of them.
        let snapshot = self.database.snapshot();
        let read = |key: &ItemKey| {
            let row = snapshot.get(&self.items, keys::item(key)).map_err(|error| at("items", error))?;
            let item = row.map(|row| rows::read_item(&row)).transpose()?;
            Ok(item.filter(|item| item.lives(now)))
        };
        keys.iter().map(read).collect()
    }
}

fn check_format(database: &Database, meta: &Keyspace, folder: &Path) -> Result<(), EngineError> {
    match meta.get("format").map_err(|error| at("meta", error))? {
        Some(format) if *format == FORMAT.to_be_bytes() => Ok(()),
        Some(_) => Err(EngineError::Broken(format!("{}: it is of another format than {FORMAT}", folder.display()))),
        None => {
            let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
            batch.insert(meta, "format", FORMAT.to_be_bytes());
            batch.commit().map_err(|error| at("meta", error))
        }
    }
}

/// What a failure of the tree means; `place` is what was read or written.
fn at(place: &str, error: fjall::Error) -> EngineError {
    let (text, place) = (error.to_string(), place.to_owned());
    let io = match &error {
        fjall::Error::Io(io) | fjall::Error::Storage(lsm_tree::Error::Io(io)) => Some(io),
        _ => None,
    };
    match (error, io.map(std::io::Error::kind)) {
        (_, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)) => EngineError::Full(text),
        (_, Some(_)) => EngineError::Unavailable(format!("{place}: {text}")),
        (fjall::Error::Poisoned, _) => {
            EngineError::Unavailable("a write to the disk failed before; the folder must be opened anew".into())
        }
        (fjall::Error::Locked, _) => EngineError::Unavailable(format!("{place}: another process has it open")),
        (fjall::Error::KeyspaceDeleted, _) => EngineError::Broken(text),
        _ => EngineError::Corrupt { place, what: text },
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
        let end = self.0.collection(collection).map(|_| Cursor(self.0.committed.load(Ordering::Acquire)));
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
            let chunk = inner.blobs.get(keys::chunk(blob, number)).map_err(|error| at("blobs", error))?;
            Ok(chunk.map(|chunk| Bytes::copy_from_slice(&chunk)))
        })
    }

    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        self.blocking(move |inner| inner.upkeep(tokens_older, limit))
    }

    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        self.blocking(move |inner| inner.size(collection))
    }

    fn last_version(&self) -> Pending<'_, Version> {
        Box::pin(std::future::ready(Ok(Version(self.0.committed.load(Ordering::Acquire)))))
    }
}
