//! fjall: a log-structured merge tree. A commit appends to one journal and syncs it; background threads do the rest.

use super::{
    CACHE_BYTES, Candidate, Key, REMOVED_AT_ONCE, Reader, Rows, SeeItem, SeeRow, Table, Upkeep, Write, tell,
    text, versioned,
};
use crate::Outcome;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use std::path::Path;

/// Rows of a backup that are copied in one batch.
const COPIED_AT_ONCE: usize = 50_000;

/// Bytes a table holds in memory before they become a file, where faults are to meet that (the default is 64 MiB).
const MEMTABLE_BYTES_OFTEN: u64 = 256 << 10;

/// The database and a keyspace for each table.
pub struct Fjall {
    database: Database,
    items: Keyspace,
    log: Keyspace,
    tokens: Keyspace,
}

impl Fjall {
    /// Opens or creates the database in `folder`.
    pub fn open(folder: &Path, upkeep: Upkeep) -> Outcome<Self> {
        let database = Database::builder(folder.join("store.fjall"))
            .cache_size(CACHE_BYTES as u64)
            .open()
            .map_err(text)?;
        let options = || match upkeep {
            Upkeep::Usual => KeyspaceCreateOptions::default(),
            Upkeep::Often => KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_OFTEN),
        };
        let keyspace = |name| database.keyspace(name, options).map_err(text);
        let (items, log, tokens) = (keyspace("items")?, keyspace("log")?, keyspace("tokens")?);
        Ok(Self { database, items, log, tokens })
    }

    fn keyspace(&self, table: Table) -> &Keyspace {
        match table {
            Table::Items => &self.items,
            Table::Log => &self.log,
            Table::Tokens => &self.tokens,
        }
    }

    fn copy(&self, table: Table, from: &Snapshot, into: &Self) -> Outcome {
        let mut rows = from.iter(self.keyspace(table)).peekable();
        while rows.peek().is_some() {
            let mut batch = into.database.batch().durability(Some(PersistMode::SyncData));
            for row in rows.by_ref().take(COPIED_AT_ONCE) {
                let (key, value) = row.into_inner().map_err(text)?;
                batch.insert(into.keyspace(table), key, value);
            }
            batch.commit().map_err(text)?;
        }
        Ok(())
    }
}

impl Candidate for Fjall {
    fn commit(&self, writes: &[Write], rows: Rows) -> Outcome {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let mut row = Vec::new();
        for write in writes {
            if let Some(value) = &write.value {
                versioned(write.sequence, value, &mut row);
                batch.insert(&self.items, write.key.as_slice(), row.as_slice());
            } else {
                batch.remove(&self.items, write.key.as_slice());
            }
            if rows == Rows::All {
                let sequence = write.sequence.to_be_bytes();
                batch.insert(&self.log, sequence.as_slice(), write.key.as_slice());
                batch.insert(&self.tokens, write.token.as_slice(), sequence.as_slice());
            }
        }
        batch.commit().map_err(text)
    }

    fn reader(&self) -> Outcome<Box<dyn Reader + '_>> {
        Ok(Box::new(FjallReader { fjall: self }))
    }

    fn remove(&self, table: Table, from: &[u8], to: &[u8]) -> Outcome {
        // There is no removal of a range: a tombstone for each key.
        let keyspace = self.keyspace(table);
        let mut keys = keyspace.range(from..to).peekable();
        while keys.peek().is_some() {
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            for row in keys.by_ref().take(REMOVED_AT_ONCE) {
                batch.remove(keyspace, row.key().map_err(text)?);
            }
            batch.commit().map_err(text)?;
        }
        Ok(())
    }

    fn upkeep(&self) -> &'static [&'static str] {
        &["major_compact()"]
    }

    fn keep_up(&self, _: &str) -> Outcome {
        for keyspace in [&self.items, &self.log, &self.tokens] {
            keyspace.rotate_memtable_and_wait().map_err(text)?;
            keyspace.major_compact().map_err(text)?;
        }
        Ok(())
    }

    fn back_up(&self, to: &Path) -> Outcome {
        let copy = Self::open(to, Upkeep::Usual)?;
        let from = self.database.snapshot();
        [Table::Items, Table::Log, Table::Tokens]
            .into_iter()
            .try_for_each(|table| self.copy(table, &from, &copy))
    }

    fn verify(&self) -> Outcome<bool> {
        // There is no check of its own: blocks are checked as they are read.
        for keyspace in [&self.items, &self.log, &self.tokens] {
            for row in keyspace.iter() {
                row.into_inner().map_err(text)?;
            }
        }
        Ok(true)
    }
}

/// A thread that reads. A snapshot is taken where several keys are to be seen at one moment.
struct FjallReader<'a> {
    fjall: &'a Fjall,
}

impl Reader for FjallReader<'_> {
    fn get(&mut self, keys: &[Key], see: &mut SeeItem<'_>) -> Outcome {
        let snapshot = (keys.len() > 1).then(|| self.fjall.database.snapshot());
        for (index, key) in keys.iter().enumerate() {
            let row = match &snapshot {
                Some(snapshot) => snapshot.get(&self.fjall.items, key),
                None => self.fjall.items.get(key),
            };
            match row.map_err(text)? {
                Some(row) => see(index, Some(super::split(&row)?)),
                None => see(index, None),
            }
        }
        Ok(())
    }

    fn scan(&mut self, table: Table, from: &[u8], to: &[u8], limit: usize, see: &mut SeeRow<'_>) -> Outcome {
        for row in self.fjall.keyspace(table).range(from..to).take(limit) {
            let (key, value) = row.into_inner().map_err(text)?;
            tell(table, &key, &value, see)?;
        }
        Ok(())
    }
}
