//! What is past its time goes, a bounded part at a time, each part a step of its own.

use super::tables::at;
use super::writer::put;
use super::{Inner, keys, log, rows};
use crate::decide::{Change, Effects};
use crate::engine::{EngineError, Upkeep};
use crate::item::UnixMs;
use crate::name::CollectionId;
use redb::ReadableTable;
use std::sync::PoisonError;
use std::time::Duration;

impl Inner {
    pub(super) fn upkeep(&self, tokens_older: Duration, limit: usize) -> Result<Upkeep, EngineError> {
        let now = self.now();
        let mut done = Upkeep::default();
        self.expire(now, limit, &mut done)?;
        self.forget_tokens(now, tokens_older, limit, &mut done)?;
        let collections: Vec<_> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.iter().map(|(id, of)| (*id, of.retention)).collect()
        };
        for (id, retention) in collections {
            self.forget_changes(id, retention, now, limit, &mut done)?;
        }
        self.sweep(now, tokens_older, limit, &mut done)?;
        Ok(done)
    }

    /// Removes items that are over, and tells those who watch.
    fn expire(&self, now: UnixMs, limit: usize, done: &mut Upkeep) -> Result<(), EngineError> {
        let behind = keys::time(now.after(Duration::from_millis(1)));
        self.step(|tables, writer| {
            let (mut effects, mut stale) = (Effects::default(), Vec::new());
            for row in tables.expiry.range(..&behind[..]).map_err(|error| at("expiry", error))? {
                if effects.items.len() + stale.len() == limit {
                    done.more = true;
                    break;
                }
                let (entry, _) = row.map_err(|error| at("expiry", error))?;
                let key = entry.value().get(8..).unwrap_or_default();
                let item = tables.items.get(key).map_err(|error| at("items", error))?;
                match item.map(|row| rows::read_item(key, row.value())).transpose()? {
                    Some(item) if !item.lives(now) => {
                        let key = keys::read_item(key)?;
                        effects.changes.push(Change { item: key.clone(), now: None, version: writer.next() });
                        effects.items.push((key, None));
                    }
                    // The entry is older than the item.
                    _ => stale.push(entry.value().to_vec()),
                }
            }
            done.expired = effects.items.len() as u64;
            let changed = done.expired > 0 || !stale.is_empty();
            for entry in stale {
                tables.expiry.remove(&entry[..]).map_err(|error| at("expiry", error))?;
            }
            self.enter(tables, writer, effects, now)?;
            Ok(((), changed))
        })
    }

    fn forget_tokens(
        &self,
        now: UnixMs,
        older: Duration,
        limit: usize,
        done: &mut Upkeep,
    ) -> Result<(), EngineError> {
        let oldest = now.0.saturating_sub(i64::try_from(older.as_millis()).unwrap_or(i64::MAX));
        let behind = keys::time(UnixMs(oldest.saturating_add(1)));
        self.step(|tables, _| {
            let mut old = Vec::new();
            for row in tables.tokens.range(..&behind[..]).map_err(|error| at("tokens", error))? {
                if old.len() == limit {
                    done.more = true;
                    break;
                }
                old.push(row.map_err(|error| at("tokens", error))?.0.value().to_vec());
            }
            done.tokens = old.len() as u64;
            for key in &old {
                tables.tokens.remove(&key[..]).map_err(|error| at("tokens", error))?;
            }
            Ok(((), !old.is_empty()))
        })
    }

    fn forget_changes(
        &self,
        id: CollectionId,
        retention: Duration,
        now: UnixMs,
        limit: usize,
        done: &mut Upkeep,
    ) -> Result<(), EngineError> {
        let (first, behind) = (keys::change(id, 0), keys::change(id, u64::MAX));
        self.step(|tables, _| {
            let mut old = Vec::new();
            for row in tables.changes.range(&first[..]..&behind[..]).map_err(|error| at("changes", error))? {
                let (key, row) = row.map_err(|error| at("changes", error))?;
                if rows::read_change(key.value(), row.value())?.0.after(retention) > now {
                    break;
                }
                if old.len() == limit {
                    done.more = true;
                    break;
                }
                old.push(key.value().to_vec());
            }
            let Some(last) = old.last() else { return Ok(((), false)) };
            let key = log::forgotten_key(id);
            put(&mut tables.meta, &key, &rows::number(&key, keys::read_place(last)?))?;
            done.changes += old.len() as u64;
            for key in &old {
                tables.changes.remove(&key[..]).map_err(|error| at("changes", error))?;
            }
            Ok(((), true))
        })
    }

    /// Removes chunks that no item refers to: at once those of a value that was replaced, the others when their write can no longer be
    /// finished.
    fn sweep(
        &self,
        now: UnixMs,
        older: Duration,
        limit: usize,
        done: &mut Upkeep,
    ) -> Result<(), EngineError> {
        self.step(|tables, _| {
            let (mut chunks, mut blobs) = (Vec::new(), Vec::new());
            'blobs: for row in tables.loose.iter().map_err(|error| at("loose", error))? {
                let (blob, row) = row.map_err(|error| at("loose", error))?;
                if rows::read_time("loose", blob.value(), row.value())?.after(older) > now {
                    continue;
                }
                let number = blob.value().try_into().map_or(0, u64::from_be_bytes);
                let (first, last) = (keys::chunk(number, 0), keys::chunk(number, u32::MAX));
                for row in tables.blobs.range(&first[..]..=&last[..]).map_err(|error| at("blobs", error))? {
                    if chunks.len() == limit {
                        done.more = true;
                        break 'blobs;
                    }
                    chunks.push(row.map_err(|error| at("blobs", error))?.0.value().to_vec());
                }
                blobs.push(blob.value().to_vec());
            }
            for chunk in &chunks {
                tables.blobs.remove(&chunk[..]).map_err(|error| at("blobs", error))?;
            }
            for blob in &blobs {
                tables.loose.remove(&blob[..]).map_err(|error| at("loose", error))?;
            }
            Ok(((), !blobs.is_empty() || !chunks.is_empty()))
        })
    }
}
