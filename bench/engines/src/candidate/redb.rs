//! redb: a copy-on-write B-tree in one file. A commit is one fsync (the new roots carry checksums), or two with quick repair.

use super::{
    CACHE_BYTES, Candidate, Key, REMOVED_AT_ONCE, Reader, Rows, SeeItem, SeeRow, Table, Write, split, tell,
    text, versioned,
};
use crate::Outcome;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, WriteTransaction};
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

const ITEMS: Definition = TableDefinition::new("items");
const LOG: Definition = TableDefinition::new("log");
const TOKENS: Definition = TableDefinition::new("tokens");

/// Rows of a backup that are copied in one transaction.
const COPIED_AT_ONCE: usize = 50_000;

/// The database. The lock is there because compacting and verifying want it alone.
pub struct Redb {
    database: RwLock<Database>,
    quick_repair: bool,
}

impl Redb {
    /// Opens or creates `store.redb` in `folder`.
    pub fn open(folder: &Path, quick_repair: bool) -> Outcome<Self> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(folder.join("store.redb"))
            .map_err(text)?;
        let redb = Self { database: RwLock::new(database), quick_repair };
        redb.change(|transaction| {
            for table in [ITEMS, LOG, TOKENS] {
                transaction.open_table(table)?;
            }
            Ok(())
        })?;
        Ok(redb)
    }

    fn database(&self) -> RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Outcome {
        let database = self.database();
        let mut transaction = database.begin_write().map_err(text)?;
        transaction.set_quick_repair(self.quick_repair);
        change(&transaction).map_err(text)?;
        transaction.commit().map_err(text)
    }
}

impl Candidate for Redb {
    fn commit(&self, writes: &[Write], rows: Rows) -> Outcome {
        self.change(|transaction| {
            let mut row = Vec::new();
            let mut items = transaction.open_table(ITEMS)?;
            for write in writes {
                if let Some(value) = &write.value {
                    versioned(write.sequence, value, &mut row);
                    items.insert(write.key.as_slice(), row.as_slice())?;
                } else {
                    items.remove(write.key.as_slice())?;
                }
            }
            if rows == Rows::All {
                let mut log = transaction.open_table(LOG)?;
                let mut tokens = transaction.open_table(TOKENS)?;
                for write in writes {
                    let sequence = write.sequence.to_be_bytes();
                    log.insert(sequence.as_slice(), write.key.as_slice())?;
                    tokens.insert(write.token.as_slice(), sequence.as_slice())?;
                }
            }
            Ok(())
        })
    }

    fn reader(&self) -> Outcome<Box<dyn Reader + '_>> {
        Ok(Box::new(RedbReader { redb: self }))
    }

    fn remove(&self, table: Table, from: &[u8], to: &[u8]) -> Outcome {
        loop {
            let mut removed = 0;
            self.change(|transaction| {
                let mut rows = transaction.open_table(definition(table))?;
                for row in rows.extract_from_if(from..to, |_, _| true)?.take(REMOVED_AT_ONCE) {
                    row?;
                    removed += 1;
                }
                Ok(())
            })?;
            if removed < REMOVED_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn upkeep(&self) -> &'static [&'static str] {
        &["compact()"]
    }

    fn keep_up(&self, _: &str) -> Outcome {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        while database.compact().map_err(text)? {}
        Ok(())
    }

    fn back_up(&self, to: &Path) -> Outcome {
        let copy = Self::open(to, false)?;
        let from = self.database().begin_read().map_err(text)?;
        for table in [ITEMS, LOG, TOKENS] {
            let rows = from.open_table(table).map_err(|error| format!("{}: {error}", table.name()))?;
            let mut rows = rows.iter().map_err(text)?.peekable();
            while rows.peek().is_some() {
                copy.change(|transaction| {
                    let mut table = transaction.open_table(table)?;
                    for row in rows.by_ref().take(COPIED_AT_ONCE) {
                        let (key, value) = row?;
                        table.insert(key.value(), value.value())?;
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<bool> {
        self.database.write().unwrap_or_else(PoisonError::into_inner).check_integrity().map_err(text)
    }
}

fn definition(table: Table) -> Definition {
    match table {
        Table::Items => ITEMS,
        Table::Log => LOG,
        Table::Tokens => TOKENS,
    }
}

/// A thread that reads; each call is a transaction.
struct RedbReader<'a> {
    redb: &'a Redb,
}

impl Reader for RedbReader<'_> {
    fn get(&mut self, keys: &[Key], see: &mut SeeItem<'_>) -> Outcome {
        let transaction = self.redb.database().begin_read().map_err(text)?;
        let items = transaction.open_table(ITEMS).map_err(text)?;
        for (index, key) in keys.iter().enumerate() {
            match ReadableTable::get(&items, key.as_slice()).map_err(text)? {
                Some(row) => see(index, Some(split(row.value())?)),
                None => see(index, None),
            }
        }
        Ok(())
    }

    fn scan(&mut self, table: Table, from: &[u8], to: &[u8], limit: usize, see: &mut SeeRow<'_>) -> Outcome {
        let transaction = self.redb.database().begin_read().map_err(text)?;
        let rows = transaction.open_table(definition(table)).map_err(text)?;
        for row in ReadableTable::range(&rows, from..to).map_err(text)?.take(limit) {
            let (key, value) = row.map_err(text)?;
            let (key, value) = (key.value(), value.value());
            tell(table, key, value, see)?;
        }
        Ok(())
    }
}
