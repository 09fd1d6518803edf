//! The one who writes: versions, and batches as one durable step.

use super::sizes::Growth;
use super::tables::{self, Tables, at};
use super::{Inner, keys, rows};
use crate::commit::{Commit, Outcome};
use crate::decide::{Decider, Effects, needs};
use crate::engine::{EngineError, MAX_BATCH, Stamp};
use crate::item::{Item, UnixMs, Value, Version};
use redb::ReadableTable;
use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// The last version that was given, and the last place in the log.
pub(super) const VERSION: &[u8] = b"version";
pub(super) const LOGGED: &[u8] = b"logged";
const STAMP: &[u8] = b"stamp";

/// The counters of versions and of places in the log.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub last: u64,
    pub logged: u64,
}

impl Writer {
    pub(super) fn next(&mut self) -> Version {
        self.last += 1;
        Version(self.last)
    }
}

impl Inner {
    /// Changes tables in one durable step; a step that returns `None` changes nothing. Nobody else writes meanwhile.
    pub(super) fn step<T>(
        &self,
        step: impl FnOnce(&mut Tables<'_>, &mut Writer) -> Result<(T, bool), EngineError>,
    ) -> Result<T, EngineError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.broken.load(Ordering::Acquire) {
            let text = "the disk failed before, or data are damaged; the folder must be opened anew";
            return Err(EngineError::Unavailable(text.into()));
        }
        let before = *writer;
        let transaction = self.database.begin_write().map_err(|error| self.failed("tables", error))?;
        let mut tables = Tables::open(&transaction)?;
        let done = step(&mut tables, &mut writer).and_then(|(answer, changed)| {
            if changed && writer.last > before.last {
                put(&mut tables.meta, VERSION, &rows::number(VERSION, writer.last))?;
            }
            if changed && writer.logged > before.logged {
                put(&mut tables.meta, LOGGED, &rows::number(LOGGED, writer.logged))?;
            }
            Ok((answer, changed))
        });
        drop(tables);
        match done {
            Ok((answer, true)) => {
                transaction.commit().map_err(|error| {
                    let failed = self.failed("commit", error);
                    // What was full before anything was synced did not happen; of all else nobody knows.
                    match failed {
                        EngineError::Full(_) => failed,
                        other => EngineError::Unknown(other.to_string()),
                    }
                })?;
                if writer.last > before.last {
                    self.mark.note(writer.last);
                }
                self.committed.store(writer.last, Ordering::Release);
                self.logged.store(writer.logged, Ordering::Release);
                Ok(answer)
            }
            Ok((answer, false)) => {
                *writer = before;
                transaction.abort().map_err(|error| self.failed("abort", error))?;
                Ok(answer)
            }
            Err(error) => {
                *writer = before;
                transaction.abort().map_err(|error| self.failed("abort", error))?;
                Err(error)
            }
        }
    }

    /// After this the disk is not trusted any more.
    fn failed(&self, place: &str, error: impl Into<redb::Error>) -> EngineError {
        self.broken.store(true, Ordering::Release);
        at(place, error)
    }

    pub(super) fn commit(&self, commits: &[Commit]) -> Result<Vec<Outcome>, EngineError> {
        if commits.len() > MAX_BATCH {
            return Err(EngineError::Broken(format!("{} commits, at most {MAX_BATCH}", commits.len())));
        }
        let needs = needs(commits);
        self.step(|tables, writer| {
            let now = self.now();
            let mut items = Vec::with_capacity(needs.items.len());
            for key in needs.items {
                let bytes = keys::item(&key);
                let row = tables.items.get(&bytes[..]).map_err(|error| at("items", error))?;
                if let Some(row) = row {
                    items.push((key, rows::read_item(&bytes, row.value())?));
                }
            }
            let mut tokens = Vec::new();
            for token in needs.tokens {
                let key = keys::token(&token);
                let row = tables.tokens.get(&key[..]).map_err(|error| at("tokens", error))?;
                if let Some(row) = row {
                    tokens.push((token, Version(rows::read_number("tokens", &key, row.value())?)));
                }
            }
            // Under the writer's lock, which who declares takes, too.
            let layouts: HashMap<_, _> = commits
                .iter()
                .map(|commit| Ok((commit.collection, self.collection(commit.collection)?.layout)))
                .collect::<Result<_, EngineError>>()?;
            let mut decider = Decider::new(now, items, tokens).in_force(layouts);
            let outcomes: Vec<Outcome> =
                commits.iter().map(|commit| decider.take(commit, writer.next())).collect();
            let effects = decider.finish();
            let changed = !effects.is_empty();
            self.enter(tables, writer, effects, now)?;
            Ok((outcomes, changed))
        })
    }

    /// Puts effects into the tables.
    pub(super) fn enter(
        &self,
        tables: &mut Tables<'_>,
        writer: &mut Writer,
        effects: Effects,
        now: UnixMs,
    ) -> Result<(), EngineError> {
        let mut growth = Growth::default();
        for (item_key, item) in effects.items {
            let key = keys::item(&item_key);
            let before = match &item {
                None => tables.items.remove(&key[..]),
                Some(item) => tables.items.insert(&key[..], &rows::item(&key, item)[..]),
            };
            let before = before.map_err(|error| at("items", error))?;
            // What was there may have chunks, and a time at which upkeep would look for it.
            let before = before.map(|row| rows::read_item(&key, row.value())).transpose()?;
            growth.changed(&tables.items, &item_key, before.as_ref(), item.as_ref())?;
            if let Some(before) = before {
                leave(tables, &key, &before)?;
            }
            let Some(item) = item else { continue };
            if let Some(at) = item.expires {
                put(&mut tables.expiry, &keys::expiry(at, &key), &[])?;
            }
            if let Value::Chunked { blob, .. } = item.value {
                tables.loose.remove(&blob.to_be_bytes()[..]).map_err(|error| at("loose", error))?;
            }
        }
        for (item_key, value) in effects.released {
            let key = keys::item(&item_key);
            let row = tables.items.get(&key[..]).map_err(|error| at("items", error))?;
            let item = row.map(|row| rows::read_item(&key, row.value())).transpose()?;
            if let Some(item) = item.filter(|item| item.value == Value::Inline(value)) {
                tables.items.remove(&key[..]).map_err(|error| at("items", error))?;
                growth.changed(&tables.items, &item_key, Some(&item), None)?;
                leave(tables, &key, &item)?;
            }
        }
        growth.enter(tables)?;
        for change in effects.changes {
            if self.collection(change.item.record.collection)?.retention.is_zero() {
                continue;
            }
            writer.logged += 1;
            let place = keys::change(change.item.record.collection, writer.logged);
            let row = rows::change(&place, &change, &keys::item(&change.item), now);
            put(&mut tables.changes, &place, &row)?;
        }
        for (token, version) in effects.tokens {
            let key = keys::token(&token);
            put(&mut tables.tokens, &key, &rows::number(&key, version.0))?;
        }
        Ok(())
    }

    pub(super) fn stage(&self, blob: u64, number: u32, chunk: &[u8]) -> Result<(), EngineError> {
        self.step(|tables, _| {
            let (key, blob) = (keys::chunk(blob, number), blob.to_be_bytes());
            put(&mut tables.blobs, &key, &rows::seal(&key, chunk.to_vec()))?;
            put(&mut tables.loose, &blob, &rows::time(&blob, self.now()))?;
            Ok(((), true))
        })
    }

    pub(super) fn claim(&self, stamp: Stamp) -> Result<Stamp, EngineError> {
        self.step(|tables, _| {
            if let Some(row) = tables.meta.get(STAMP).map_err(|error| at("meta", error))? {
                return Ok((rows::read_stamp(STAMP, row.value())?, false));
            }
            put(&mut tables.meta, STAMP, &rows::stamp(STAMP, &stamp))?;
            Ok((stamp, true))
        })
    }
}

/// What an item leaves behind when it is replaced or removed.
fn leave(tables: &mut Tables<'_>, key: &[u8], item: &Item) -> Result<(), EngineError> {
    if let Some(at_time) = item.expires {
        tables.expiry.remove(&keys::expiry(at_time, key)[..]).map_err(|error| at("expiry", error))?;
    }
    if let Value::Chunked { blob, .. } = item.value {
        // Nobody will ever refer to it again: it has been loose for long enough.
        let blob = blob.to_be_bytes();
        put(&mut tables.loose, &blob, &rows::time(&blob, UnixMs(0)))?;
    }
    Ok(())
}

/// Puts a row into a table, whatever was there.
pub(super) fn put(table: &mut tables::Rows<'_>, key: &[u8], row: &[u8]) -> Result<(), EngineError> {
    table.insert(key, row).map(drop).map_err(|error| at("tables", error))
}
