//! SQLite: one connection that writes, one for each thread that reads, write-ahead log, an fsync for each commit.

use super::{CACHE_BYTES, Candidate, Key, Reader, Rows, SeeItem, SeeRow, Table, Upkeep, Write, text};
use crate::Outcome;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// Bytes of a page. With the default of 4,096 a row of 1 KiB does not fit into a leaf of a table without rowid and takes an overflow page of
/// its own: commits of such rows were measured at half the speed, those of 100 bytes at 1.2 to 1.7 times.
const PAGE_BYTES: u32 = 8_192;

/// Pages in the write-ahead log before a commit also copies them home (16 MiB; the default is a quarter of it). Fewer
/// copies of hot pages, for rarer and longer pauses.
const CHECKPOINT_PAGES: u32 = 2_000;

/// The same where faults are to meet checkpoints.
const CHECKPOINT_PAGES_OFTEN: u32 = 250;

/// Free pages given back to the file system in one step, so that commits get in between.
const VACUUMED_AT_ONCE: u32 = 500;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS items (key BLOB PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS log (sequence INTEGER PRIMARY KEY, key BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS tokens (token BLOB PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;";

/// The database and its writer.
pub struct Sqlite {
    file: PathBuf,
    writer: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or creates `store.sqlite` in `folder`.
    pub fn open(folder: &Path, upkeep: Upkeep) -> Outcome<Self> {
        let pages = if upkeep == Upkeep::Often { CHECKPOINT_PAGES_OFTEN } else { CHECKPOINT_PAGES };
        let file = folder.join("store.sqlite");
        let writer = Connection::open(&file).map_err(text)?;
        for (name, value) in [
            ("page_size", PAGE_BYTES.to_string()),
            ("auto_vacuum", "INCREMENTAL".to_owned()),
            ("journal_mode", "WAL".to_owned()),
            ("synchronous", "FULL".to_owned()),
            ("wal_autocheckpoint", pages.to_string()),
            ("cache_size", format!("-{}", CACHE_BYTES / 2048)),
            ("temp_store", "MEMORY".to_owned()),
        ] {
            writer.pragma_update_and_check(None, name, value, |_| Ok(())).or_else(no_rows)?;
        }
        writer.execute_batch(SCHEMA).map_err(text)?;
        Ok(Self { file, writer: Mutex::new(writer) })
    }

    fn writer(&self) -> Outcome<MutexGuard<'_, Connection>> {
        self.writer.lock().map_err(text)
    }
}

/// Some pragmas answer with a row and some do not.
fn no_rows(error: rusqlite::Error) -> Outcome {
    if error == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(text(error)) }
}

impl Candidate for Sqlite {
    fn commit(&self, writes: &[Write], rows: Rows) -> Outcome {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(text)?;
        put(&transaction, writes, rows).map_err(text)?;
        transaction.commit().map_err(text)
    }

    fn reader(&self) -> Outcome<Box<dyn Reader + '_>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags).map_err(text)?;
        connection
            .pragma_update_and_check(None, "cache_size", format!("-{}", CACHE_BYTES / 2048), |_| Ok(()))
            .or_else(no_rows)?;
        Ok(Box::new(SqliteReader { connection }))
    }

    fn remove(&self, table: Table, from: &[u8], to: &[u8]) -> Outcome {
        let writer = self.writer()?;
        let removed = match table {
            Table::Items => writer.execute("DELETE FROM items WHERE key >= ? AND key < ?", params![from, to]),
            Table::Log => {
                let (from, to) = (number(from)?, number(to)?);
                writer.execute("DELETE FROM log WHERE sequence >= ? AND sequence < ?", params![from, to])
            }
            Table::Tokens => {
                writer.execute("DELETE FROM tokens WHERE token >= ? AND token < ?", params![from, to])
            }
        };
        removed.map(drop).map_err(text)
    }

    fn upkeep(&self) -> &'static [&'static str] {
        &["incremental_vacuum", "VACUUM"]
    }

    fn keep_up(&self, step: &str) -> Outcome {
        if step == "VACUUM" {
            self.writer()?.execute_batch("VACUUM").map_err(text)?;
        }
        while self.free_pages()? > 0 {
            let writer = self.writer()?;
            writer.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUMED_AT_ONCE})")).map_err(text)?;
        }
        self.writer()?.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(text)
    }

    fn back_up(&self, to: &Path) -> Outcome {
        let connection = Connection::open(&self.file).map_err(text)?;
        let file = to.join("store.sqlite");
        connection.execute("VACUUM INTO ?", params![file.to_string_lossy()]).map(drop).map_err(text)
    }

    fn verify(&self) -> Outcome<bool> {
        let verdict: String =
            self.writer()?.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(text)?;
        Ok(verdict == "ok")
    }
}

impl Sqlite {
    fn free_pages(&self) -> Outcome<u64> {
        let count: i64 =
            self.writer()?.query_row("PRAGMA freelist_count", [], |row| row.get(0)).map_err(text)?;
        Ok(count.unsigned_abs())
    }
}

fn put(transaction: &Connection, writes: &[Write], rows: Rows) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO items VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET version = ?2, value = ?3",
    )?;
    let mut delete = transaction.prepare_cached("DELETE FROM items WHERE key = ?")?;
    let mut log = transaction.prepare_cached("INSERT INTO log VALUES (?, ?)")?;
    let mut token = transaction.prepare_cached("INSERT INTO tokens VALUES (?, ?)")?;
    for write in writes {
        let sequence = write.sequence.cast_signed();
        match &write.value {
            Some(value) => put.execute(params![write.key, sequence, value])?,
            None => delete.execute(params![write.key])?,
        };
        if rows == Rows::All {
            log.execute(params![sequence, write.key])?;
            token.execute(params![write.token, sequence])?;
        }
    }
    Ok(())
}

fn number(key: &[u8]) -> Outcome<i64> {
    key.try_into().map(i64::from_be_bytes).map_err(|_| "a key of the log has 8 bytes".to_owned())
}

/// A connection that reads.
struct SqliteReader {
    connection: Connection,
}

impl Reader for SqliteReader {
    fn get(&mut self, keys: &[Key], see: &mut SeeItem<'_>) -> Outcome {
        // A statement alone is a transaction already.
        let transaction =
            if keys.len() > 1 { Some(self.connection.unchecked_transaction().map_err(text)?) } else { None };
        let mut select =
            self.connection.prepare_cached("SELECT version, value FROM items WHERE key = ?").map_err(text)?;
        for (index, key) in keys.iter().enumerate() {
            let mut rows = select.query(params![key]).map_err(text)?;
            match rows.next().map_err(text)? {
                Some(row) => {
                    let version: i64 = row.get(0).map_err(text)?;
                    let value = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(text)?;
                    see(index, Some((version.cast_unsigned(), value)));
                }
                None => see(index, None),
            }
        }
        drop(select);
        transaction.map_or(Ok(()), |transaction| transaction.commit().map_err(text))
    }

    fn scan(&mut self, table: Table, from: &[u8], to: &[u8], limit: usize, see: &mut SeeRow<'_>) -> Outcome {
        let (sql, log) = match table {
            Table::Items => (
                "SELECT key, version, value FROM items WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
                false,
            ),
            Table::Log => (
                "SELECT key, sequence, x'' FROM log WHERE sequence >= ? AND sequence < ? ORDER BY sequence LIMIT ?",
                true,
            ),
            Table::Tokens => (
                "SELECT token, sequence, x'' FROM tokens WHERE token >= ? AND token < ? ORDER BY token LIMIT ?",
                false,
            ),
        };
        let mut select = self.connection.prepare_cached(sql).map_err(text)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = if log {
            select.query(params![number(from)?, number(to)?, limit])
        } else {
            select.query(params![from, to, limit])
        }
        .map_err(text)?;
        while let Some(row) = rows.next().map_err(text)? {
            let version: i64 = row.get(1).map_err(text)?;
            let key = row.get_ref(0).and_then(|key| Ok(key.as_blob()?)).map_err(text)?;
            let value = row.get_ref(2).and_then(|value| Ok(value.as_blob()?)).map_err(text)?;
            see(key, version.cast_unsigned(), value);
        }
        Ok(())
    }
}
