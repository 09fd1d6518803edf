//! An engine that keeps everything in memory: what the conformance suite compares others with, and what tests of the owner run on.
//!
//! One lock, ordered maps, no durability: every line of it should be seen to be right.

mod backup;

use super::{
    Bound, Changes, Collection, Cursor, Engine, EngineError, Guarantees, Load, Loaded, MAX_BATCH, Page,
    Pending, Scan, ScanOf, SharedSnapshot, Sharing, Size, Stamp, Upkeep,
};
use crate::commit::{Commit, Outcome, Token};
use crate::decide::{Change, Decider, needs};
use crate::item::{Item, UnixMs, Value, Version};
use crate::name::{CollectionId, ItemKey, RecordKey};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Everything in memory.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
    /// Added to the system's clock: tests turn it.
    ahead: Mutex<Duration>,
}

#[derive(Clone, Debug, Default)]
struct State {
    stamp: Option<Stamp>,
    collections: BTreeMap<CollectionId, Collection>,
    items: BTreeMap<ItemKey, Item>,
    tokens: BTreeMap<Token, (Version, UnixMs)>,
    /// By their place in the log, with the time they were made.
    changes: BTreeMap<u64, (UnixMs, Change)>,
    /// Up to here the log was forgotten, by collection.
    forgotten: BTreeMap<CollectionId, u64>,
    /// With the time they were staged.
    blobs: BTreeMap<(u64, u32), (UnixMs, Bytes)>,
    version: u64,
    logged: u64,
    /// The backup that is being restored, and how many parts of it are here.
    loading: Option<(u128, u64)>,
}

impl Memory {
    /// Empty.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Turns its clock on.
    pub fn advance(&self, time: Duration) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }

    fn now(&self) -> UnixMs {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixMs(0).after(since + ahead)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers at once.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        of: impl FnOnce(&mut State, UnixMs) -> Result<T, EngineError>,
    ) -> Pending<'a, T> {
        let answer = of(&mut self.state(), self.now());
        Box::pin(std::future::ready(answer))
    }
}

impl State {
    fn collection(&self, id: CollectionId) -> Result<&Collection, EngineError> {
        self.collections.get(&id).ok_or(EngineError::NoCollection(id))
    }

    fn commit(&mut self, batch: &[Commit], now: UnixMs) -> Result<Vec<Outcome>, EngineError> {
        if batch.len() > MAX_BATCH {
            return Err(EngineError::Broken(format!("{} commits, at most {MAX_BATCH}", batch.len())));
        }
        for commit in batch {
            self.collection(commit.collection)?;
        }
        let needs = needs(batch);
        let items = needs.items.into_iter().filter_map(|key| self.items.get_key_value(&key));
        let items: Vec<_> = items.map(|(key, item)| (key.clone(), item.clone())).collect();
        let tokens = needs.tokens.into_iter().filter_map(|token| Some((token, self.tokens.get(&token)?.0)));
        let layouts = batch.iter().map(|commit| commit.collection);
        let layouts: Vec<_> =
            layouts.filter_map(|id| Some((id, self.collections.get(&id)?.layout))).collect();
        let mut decider = Decider::new(now, items, tokens.collect::<Vec<_>>()).in_force(layouts);
        let mut outcomes = Vec::with_capacity(batch.len());
        for commit in batch {
            self.version += 1;
            outcomes.push(decider.take(commit, Version(self.version)));
        }
        let effects = decider.finish();
        for (key, item) in effects.items {
            let kept = item.as_ref().and_then(blob);
            let before = match item {
                Some(item) => self.items.insert(key, item),
                None => self.items.remove(&key),
            };
            // Put again with its own blob, an item keeps it.
            self.drop_blob(before.as_ref().and_then(blob).filter(|before| kept != Some(*before)));
        }
        for (key, value) in effects.released {
            if self.items.get(&key).is_some_and(|item| item.value == Value::Inline(value)) {
                self.items.remove(&key);
            }
        }
        self.tokens.extend(effects.tokens.into_iter().map(|(token, version)| (token, (version, now))));
        effects.changes.into_iter().for_each(|change| self.log(change, now));
        Ok(outcomes)
    }

    fn log(&mut self, change: Change, now: UnixMs) {
        let watched =
            self.collections.get(&change.item.record.collection).is_some_and(|of| !of.retention.is_zero());
        if watched {
            self.logged += 1;
            self.changes.insert(self.logged, (now, change));
        }
    }

    fn drop_blob(&mut self, blob: Option<u64>) {
        if let Some(blob) = blob {
            self.blobs.retain(|(of, _), _| *of != blob);
        }
    }

    /// Chunks that were staged so long ago that the token of their write is forgotten, and that no item refers to.
    fn orphans(&self, now: UnixMs, older: Duration) -> Vec<(u64, u32)> {
        let referred: BTreeSet<u64> = self.items.values().filter_map(blob).collect();
        let old = self.blobs.iter().filter(|(_, (staged, _))| staged.after(older) <= now);
        old.map(|(of, _)| *of).filter(|(of, _)| !referred.contains(of)).collect()
    }

    fn scan(&self, scan: &Scan, now: UnixMs) -> Page {
        let (collection, record) = match &scan.of {
            ScanOf::Record { collection, record } => (*collection, Some(record)),
            ScanOf::Collection(collection) | ScanOf::Index { entries: collection, .. } => (*collection, None),
        };
        let inside = |key: &ItemKey| {
            let at = Bound { record: key.record.id.clone(), key: key.key.clone() };
            key.record.collection == collection
                && record.is_none_or(|record| *record == key.record.id)
                && scan.from.as_ref().is_none_or(|from| *from <= at)
                && scan.to.as_ref().is_none_or(|to| at < *to)
        };
        let mut found: Vec<_> =
            self.items.iter().filter(|(key, item)| inside(key) && item.lives(now)).collect();
        if scan.reverse {
            found.reverse();
        }
        let mut page = Page::default();
        let mut bytes = 0;
        for (key, item) in found {
            let Some((key, item)) = self.meant(&scan.of, key, item, now) else { continue };
            if page.items.len() == scan.items || (bytes >= scan.bytes && !page.items.is_empty()) {
                page.more = true;
                break;
            }
            bytes += weight(key, item);
            page.items.push((key.clone(), item.clone()));
        }
        page
    }

    /// The item that a scan has in the place of this one: by an index, the one that the entry is of.
    fn meant<'a>(
        &'a self,
        of: &ScanOf,
        key: &'a ItemKey,
        item: &'a Item,
        now: UnixMs,
    ) -> Option<(&'a ItemKey, &'a Item)> {
        let ScanOf::Index { collection, .. } = of else { return Some((key, item)) };
        let key = crate::typed::item_of(*collection, item)?;
        self.items.get_key_value(&key).filter(|(_, item)| item.lives(now))
    }

    fn upkeep(&mut self, now: UnixMs, tokens_older: Duration, limit: usize) -> Upkeep {
        let expired: Vec<_> =
            self.items.iter().filter(|(_, item)| !item.lives(now)).map(|(key, _)| key.clone()).collect();
        let tokens: Vec<_> = self
            .tokens
            .iter()
            .filter(|(_, (_, at))| at.after(tokens_older) <= now)
            .map(|(token, _)| *token)
            .collect();
        let mut changes = Vec::new();
        for (at, (made, change)) in &self.changes {
            let retention = self
                .collections
                .get(&change.item.record.collection)
                .map_or(Duration::ZERO, |of| of.retention);
            if made.after(retention) <= now {
                changes.push((*at, change.item.record.collection));
            }
        }
        let orphans = self.orphans(now, tokens_older);
        let more = expired.len().max(tokens.len()).max(changes.len()).max(orphans.len()) > limit;
        let mut done = Upkeep { more, ..Upkeep::default() };
        for key in expired.into_iter().take(limit) {
            self.version += 1;
            let item = self.items.remove(&key);
            self.drop_blob(item.as_ref().and_then(blob));
            self.log(Change { item: key, now: None, version: Version(self.version) }, now);
            done.expired += 1;
        }
        for token in tokens.into_iter().take(limit) {
            self.tokens.remove(&token);
            done.tokens += 1;
        }
        for (at, collection) in changes.into_iter().take(limit) {
            self.changes.remove(&at);
            self.forgotten.insert(collection, at);
            done.changes += 1;
        }
        for of in orphans.into_iter().take(limit) {
            self.blobs.remove(&of);
        }
        done
    }

    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Result<Changes, EngineError> {
        self.collection(collection)?;
        let forgotten = self.forgotten.get(&collection).copied().unwrap_or(0);
        if from.0 < forgotten {
            return Err(EngineError::TooOld { asked: from.0, oldest: forgotten });
        }
        let after = self
            .changes
            .range(from.0 + 1..)
            .filter(|(_, (_, change))| change.item.record.collection == collection);
        let found: Vec<_> = after.take(limit).collect();
        // Short of the limit, everything up to the end was looked at.
        let next = if found.len() < limit {
            self.logged.max(from.0)
        } else {
            found.last().map_or(from.0, |(at, _)| **at)
        };
        Ok(Changes {
            changes: found.into_iter().map(|(_, (_, change))| change.clone()).collect(),
            next: Cursor(next),
        })
    }
}

/// Where the chunks of a long value lie.
fn blob(item: &Item) -> Option<u64> {
    match &item.value {
        Value::Chunked { blob, .. } => Some(*blob),
        Value::Inline(_) => None,
    }
}

/// Bytes of an item in a page.
fn weight(key: &ItemKey, item: &Item) -> usize {
    let value = if let Value::Inline(bytes) = &item.value { bytes.len() } else { 0 };
    key.record.id.len() + key.key.len() + value
}

/// Bytes of an item in all.
fn whole(key: &ItemKey, item: &Item) -> u64 {
    (key.record.id.len() + key.key.len()) as u64 + item.value.size()
}

impl Engine for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees {
            linearizable_records: true,
            atomic_across_records: true,
            durable: false,
            checksums: false,
            ordered_records: true,
            change_feed: true,
            consistent_backup: true,
            sharing: Sharing::Exclusive,
        }
    }

    fn clock(&self) -> Pending<'_, UnixMs> {
        self.answer(|_, now| Ok(now))
    }

    fn local_clock(&self) -> Option<UnixMs> {
        Some(self.now())
    }

    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp> {
        self.answer(|state, _| Ok(state.stamp.get_or_insert(stamp).clone()))
    }

    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId> {
        self.answer(|state, _| {
            let known =
                state.collections.iter().find(|(_, known)| known.name == collection.name).map(|(id, _)| *id);
            let next = state.collections.last_key_value().map_or(1, |(id, _)| id.0 + 1);
            let id = known.unwrap_or(CollectionId(next));
            state.collections.insert(id, collection);
            Ok(id)
        })
    }

    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>> {
        self.answer(|state, _| Ok(state.collections.iter().map(|(id, of)| (*id, of.clone())).collect()))
    }

    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>> {
        self.answer(|state, now| state.commit(&batch, now))
    }

    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>> {
        self.answer(|state, now| {
            Ok(keys.iter().map(|key| state.items.get(key).filter(|item| item.lives(now)).cloned()).collect())
        })
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        self.answer(|state, now| Ok(state.scan(&scan, now)))
    }

    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor> {
        self.answer(|state, _| state.collection(collection).map(|_| Cursor(state.logged)))
    }

    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes> {
        self.answer(|state, _| state.changes(collection, from, limit))
    }

    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()> {
        self.answer(|state, now| {
            state.blobs.insert((blob, number), (now, chunk));
            Ok(())
        })
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.answer(|state, _| Ok(state.blobs.get(&(blob, number)).map(|(_, chunk)| chunk.clone())))
    }

    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        self.answer(|state, now| Ok(state.upkeep(now, tokens_older, limit)))
    }

    fn knows_sizes(&self) -> bool {
        true
    }

    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        self.answer(|state, _| {
            let items: Vec<_> =
                state.items.iter().filter(|(key, _)| key.record.collection == collection).collect();
            let records: BTreeSet<&RecordKey> = items.iter().map(|(key, _)| &key.record).collect();
            let bytes = items.iter().map(|(key, item)| whole(key, item)).sum();
            Ok(Size { records: records.len() as u64, items: items.len() as u64, bytes })
        })
    }

    fn last_version(&self) -> Pending<'_, Version> {
        self.answer(|state, _| Ok(Version(state.version)))
    }

    fn snapshot(&self) -> Pending<'_, SharedSnapshot> {
        self.answer(|state, now| Ok(backup::snapshot(state, now)))
    }

    fn load(&self, step: Load) -> Pending<'_, Loaded> {
        self.answer(|state, now| state.load(step, now))
    }

    fn unfinished_load(&self) -> Pending<'_, Option<u128>> {
        self.answer(|state, _| Ok(state.loading.map(|(backup, _)| backup)))
    }
}
