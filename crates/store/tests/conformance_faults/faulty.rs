//! The engine in memory with one thing wrong with it.

use crate::fault::Fault;
use crate::place::Harm;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tenet_store::commit::{Action, Commit, Must, Outcome, Refusal, Token};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{
    Changes, Collection, Cursor, Engine, EngineError, Guarantees, Load, Loaded, MAX_BATCH, Moment, Page,
    Pending, Row, Scan, SharedSnapshot, Sharing, Size, Snapshot, Stamp, Upkeep,
};
use tenet_store::item::{Item, UnixMs, Value, Version};
use tenet_store::name::{CollectionId, ItemKey};
use tenet_store::typed::Typed;

/// The engine.
pub struct Faulty {
    pub memory: Arc<Memory>,
    pub fault: Fault,
    /// What was done to it.
    pub harm: Arc<Harm>,
    /// What was read before, by key.
    pub seen: Mutex<HashMap<ItemKey, Option<Item>>>,
}

impl Faulty {
    fn changed(&self, mut commit: Commit) -> Commit {
        match self.fault {
            Fault::ForgetsTokens => commit.token = None,
            Fault::IgnoresFences => commit.fence = None,
            Fault::ForgetsIndexes => {
                let none = |typed: Arc<Typed>| Arc::new(Typed { indexes: Vec::new(), ..(*typed).clone() });
                commit.typed = commit.typed.map(none);
            }
            Fault::TakesAnyLayout => {
                commit.typed = commit.typed.map(|typed| Arc::new(Typed { layout: 0, ..(*typed).clone() }));
            }
            _ => {}
        }
        for change in &mut commit.changes {
            if self.fault == Fault::IgnoresLaterConditions {
                change.conditions.truncate(1);
            }
            if self.fault == Fault::CutsLongKeys {
                change.writes.iter_mut().for_each(|write| write.key.truncate(500));
            }
            if self.fault == Fault::IgnoresTimes {
                change.writes.iter_mut().for_each(|write| write.ttl = None);
            }
        }
        commit
    }

    async fn commit(&self, batch: Vec<Commit>) -> Result<Vec<Outcome>, EngineError> {
        let batch: Vec<Commit> = batch.into_iter().map(|commit| self.changed(commit)).collect();
        let mut outcomes = match self.fault {
            Fault::ReversesBatches => {
                let mut outcomes = self.memory.commit(batch.into_iter().rev().collect()).await?;
                outcomes.reverse();
                outcomes
            }
            Fault::TakesAnyBatch => {
                let mut outcomes = Vec::new();
                for part in batch.chunks(MAX_BATCH) {
                    outcomes.extend(self.memory.commit(part.to_vec()).await?);
                }
                outcomes
            }
            Fault::SplitsRecords => {
                let mut outcomes = Vec::new();
                for commit in batch {
                    outcomes.push(self.record_by_record(commit).await?);
                }
                outcomes
            }
            Fault::AddsWithoutALock | Fault::ComparesWithoutALock => self.without_a_lock(batch).await?,
            _ => self.while_it_lives(batch).await?,
        };
        for outcome in &mut outcomes {
            match (self.fault, outcome) {
                (Fault::HidesWhatWasFound, Outcome::Refused(Refusal::Condition { found, .. })) => {
                    *found = None
                }
                (Fault::GivesNothingAVersion, Outcome::Done { version, .. }) if version.0 == 0 => {
                    version.0 = 1
                }
                _ => {}
            }
        }
        Ok(outcomes)
    }

    /// Commits, as long as there is room and nobody has killed it.
    async fn while_it_lives(&self, batch: Vec<Commit>) -> Result<Vec<Outcome>, EngineError> {
        if self.harm.is_dead() {
            return Err(EngineError::Unavailable("killed".into()));
        }
        if self.harm.is_full() {
            if self.fault == Fault::WritesWithoutRoom {
                self.memory.commit(batch).await?;
            }
            return Err(EngineError::Full("no room".into()));
        }
        let outcomes = self.memory.commit(batch).await?;
        tokio::task::yield_now().await;
        match self.fault {
            _ if !self.harm.is_dead() => Ok(outcomes),
            Fault::SaysThatNothingHappened => Err(EngineError::Unavailable("killed".into())),
            _ => Err(EngineError::Unknown("killed".into())),
        }
    }

    async fn record_by_record(&self, commit: Commit) -> Result<Outcome, EngineError> {
        let mut outcome = Outcome::Done { version: Version(0), replayed: false };
        for (place, change) in commit.changes.into_iter().enumerate() {
            let typed = commit.typed.clone();
            let part = Commit { token: None, fence: None, typed, changes: vec![change], ..commit };
            match self.memory.commit(vec![part]).await?.remove(0) {
                Outcome::Refused(Refusal::Condition { condition, found, .. }) => {
                    return Ok(Outcome::Refused(Refusal::Condition { change: place, condition, found }));
                }
                other => outcome = other,
            }
        }
        Ok(outcome)
    }

    /// Looks first and writes later, with others in between.
    async fn without_a_lock(&self, mut batch: Vec<Commit>) -> Result<Vec<Outcome>, EngineError> {
        for commit in &mut batch {
            for change in &mut commit.changes {
                let key = |key: &Bytes| ItemKey {
                    record: tenet_store::name::RecordKey {
                        collection: commit.collection,
                        id: change.record.clone(),
                    },
                    key: key.clone(),
                };
                for write in change.writes.iter_mut().filter(|_| self.fault == Fault::AddsWithoutALock) {
                    let Action::Add(amount) = write.action else { continue };
                    let found = self.memory.read(vec![key(&write.key)]).await?.remove(0);
                    let before = match found.map(|item| item.value) {
                        Some(Value::Inline(bytes)) => {
                            i64::from_be_bytes(bytes[..].try_into().unwrap_or_default())
                        }
                        _ => 0,
                    };
                    write.action =
                        Action::Put(Value::Inline(Bytes::copy_from_slice(&(before + amount).to_be_bytes())));
                    tokio::task::yield_now().await;
                }
                if self.fault != Fault::ComparesWithoutALock {
                    continue;
                }
                let mut hold = true;
                for condition in &change.conditions {
                    let found = self.memory.read(vec![key(&condition.key)]).await?.remove(0);
                    hold &= match condition.must {
                        Must::Be(version) => found.is_some_and(|item| item.version == version),
                        Must::BeAbsent => found.is_none(),
                        Must::BePresent => found.is_some(),
                    };
                }
                tokio::task::yield_now().await;
                if hold {
                    change.conditions.clear();
                }
            }
        }
        self.memory.commit(batch).await
    }

    async fn read(&self, keys: Vec<ItemKey>) -> Result<Vec<Option<Item>>, EngineError> {
        match self.fault {
            Fault::ReadsOldValues => {
                let items = self.memory.read(keys.clone()).await?;
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(keys
                    .into_iter()
                    .zip(items)
                    .map(|(key, item)| seen.entry(key).or_insert(item).clone())
                    .collect())
            }
            Fault::ReadsInOrderOfKeys => {
                let mut keys = keys;
                keys.sort();
                self.memory.read(keys).await
            }
            Fault::ReadsItemByItem => {
                let mut items = Vec::new();
                for key in keys {
                    items.extend(self.memory.read(vec![key]).await?);
                    tokio::task::yield_now().await;
                }
                Ok(items)
            }
            _ if keys.iter().any(|key| self.harm.damages(&key.record.id)) => {
                if self.fault != Fault::ServesDamage {
                    return Err(EngineError::Corrupt { place: "a page".into(), what: "its checksum".into() });
                }
                let damaged =
                    |item: Item| Item { value: Value::Inline(Bytes::from_static(b"damaged")), ..item };
                Ok(self.memory.read(keys).await?.into_iter().map(|item| item.map(damaged)).collect())
            }
            _ => self.memory.read(keys).await,
        }
    }

    async fn scan(&self, mut scan: Scan) -> Result<Page, EngineError> {
        match self.fault {
            Fault::ScansPastTheEnd => {
                scan.to = scan.to.map(|mut to| {
                    to.key = [&to.key[..], &[0]].concat().into();
                    to
                });
            }
            Fault::ScansForwardOnly => scan.reverse = false,
            Fault::ScansPagesOfAnySize => scan.bytes = usize::MAX,
            _ => {}
        }
        let mut page = self.memory.scan(scan).await?;
        page.more &= self.fault != Fault::SaysNoMore;
        Ok(page)
    }

    async fn changes(
        &self,
        collection: CollectionId,
        from: Cursor,
        limit: usize,
    ) -> Result<Changes, EngineError> {
        match (self.fault, self.memory.changes(collection, from, limit).await) {
            (Fault::Hangs, _) => std::future::pending().await,
            (Fault::NeverTooOld, Err(EngineError::TooOld { oldest, .. })) => {
                self.memory.changes(collection, Cursor(oldest), limit).await
            }
            (Fault::LosesChanges, Ok(mut changes)) if changes.changes.len() > 3 => {
                changes.changes.remove(1);
                Ok(changes)
            }
            (_, answer) => answer,
        }
    }
}

impl Engine for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn guarantees(&self) -> Guarantees {
        let guarantees = self.memory.guarantees();
        let kept = Guarantees { durable: true, checksums: true, sharing: Sharing::Shared, ..guarantees };
        match self.fault {
            Fault::ClaimsToBeExclusive => Guarantees { sharing: Sharing::Exclusive, ..kept },
            _ if self.harm.kept => kept,
            Fault::ClaimsDurability => Guarantees { durable: true, ..guarantees },
            Fault::ClaimsLittle => Guarantees { atomic_across_records: false, ..guarantees },
            _ => guarantees,
        }
    }

    fn clock(&self) -> Pending<'_, UnixMs> {
        self.memory.clock()
    }

    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp> {
        self.memory.claim(stamp)
    }

    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId> {
        let layout = if self.fault == Fault::TakesAnyLayout { 0 } else { collection.layout };
        self.memory.declare(Collection { layout, ..collection })
    }

    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>> {
        self.memory.collections()
    }

    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>> {
        Box::pin(self.commit(batch))
    }

    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>> {
        Box::pin(self.read(keys))
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        Box::pin(self.scan(scan))
    }

    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor> {
        let late = u64::from(self.fault == Fault::BeginsLate);
        Box::pin(async move { Ok(Cursor(self.memory.end_of_changes(collection).await?.0 + late)) })
    }

    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes> {
        Box::pin(self.changes(collection, from, limit))
    }

    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()> {
        self.memory.stage(blob, number, chunk)
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.memory.chunk(blob, number)
    }

    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        if self.fault == Fault::KeepsNoHouse {
            return Box::pin(async { Ok(Upkeep::default()) });
        }
        self.memory.upkeep(tokens_older, limit)
    }

    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        assert!(self.fault != Fault::Panics, "an engine that panics");
        self.memory.size(collection)
    }

    fn last_version(&self) -> Pending<'_, Version> {
        self.memory.last_version()
    }

    fn snapshot(&self) -> Pending<'_, SharedSnapshot> {
        Box::pin(async move {
            let snapshot = self.memory.snapshot().await?;
            if self.fault != Fault::CopiesWhatIsWritten {
                return Ok(snapshot);
            }
            let live = Live { moment: snapshot.moment().clone(), memory: self.memory.clone() };
            Ok(Arc::new(live) as SharedSnapshot)
        })
    }

    fn load(&self, step: Load) -> Pending<'_, Loaded> {
        match step {
            Load::Rows { backup, part, mut rows } if self.fault == Fault::LeavesOutTokens => {
                rows.retain(|row| !matches!(row, Row::Token(..)));
                self.memory.load(Load::Rows { backup, part, rows })
            }
            step => self.memory.load(step),
        }
    }

    fn unfinished_load(&self) -> Pending<'_, Option<u128>> {
        self.memory.unfinished_load()
    }
}

/// A snapshot that is none: it shows what is there when it is read.
struct Live {
    moment: Moment,
    memory: Arc<Memory>,
}

impl Snapshot for Live {
    fn moment(&self) -> &Moment {
        &self.moment
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.memory.scan(scan).await
        })
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.memory.chunk(blob, number)
    }

    fn tokens(&self, _: Option<Token>, _: usize) -> Pending<'_, Vec<(Token, Version)>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
