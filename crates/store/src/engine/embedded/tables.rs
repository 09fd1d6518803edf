//! The tables, and what a failure of the tree means.

use super::{keys, rows};
use crate::engine::EngineError;
use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase, Table, TableDefinition, WriteTransaction};
use std::io::ErrorKind;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
pub(super) type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

pub(super) const ITEMS: Definition = TableDefinition::new("items");
pub(super) const EXPIRY: Definition = TableDefinition::new("expiry");
pub(super) const TOKENS: Definition = TableDefinition::new("tokens");
pub(super) const CHANGES: Definition = TableDefinition::new("changes");
pub(super) const COLLECTIONS: Definition = TableDefinition::new("collections");
pub(super) const BLOBS: Definition = TableDefinition::new("blobs");
pub(super) const LOOSE: Definition = TableDefinition::new("loose");
pub(super) const META: Definition = TableDefinition::new("meta");

/// All tables, to be written.
pub(super) struct Tables<'t> {
    pub items: Rows<'t>,
    pub expiry: Rows<'t>,
    pub tokens: Rows<'t>,
    pub changes: Rows<'t>,
    pub collections: Rows<'t>,
    pub blobs: Rows<'t>,
    pub loose: Rows<'t>,
    pub meta: Rows<'t>,
}

impl Tables<'_> {
    /// Opens them, and makes those that are missing.
    pub(super) fn open(transaction: &WriteTransaction) -> Result<Tables<'_>, EngineError> {
        let open = |table: Definition| transaction.open_table(table).map_err(|error| at("tables", error));
        Ok(Tables {
            items: open(ITEMS)?,
            expiry: open(EXPIRY)?,
            tokens: open(TOKENS)?,
            changes: open(CHANGES)?,
            collections: open(COLLECTIONS)?,
            blobs: open(BLOBS)?,
            loose: open(LOOSE)?,
            meta: open(META)?,
        })
    }
}

/// One table as it is now, and stays for whoever has it.
pub(super) fn read(
    database: &Database,
    table: Definition,
) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, EngineError> {
    let transaction = database.begin_read().map_err(|error| at("tables", error))?;
    transaction.open_table(table).map_err(|error| at("tables", error))
}

/// A chunk of a long value.
pub(super) fn chunk(
    blobs: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    blob: u64,
    number: u32,
) -> Result<Option<Bytes>, EngineError> {
    let key = keys::chunk(blob, number);
    let row = blobs.get(&key[..]).map_err(|error| at("blobs", error))?;
    row.map(|row| rows::open("blobs", &key, row.value()).map(Bytes::copy_from_slice)).transpose()
}

/// What a failure of the tree means; `place` is what was read or written.
pub(super) fn at(place: &str, error: impl Into<redb::Error>) -> EngineError {
    let error: redb::Error = error.into();
    let text = format!("{place}: {error}");
    match error {
        redb::Error::Io(io) if matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            EngineError::Full(text)
        }
        redb::Error::Io(_) => EngineError::Unavailable(text),
        redb::Error::PreviousIo => {
            EngineError::Unavailable("the disk failed before; the folder must be opened anew".into())
        }
        redb::Error::DatabaseAlreadyOpen => {
            EngineError::Unavailable(format!("{place}: another process has it open"))
        }
        redb::Error::Corrupted(what) => EngineError::Corrupt { place: place.into(), what },
        redb::Error::RepairAborted | redb::Error::UpgradeRequired(_) => EngineError::Broken(text),
        _ => EngineError::Broken(text),
    }
}
