//! What the data service needs of an embedded engine, as one trait, and the candidates behind it.

mod fjall;
mod redb;
mod sqlite;

use crate::Outcome;
use std::fmt::Display;
use std::path::Path;

/// Bytes each candidate may use to cache its pages or blocks; the same for all, and less than the data of the larger parts.
const CACHE_BYTES: usize = 64 << 20;

/// The largest range that is removed in one transaction, so that expiry and trimming never hold the writer for long.
const REMOVED_AT_ONCE: usize = 10_000;

/// Record (8 bytes) and item (4 bytes), both big-endian, so that bytes sort as numbers do.
pub type Key = [u8; 12];

/// The key of item `item` of record `record`.
pub fn key(record: u64, item: u32) -> Key {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&record.to_be_bytes());
    key[8..].copy_from_slice(&item.to_be_bytes());
    key
}

/// One write of a batch. It becomes a row of items, one of the change log and one of idempotency tokens.
pub struct Write {
    /// Which item.
    pub key: Key,
    /// Its place in the change log, also the item's new version.
    pub sequence: u64,
    /// The new value; none deletes.
    pub value: Option<Vec<u8>>,
    /// The caller's idempotency token: time (8 bytes) and nonce (16 bytes).
    pub token: [u8; 24],
}

/// Which rows a commit writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Items, change log and tokens, as the service does.
    All,
    /// Items alone, for loading and where the size of items is measured.
    Items,
}

/// One of the three ordered tables. Keys: items by [`Key`], log by sequence (8 bytes, big-endian), tokens by token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// Key → version and value.
    Items,
    /// Sequence → key.
    Log,
    /// Token → sequence.
    Tokens,
}

/// An engine that is open on a folder of its own. One thread commits; any number read.
pub trait Candidate: Send + Sync {
    /// Makes all `writes` durable in one transaction: after `Ok` they survive a power cut.
    fn commit(&self, writes: &[Write], rows: Rows) -> Outcome;
    /// Something a thread reads with.
    fn reader(&self) -> Outcome<Box<dyn Reader + '_>>;
    /// Removes the rows of `table` from `from` up to, without, `to`, in durable transactions of bounded size.
    fn remove(&self, table: Table, from: &[u8], to: &[u8]) -> Outcome;
    /// The steps of the engine's own upkeep that give space back, in the order to take them.
    fn upkeep(&self) -> &'static [&'static str];
    /// Takes one step of [`Candidate::upkeep`].
    fn keep_up(&self, step: &str) -> Outcome;
    /// Writes a consistent copy, which can be opened, to the empty folder `to`, while commits go on.
    fn back_up(&self, to: &Path) -> Outcome;
    /// Runs the engine's own check of everything on disk. `Ok(false)`: damage was found.
    fn verify(&self) -> Outcome<bool>;
}

/// Told the place of a key among those asked for, and version and value of its item where there is one.
pub type SeeItem<'a> = dyn FnMut(usize, Option<(u64, &[u8])>) + 'a;

/// Told the key, the version or sequence, and the value of a row; [`Reader::scan`] says which is what.
pub type SeeRow<'a> = dyn FnMut(&[u8], u64, &[u8]) + 'a;

/// Reads of one thread.
pub trait Reader {
    /// Reads `keys` in one transaction that sees every commit acknowledged before; tells version and value of each.
    fn get(&mut self, keys: &[Key], see: &mut SeeItem<'_>) -> Outcome;
    /// Reads at most `limit` rows of `table` in order, from `from` up to, without, `to`. Tells of items key, version and value; of the
    /// log the item's key and the sequence; of tokens the token and the sequence.
    fn scan(&mut self, table: Table, from: &[u8], to: &[u8], limit: usize, see: &mut SeeRow<'_>) -> Outcome;
}

/// How often an engine moves what its log holds to where it belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// As it is set for service.
    Usual,
    /// So often that short runs with faults meet it.
    Often,
}

/// Which candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Kind {
    /// SQLite in WAL mode through rusqlite.
    Sqlite,
    /// redb as it comes: one fsync a commit, a walk over everything after a crash.
    Redb,
    /// redb with quick repair: two fsyncs a commit, no walk.
    RedbQuick,
    /// fjall.
    Fjall,
}

impl Kind {
    /// All, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Sqlite, Self::Redb, Self::RedbQuick, Self::Fjall];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Redb => "redb",
            Self::RedbQuick => "redb, quick repair",
            Self::Fjall => "fjall",
        }
    }

    /// The name on the command line.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Redb => "redb",
            Self::RedbQuick => "redb-quick",
            Self::Fjall => "fjall",
        }
    }

    /// Opens or creates the engine's files in `folder`, which exists.
    pub fn open(self, folder: &Path) -> Outcome<Box<dyn Candidate>> {
        self.open_with(folder, Upkeep::Usual)
    }

    /// The same, with upkeep as often as `upkeep` says.
    pub fn open_with(self, folder: &Path, upkeep: Upkeep) -> Outcome<Box<dyn Candidate>> {
        Ok(match self {
            Self::Sqlite => Box::new(sqlite::Sqlite::open(folder, upkeep)?),
            Self::Redb => Box::new(redb::Redb::open(folder, false)?),
            Self::RedbQuick => Box::new(redb::Redb::open(folder, true)?),
            Self::Fjall => Box::new(fjall::Fjall::open(folder, upkeep)?),
        })
    }
}

/// The version in front of a value, where an engine knows bytes only.
fn versioned(version: u64, value: &[u8], into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(&version.to_be_bytes());
    into.extend_from_slice(value);
}

/// Takes apart what [`versioned`] put together.
fn split(row: &[u8]) -> Outcome<(u64, &[u8])> {
    let (version, value) = row.split_first_chunk().ok_or("a row is shorter than its version")?;
    Ok((u64::from_be_bytes(*version), value))
}

/// Hands a row of any table to `see` as key, sequence and value.
fn tell(table: Table, key: &[u8], value: &[u8], see: &mut SeeRow<'_>) -> Outcome {
    match table {
        Table::Items => split(value).map(|(version, value)| see(key, version, value)),
        Table::Log => split(key).map(|(sequence, _)| see(value, sequence, &[])),
        Table::Tokens => split(value).map(|(sequence, _)| see(key, sequence, &[])),
    }
}

/// An engine's error as text.
fn text(error: impl Display) -> String {
    error.to_string()
}
