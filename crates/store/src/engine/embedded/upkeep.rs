//! What is past its time goes, a bounded part at a time.

use super::{Inner, at, keys, log, rows};
use crate::decide::{Change, Effects};
use crate::engine::{EngineError, Upkeep};
use crate::item::UnixMs;
use std::sync::PoisonError;
use std::time::Duration;

/// A blob that no item refers to stays for so long: it may be on its way in, or somebody may be reading it.
const LOOSE_LIFE: Duration = Duration::from_secs(3600);

impl Inner {
    pub(super) fn upkeep(&self, tokens_older: Duration, limit: usize) -> Result<Upkeep, EngineError> {
        let now = self.now();
        let mut done = Upkeep::default();
        self.expire(now, limit, &mut done)?;
        self.forget_tokens(now, tokens_older, limit, &mut done)?;
        self.forget_changes(now, limit, &mut done)?;
        self.sweep(now, limit, &mut done)?;
        Ok(done)
    }

    /// Removes items that are over, and tells those who watch.
    fn expire(&self, now: UnixMs, limit: usize, done: &mut Upkeep) -> Result<(), EngineError> {
        let behind = keys::time(now.after(Duration::from_millis(1)));
        let mut writer = self.writer()?;
        let (mut batch, mut effects) = (self.batch(), Effects::default());
        for row in self.expiry.range(..&behind[..]) {
            if effects.items.len() == limit {
                done.more = true;
                break;
            }
            let entry = row.key().map_err(|error| at("expiry", error))?;
            let key = entry.get(8..).unwrap_or_default();
            let item = self.items.get(key).map_err(|error| at("items", error))?;
            match item.map(|row| rows::read_item(&row)).transpose()? {
                Some(item) if !item.lives(now) => {
                    let key = keys::read_item(key)?;
                    let version = writer.next();
                    effects.changes.push(Change { item: key.clone(), now: None, version });
                    effects.items.push((key, None));
                }
                // The entry is older than the item.
                _ => batch.remove(&self.expiry, entry),
            }
        }
        done.expired = effects.items.len() as u64;
        if done.expired > 0 || !batch.is_empty() {
            self.enter(&mut batch, effects, now)?;
            self.persist(&mut writer, batch)?;
        }
        Ok(())
    }

    fn forget_tokens(&self, now: UnixMs, older: Duration, limit: usize, done: &mut Upkeep) -> Result<(), EngineError> {
        let oldest = now.0.saturating_sub(i64::try_from(older.as_millis()).unwrap_or(i64::MAX));
        let behind = keys::time(UnixMs(oldest.saturating_add(1)));
        let mut batch = self.batch();
        for row in self.tokens.range(..&behind[..]) {
            if batch.len() == limit {
                done.more = true;
                break;
            }
            batch.remove(&self.tokens, row.key().map_err(|error| at("tokens", error))?);
        }
        done.tokens = batch.len() as u64;
        if done.tokens > 0 {
            self.persist(&mut *self.writer()?, batch)?;
        }
        Ok(())
    }

    fn forget_changes(&self, now: UnixMs, limit: usize, done: &mut Upkeep) -> Result<(), EngineError> {
        let collections: Vec<_> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.iter().map(|(id, of)| (*id, of.retention)).collect()
        };
        for (id, retention) in collections {
            let mut batch = self.batch();
            let mut last = None;
            for row in self.changes.prefix(keys::collection(id)) {
                let (key, row) = row.into_inner().map_err(|error| at("changes", error))?;
                let (made, change) = rows::read_change(&row)?;
                if made.after(retention) > now {
                    break;
                }
                // Those of one version go together.
                if batch.len() >= limit && last != Some(change.version) {
                    done.more = true;
                    break;
                }
                last = Some(change.version);
                batch.remove(&self.changes, key);
            }
            if let Some(last) = last {
                done.changes += batch.len() as u64;
                batch.insert(&self.meta, log::forgotten_key(id), last.0.to_be_bytes());
                self.persist(&mut *self.writer()?, batch)?;
            }
        }
        Ok(())
    }

    /// Removes chunks that no item refers to.
    fn sweep(&self, now: UnixMs, limit: usize, done: &mut Upkeep) -> Result<(), EngineError> {
        let mut writer = self.writer()?;
        let mut batch = self.batch();
        for row in self.loose.iter() {
            if batch.len() >= limit {
                done.more = true;
                break;
            }
            let (blob, row) = row.into_inner().map_err(|error| at("loose", error))?;
            let (number, since) = (rows::read_u64("loose", &blob)?, rows::read_u64("loose", &row)? as i64);
            if UnixMs(since).after(LOOSE_LIFE) > now {
                continue;
            }
            let chunks = row.get(8..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
            (0..chunks).for_each(|chunk| batch.remove(&self.blobs, keys::chunk(number, chunk)));
            batch.remove(&self.loose, blob);
        }
        if batch.is_empty() { Ok(()) } else { self.persist(&mut writer, batch) }
    }
}
