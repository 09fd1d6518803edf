//! SQLite as people use it: a connection and prepared statements a thread, the write-ahead log, an fsync a commit, the busy handler.

use crate::workload::{RECORDS, VALUE_BYTES, Work, key};
use crate::{Candidate, Cell, Outcome};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest that a connection waits for the one writer there can be. The handler looks again after 1, 2, 5, … at most 100 ms.
const BUSY: Duration = Duration::from_secs(5);

const TABLE: &str =
    "CREATE TABLE record (id BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID";
const READ: &str = "SELECT value, version FROM record WHERE id = ?1";
const WRITE: &str = "INSERT INTO record (id, value, version) VALUES (?1, ?2, 1)
    ON CONFLICT (id) DO UPDATE SET value = excluded.value, version = version + 1 RETURNING version";

/// A loaded database.
pub struct Sqlite {
    file: PathBuf,
}

impl Sqlite {
    /// Makes it in a new folder.
    pub fn load(folder: &Path) -> Outcome<Sqlite> {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let sqlite = Sqlite { file: folder.join("records.sqlite") };
        let mut connection = sqlite.connect()?;
        connection.execute_batch(TABLE).map_err(text)?;
        let loading = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(text)?;
        for number in 0..RECORDS {
            let mut write = loading.prepare_cached(WRITE).map_err(text)?;
            let written = write.query_row(params![key(number), [b'a'; VALUE_BYTES]], |_| Ok(()));
            written.map_err(text)?;
        }
        loading.commit().map_err(text)?;
        Ok(sqlite)
    }

    fn connect(&self) -> Outcome<Connection> {
        let connection = Connection::open(&self.file).map_err(text)?;
        connection.busy_timeout(BUSY).map_err(text)?;
        for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
            match connection.pragma_update_and_check(None, name, value, |_| Ok(())) {
                Ok(()) | Err(rusqlite::Error::QueryReturnedNoRows) => {}
                Err(error) => return Err(text(error)),
            }
        }
        Ok(connection)
    }

    fn client(&self, cell: &Cell, number: usize) -> Outcome<Vec<f64>> {
        let connection = self.connect()?;
        let mut read = connection.prepare(READ).map_err(text)?;
        let mut write = connection.prepare(WRITE).map_err(text)?;
        let mut work = Work::new(cell.zipf.clone(), cell.seed << 16 | number as u64, cell.writes_percent);
        let mut latencies = Vec::new();
        while cell.phase.goes_on() {
            let step = work.next();
            let began = Instant::now();
            let bytes = match step.value {
                None => read.query_row(params![step.key], |row| Ok(row.get_ref(0)?.as_blob()?.len())),
                Some(value) => {
                    write.query_row(params![step.key, value], |row| row.get::<_, i64>(0)).map(|_| VALUE_BYTES)
                }
            };
            if bytes.map_err(text)? != VALUE_BYTES {
                return Err("a record is not what was written".into());
            }
            cell.phase.keep(&mut latencies, began);
        }
        Ok(latencies)
    }
}

impl Candidate for Sqlite {
    fn title(&self) -> &'static str {
        "SQLite, directly"
    }

    fn work(&self, cell: &Cell) -> Outcome<Vec<f64>> {
        std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..cell.clients).map(|number| scope.spawn(move || self.client(cell, number))).collect();
            let mut all = Vec::new();
            for client in clients {
                all.extend(client.join().map_err(|_| "a client panicked".to_owned())??);
            }
            Ok(all)
        })
    }
}

fn text(error: rusqlite::Error) -> String {
    format!("SQLite: {error}")
}
