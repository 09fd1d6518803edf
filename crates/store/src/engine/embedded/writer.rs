//! The one who writes: versions, and batches as one durable step.

use super::{Inner, at, keys, rows};
use crate::commit::{Commit, Outcome};
use crate::decide::{Decider, Effects, needs};
use crate::engine::{EngineError, Stamp};
use crate::item::{Item, MAX_VALUE, UnixMs, Value, Version};
use bytes::Bytes;
use fjall::Keyspace;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

/// Versions that are set aside at once: after a crash the rest of them is skipped, and no commit has to write the counter.
const SET_ASIDE: u64 = 1 << 20;

/// The counter of versions.
pub(super) struct Writer {
    /// The last that was given.
    last: u64,
    /// Up to here they are set aside on disk.
    aside: u64,
    /// Whether a step failed in a way that leaves open what the disk holds.
    broken: bool,
}

impl Writer {
    pub(super) fn open(meta: &Keyspace) -> Result<Writer, EngineError> {
        let aside = meta.get("versions").map_err(|error| at("meta", error))?;
        let last = aside.map_or(Ok(0), |row| rows::read_u64("meta", &row))?;
        Ok(Writer { last, aside: last, broken: false })
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn next(&mut self) -> Version {
        self.last += 1;
        Version(self.last)
    }
}

impl Inner {
    /// The writer, if its disk can be trusted.
    pub(super) fn writer(&self) -> Result<MutexGuard<'_, Writer>, EngineError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.broken {
            let text = "a write to the disk failed before; the folder must be opened anew";
            return Err(EngineError::Unavailable(text.into()));
        }
        Ok(writer)
    }

    /// Makes a step durable. If that fails, nobody knows what the disk holds.
    pub(super) fn persist(&self, writer: &mut Writer, mut batch: fjall::OwnedWriteBatch) -> Result<(), EngineError> {
        let mut aside = writer.aside;
        if writer.last > aside {
            aside = writer.last + SET_ASIDE;
            batch.insert(&self.meta, "versions", aside.to_be_bytes());
        }
        match batch.commit() {
            Ok(()) => {
                writer.aside = aside;
                self.committed.store(writer.last, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                writer.broken = true;
                Err(match at("journal", error) {
                    full @ EngineError::Full(_) => full,
                    other => EngineError::Unknown(other.to_string()),
                })
            }
        }
    }

    pub(super) fn commit(&self, commits: &[Commit]) -> Result<Vec<Outcome>, EngineError> {
        for commit in commits {
            self.collection(commit.collection)?;
        }
        let mut writer = self.writer()?;
        let now = self.now();
        let needs = needs(commits);
        let mut items = Vec::with_capacity(needs.items.len());
        for key in needs.items {
            if let Some(row) = self.items.get(keys::item(&key)).map_err(|error| at("items", error))? {
                items.push((key, rows::read_item(&row)?));
            }
        }
        let mut tokens = Vec::new();
        for token in needs.tokens {
            if let Some(row) = self.tokens.get(keys::token(&token)).map_err(|error| at("tokens", error))? {
                tokens.push((token, Version(rows::read_u64("tokens", &row)?)));
            }
        }
        let mut decider = Decider::new(now, items, tokens);
        let outcomes: Vec<Outcome> = commits.iter().map(|commit| decider.take(commit, writer.next())).collect();
        let effects = decider.finish();
        if !effects.is_empty() {
            let mut batch = self.batch();
            self.enter(&mut batch, effects, now)?;
            self.persist(&mut writer, batch)?;
        }
        Ok(outcomes)
    }

    /// Puts effects into a batch.
    pub(super) fn enter(&self, batch: &mut fjall::OwnedWriteBatch, effects: Effects, now: UnixMs) -> Result<(), EngineError> {
        for (key, item) in effects.items {
            let key = keys::item(&key);
            // What was there may have chunks, and a time at which upkeep would look for it.
            let before = self.items.get(&key).map_err(|error| at("items", error))?;
            if let Some(before) = before {
                self.leave(batch, &key, &rows::read_item(&before)?, now);
            }
            match item {
                None => batch.remove(&self.items, key),
                Some(item) => {
                    if let Some(at) = item.expires {
                        batch.insert(&self.expiry, keys::expiry(at, &key), Bytes::new());
                    }
                    if let Value::Chunked { blob, .. } = item.value {
                        batch.remove(&self.loose, blob.to_be_bytes());
                    }
                    batch.insert(&self.items, key, rows::item(&item));
                }
            }
        }
        let (mut last, mut number) = (Version(0), 0);
        for change in effects.changes {
            if self.collection(change.item.record.collection)?.retention.is_zero() {
                continue;
            }
            number = if change.version == last { number + 1 } else { 0 };
            last = change.version;
            let place = keys::change(change.item.record.collection, last.0, number);
            batch.insert(&self.changes, place, rows::change(&change, &keys::item(&change.item), now));
        }
        for (token, version) in effects.tokens {
            batch.insert(&self.tokens, keys::token(&token), version.0.to_be_bytes());
        }
        Ok(())
    }

    /// What an item leaves behind when it is replaced or removed.
    pub(super) fn leave(&self, batch: &mut fjall::OwnedWriteBatch, key: &[u8], item: &Item, now: UnixMs) {
        if let Some(at) = item.expires {
            batch.remove(&self.expiry, keys::expiry(at, key));
        }
        if let Value::Chunked { blob, size } = item.value {
            batch.insert(&self.loose, blob.to_be_bytes(), loose(now, size.div_ceil(MAX_VALUE as u64) as u32));
        }
    }

    pub(super) fn stage(&self, blob: u64, number: u32, chunk: &[u8]) -> Result<(), EngineError> {
        let mut writer = self.writer()?;
        let mut batch = self.batch();
        batch.insert(&self.blobs, keys::chunk(blob, number), chunk);
        batch.insert(&self.loose, blob.to_be_bytes(), loose(self.now(), number + 1));
        self.persist(&mut writer, batch)
    }

    pub(super) fn claim(&self, stamp: Stamp) -> Result<Stamp, EngineError> {
        let mut writer = self.writer()?;
        if let Some(row) = self.meta.get("stamp").map_err(|error| at("meta", error))? {
            return rows::read_stamp(&row);
        }
        let mut batch = self.batch();
        batch.insert(&self.meta, "stamp", rows::stamp(&stamp));
        self.persist(&mut writer, batch)?;
        Ok(stamp)
    }
}

/// Since when no item refers to a blob, and its chunks.
fn loose(since: UnixMs, chunks: u32) -> Vec<u8> {
    [&since.0.to_be_bytes()[..], &chunks.to_be_bytes()].concat()
}
