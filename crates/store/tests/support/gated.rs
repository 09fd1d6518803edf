//! An engine whose steps wait until a test lets them go, one by one.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenet_store::commit::{Action, Commit, Outcome, RecordChange, Token, Write};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{
    Changes, Collection, Cursor, Engine, EngineError, Guarantees, Page, Pending, Scan, ScanOf, Sharing, Size,
    Stamp, Upkeep,
};
use tenet_store::item::{Item, UnixMs, Value, Version};
use tenet_store::name::{CollectionId, CollectionName, ItemKey, Name, RecordKey};
use tokio::sync::Semaphore;

/// Memory behind a gate: each step of the engine needs a permit, is counted, and its size kept.
pub struct Gated {
    pub memory: Memory,
    pub gate: Semaphore,
    steps: AtomicUsize,
    pub largest: AtomicUsize,
    pub lost: AtomicUsize,
    pub clocks: AtomicUsize,
    /// Whether nobody is told the time.
    pub clock_away: AtomicBool,
    /// Whether pages and changes wait, too.
    pub pages_wait: AtomicBool,
    pub page_gate: Semaphore,
    /// Pages of which record are being read; empty ids for changes.
    pub pages: Mutex<Vec<Bytes>>,
    /// Whether other processes may write to it, and its clock is far away.
    shared: bool,
}

impl Gated {
    pub fn new(permits: usize) -> Arc<Gated> {
        Gated::shared(permits, false)
    }

    pub fn shared(permits: usize, shared: bool) -> Arc<Gated> {
        let gate = Semaphore::new(permits);
        let (steps, largest, lost, clocks, clock_away, pages, pages_wait) = Default::default();
        let (memory, page_gate) = (Memory::new(), Semaphore::new(0));
        Arc::new(Gated {
            memory,
            gate,
            steps,
            largest,
            lost,
            clocks,
            clock_away,
            pages_wait,
            page_gate,
            pages,
            shared,
        })
    }

    /// A page or changes, while `pages_wait`.
    async fn page(&self, record: Bytes) {
        if !self.pages_wait.load(Ordering::SeqCst) {
            return;
        }
        self.pages.lock().unwrap().push(record.clone());
        self.page_gate.acquire().await.expect("the gate is never closed").forget();
        let mut pages = self.pages.lock().unwrap();
        let place = pages.iter().position(|page| *page == record).unwrap();
        pages.remove(place);
    }

    async fn step(&self, size: usize) {
        self.gate.acquire().await.expect("the gate is never closed").forget();
        self.steps.fetch_add(1, Ordering::SeqCst);
        self.largest.fetch_max(size, Ordering::SeqCst);
    }

    pub fn steps(&self) -> usize {
        self.steps.load(Ordering::SeqCst)
    }
}

impl Engine for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }
    fn guarantees(&self) -> Guarantees {
        let sharing = if self.shared { Sharing::Shared } else { Sharing::Exclusive };
        Guarantees { sharing, ..self.memory.guarantees() }
    }
    fn clock(&self) -> Pending<'_, UnixMs> {
        self.clocks.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            // Others come meanwhile.
            tokio::task::yield_now().await;
            if self.clock_away.load(Ordering::SeqCst) {
                return Err(EngineError::Unavailable("no clock".into()));
            }
            self.memory.clock().await
        })
    }
    fn local_clock(&self) -> Option<UnixMs> {
        self.memory.local_clock().filter(|_| !self.shared)
    }
    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp> {
        self.memory.claim(stamp)
    }
    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId> {
        self.memory.declare(collection)
    }
    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>> {
        self.memory.collections()
    }
    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>> {
        Box::pin(async move {
            self.step(batch.len()).await;
            let done = self.memory.commit(batch).await;
            // The answer is lost on its way.
            let lose = self.lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if lose.is_ok() { Err(EngineError::Unknown("cut".into())) } else { done }
        })
    }
    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>> {
        Box::pin(async move {
            self.step(keys.len()).await;
            self.memory.read(keys).await
        })
    }
    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        let record = match &scan.of {
            ScanOf::Record { record, .. } => record.clone(),
            _ => Bytes::new(),
        };
        Box::pin(async move {
            self.page(record).await;
            self.memory.scan(scan).await
        })
    }
    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor> {
        self.memory.end_of_changes(collection)
    }
    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes> {
        Box::pin(async move {
            self.page(Bytes::new()).await;
            self.memory.changes(collection, from, limit).await
        })
    }
    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()> {
        self.memory.stage(blob, number, chunk)
    }
    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.memory.chunk(blob, number)
    }
    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        self.memory.upkeep(tokens_older, limit)
    }
    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        self.memory.size(collection)
    }
    fn last_version(&self) -> Pending<'_, Version> {
        self.memory.last_version()
    }
}

pub async fn declared(engine: &dyn Engine) -> CollectionId {
    let name =
        CollectionName { namespace: Name::new("test").unwrap(), collection: Name::new("counts").unwrap() };
    engine.declare(Collection { name, retention: Duration::from_secs(3600), layout: 0 }).await.unwrap()
}

pub fn add(collection: CollectionId, record: &'static str, nonce: u128) -> Commit {
    let write = Write { key: Bytes::new(), action: Action::Add(1), ttl: None };
    let change = RecordChange { record: record.into(), conditions: Vec::new(), writes: vec![write] };
    Commit {
        collection,
        token: Some(Token { time: UnixMs(0), nonce }),
        fence: None,
        typed: None,
        changes: vec![change],
    }
}

pub fn key(collection: CollectionId, record: &'static str) -> ItemKey {
    ItemKey { record: RecordKey { collection, id: record.into() }, key: Bytes::new() }
}

pub fn number(item: Option<&Item>) -> i64 {
    match item.map(|item| &item.value) {
        Some(Value::Inline(bytes)) => i64::from_be_bytes(bytes[..].try_into().unwrap()),
        _ => 0,
    }
}

/// Lets every spawned task run until it waits.
pub async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
