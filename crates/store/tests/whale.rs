//! One record that everybody asks for, and others that go on being answered: by counts and order, never by time.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

#[allow(dead_code)] // the owner's other tests use all of it
#[path = "support/gated.rs"]
mod gated;

use bytes::Bytes;
use gated::{Gated, add, declared, key, number, settle};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tenet_store::commit::{Action, Commit, RecordChange, Write};
use tenet_store::engine::postgres::CONNECTIONS;
use tenet_store::engine::{Cursor, Scan, ScanOf};
use tenet_store::item::Value;
use tenet_store::name::{CollectionId, ItemKey, RecordKey};
use tenet_store::owner::{Owner, OwnerError, Width};
use tokio::task::JoinHandle;

const OTHERS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

fn width() -> Width {
    Width { write_lanes: 1, read_lanes: 1, waiting: 64, per_record: 8, near_bytes: 0, ..Width::default() }
}

/// Those of the answers that say that the record has its share already.
async fn crowded<T>(calls: Vec<JoinHandle<Result<T, OwnerError>>>) -> usize {
    let mut crowded = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => {}
            Err(OwnerError::Crowded { .. }) => crowded += 1,
            Err(other) => panic!("{other}"),
        }
    }
    crowded
}

fn all_done<T>(calls: &[JoinHandle<T>]) -> bool {
    calls.iter().all(JoinHandle::is_finished)
}

#[tokio::test]
async fn writes_of_a_whale_fill_no_lane_that_others_stand_in() {
    let engine = Gated::new(0);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), width());
    let commit = |record: &'static str, nonce: u128| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.commit(add(collection, record, nonce)).await })
    };
    // Many more than the lane has places; the first is on its way.
    let first = commit("whale", 0);
    settle().await;
    let whale: Vec<_> = (1..500).map(|nonce| commit("whale", nonce)).collect();
    settle().await;
    let others: Vec<_> = (1000..).zip(OTHERS).map(|(nonce, record)| commit(record, nonce)).collect();
    settle().await;
    // One step that the whale had begun, and the next one is theirs as well.
    engine.gate.add_permits(2);
    settle().await;
    assert!(all_done(&others), "{} steps", engine.steps());
    assert_eq!(crowded(others).await, 0);
    engine.gate.add_permits(100);
    // What came after the first had been taken: its share, and no more.
    assert_eq!((crowded(vec![first]).await, crowded(whale).await), (0, 499 - 8));
    let found = owner.read(vec![key(collection, "whale")]).await.unwrap();
    assert_eq!(number(found[0].as_ref()), 9, "what was refused did not happen");
}

#[tokio::test]
async fn long_writes_of_a_whale_stand_before_nobody_else() {
    let engine = Gated::new(0);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width { batch_bytes: 1000, per_record: 64, ..width() });
    let commit = |record: &'static str, bytes: usize| {
        let action = Action::Put(Value::Inline(vec![0; bytes].into()));
        let write = Write { key: Bytes::new(), action, ttl: None };
        let change = RecordChange { record: record.into(), conditions: Vec::new(), writes: vec![write] };
        let commit = Commit::of(collection, None, vec![change]);
        let owner = owner.clone();
        tokio::spawn(async move { owner.commit(commit).await })
    };
    let first = commit("whale", 1000);
    settle().await;
    // Each is a step by itself, and what waits of one record has a bound in bytes.
    let whale: Vec<_> = (0..40).map(|_| commit("whale", 1000)).collect();
    // What is longer than that still gets in, alone.
    let long = commit("another whale", 100_000);
    let others: Vec<_> = OTHERS.into_iter().map(|record| commit(record, 1)).collect();
    settle().await;
    // The one that was on its way, one of the whale's, the long one, and theirs.
    engine.gate.add_permits(4);
    settle().await;
    assert!(all_done(&others), "{} steps", engine.steps());
    engine.gate.add_permits(100);
    assert_eq!((crowded(others).await, crowded(vec![first, long]).await), (0, 0));
    assert_eq!(crowded(whale).await, 40 - 16);
}

#[tokio::test]
async fn reads_of_a_whale_with_many_keys_stand_before_nobody_else() {
    let engine = Gated::new(0);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width { per_record: 30, ..width() });
    let read = |keys: Vec<ItemKey>| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.read(keys).await })
    };
    let of_whale = |call: usize| {
        let record = RecordKey { collection, id: "whale".into() };
        let item = |item: usize| ItemKey { record: record.clone(), key: format!("{call} {item}").into() };
        read((0..1000).map(item).collect())
    };
    let first = of_whale(0);
    settle().await;
    let whale: Vec<_> = (1..=40).map(of_whale).collect();
    let others: Vec<_> = OTHERS.into_iter().map(|record| read(vec![key(collection, record)])).collect();
    settle().await;
    // The one that was on its way, and one that has one more of the whale's and all of theirs.
    engine.gate.add_permits(2);
    settle().await;
    assert!(all_done(&others), "{} steps", engine.steps());
    engine.gate.add_permits(100);
    assert_eq!(crowded(others).await, 0);
    assert_eq!((crowded(vec![first]).await, crowded(whale).await), (0, 40 - 30));
}

fn range(collection: CollectionId, record: &'static str) -> Scan {
    let of = ScanOf::Record { collection, record: record.into() };
    Scan { of, from: None, to: None, reverse: false, items: 10, bytes: 1000 }
}

#[tokio::test]
async fn ranges_of_a_whale_leave_half_of_the_engine_to_others() {
    let engine = Gated::new(1000);
    let collection = declared(&*engine).await;
    engine.pages_wait.store(true, Ordering::SeqCst);
    let owner = Owner::start(engine.clone(), Width { pages: 4, per_record: 20, ..width() });
    let scan = |record: &'static str| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.scan(range(collection, record)).await })
    };
    let whale: Vec<_> = (0..50).map(|_| scan("whale")).collect();
    settle().await;
    let others: Vec<_> = ["a", "b"].into_iter().map(scan).collect();
    settle().await;
    let under_way = || {
        let mut pages: Vec<Bytes> = engine.pages.lock().unwrap().clone();
        pages.sort();
        pages
    };
    assert_eq!(
        under_way(),
        ["a", "b", "whale", "whale"],
        "nobody waits behind forty-eight of another record"
    );
    engine.page_gate.add_permits(1000);
    assert_eq!((crowded(others).await, crowded(whale).await), (0, 50 - 20));
    assert_eq!(under_way(), Vec::<Bytes>::new());
}

#[tokio::test]
async fn who_follows_and_who_reads_pages_hold_up_nobody_else() {
    let engine = Gated::new(1000);
    let collection = declared(&*engine).await;
    engine.pages_wait.store(true, Ordering::SeqCst);
    let owner = Owner::start(engine.clone(), Width { pages: 2, followed: 2, ..width() });
    // Each is at another place: those at one read together.
    let follow = |place| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.changes(collection, Cursor(place), 10).await.map(drop) })
    };
    let scan = |of: ScanOf| {
        let (owner, scan) = (owner.clone(), Scan { of, ..range(collection, "x") });
        tokio::spawn(async move { owner.scan(scan).await.map(drop) })
    };
    let followers: Vec<_> = (0..64).map(follow).collect();
    settle().await;
    assert_eq!(engine.pages.lock().unwrap().len(), 2, "as many follow at a time as may");
    assert!(matches!(follow(64).await.unwrap(), Err(OwnerError::Full { waiting: 64 })));
    // Pages are read beside them.
    let pages: Vec<_> = (0..9).map(|_| scan(ScanOf::Collection(collection))).collect();
    settle().await;
    assert_eq!(engine.pages.lock().unwrap().len(), 4);
    // Reads and writes stand behind none of them.
    owner.commit(add(collection, "a", 1)).await.unwrap();
    assert_eq!(number(owner.read(vec![key(collection, "a")]).await.unwrap()[0].as_ref()), 1);
    engine.page_gate.add_permits(1000);
    for call in followers.into_iter().chain(pages) {
        tokio::time::timeout(Duration::from_secs(60), call).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_shared_engine_is_asked_no_wider_than_it_has_connections() {
    let width = Width::of(&*Gated::shared(0, true));
    let wide = width.write_lanes + width.read_lanes + width.pages + width.followed;
    assert!(wide <= CONNECTIONS, "{wide} of {CONNECTIONS}: who comes would wait for a connection");
}
