//! The owner joins what comes at the same time, and nobody can tell but by the number of steps.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

#[allow(dead_code)] // the tests of whales use all of it
#[path = "support/gated.rs"]
mod gated;

use bytes::Bytes;
use gated::{Gated, add, declared, key, number, settle};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tenet_store::commit::{Action, Commit, Outcome, RecordChange, Write};
use tenet_store::engine::{Cursor, Engine as _, EngineError};
use tenet_store::item::{Value, Version};
use tenet_store::name::ItemKey;
use tenet_store::owner::{Owner, OwnerError, Width};

#[tokio::test]
async fn what_waits_together_is_one_step() {
    let engine = Gated::new(0);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width::default());
    let commit = |nonce| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.commit(add(collection, "n", nonce)).await })
    };
    let first = commit(0);
    settle().await;
    let others: Vec<_> = (1..200).map(commit).collect();
    settle().await;
    engine.gate.add_permits(2);
    let mut versions = vec![first.await.unwrap().unwrap()];
    for other in others {
        versions.push(other.await.unwrap().unwrap());
    }
    // The first went alone, all others together.
    assert_eq!((engine.steps(), engine.largest.load(Ordering::SeqCst)), (2, 199));
    let done = |version| Outcome::Done { version: Version(version), replayed: false };
    assert_eq!(versions, (1..=200).map(done).collect::<Vec<_>>());

    let read = |record| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.read(vec![key(collection, record)]).await })
    };
    let lone = read("n");
    settle().await;
    let same: Vec<_> = (0..50).map(|_| read("n")).collect();
    settle().await;
    engine.largest.store(0, Ordering::SeqCst);
    engine.gate.add_permits(2);
    for read in same.into_iter().chain([lone]) {
        assert_eq!(number(read.await.unwrap().unwrap()[0].as_ref()), 200);
    }
    assert_eq!((engine.steps(), engine.largest.load(Ordering::SeqCst)), (4, 1), "one key is read once");
}

#[tokio::test]
async fn a_full_lane_refuses_and_nothing_of_it_happens() {
    let engine = Gated::new(0);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width { waiting: 3, ..Width::default() });
    let commit = |nonce| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.commit(add(collection, "n", nonce)).await })
    };
    let taken = commit(0);
    settle().await;
    let waiting: Vec<_> = (1..4).map(commit).collect();
    settle().await;
    assert!(matches!(commit(4).await.unwrap(), Err(OwnerError::Full { waiting: 3 })));
    engine.gate.add_permits(8);
    for commit in waiting.into_iter().chain([taken]) {
        commit.await.unwrap().unwrap();
    }
    assert_eq!(number(owner.read(vec![key(collection, "n")]).await.unwrap()[0].as_ref()), 4);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_by_its_token() {
    let engine = Gated::new(100);
    let collection = declared(&*engine).await;
    engine.lost.store(1, Ordering::SeqCst);
    let owner = Owner::start(engine.clone(), Width::default());
    let lost = owner.commit(add(collection, "n", 7)).await;
    assert!(matches!(lost, Err(OwnerError::Engine(error)) if matches!(*error, EngineError::Unknown(_))));
    let again = owner.commit(add(collection, "n", 7)).await.unwrap();
    assert_eq!(again, Outcome::Done { version: Version(1), replayed: true });
    assert_eq!(number(owner.read(vec![key(collection, "n")]).await.unwrap()[0].as_ref()), 1);
}

#[tokio::test]
async fn who_gave_up_before_it_began_is_left_out() {
    let engine = Gated::new(0);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width::default());
    let commit = |nonce| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.commit(add(collection, "n", nonce)).await })
    };
    let first = commit(0);
    settle().await;
    let (gone, stays) = (commit(1), commit(2));
    settle().await;
    gone.abort();
    settle().await;
    engine.gate.add_permits(3);
    first.await.unwrap().unwrap();
    stays.await.unwrap().unwrap();
    assert_eq!(number(owner.read(vec![key(collection, "n")]).await.unwrap()[0].as_ref()), 2);
}

#[tokio::test]
async fn a_batch_ends_by_bytes() {
    let engine = Gated::new(0);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width { batch_bytes: 40, ..Width::default() });
    let commit = |nonce| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.commit(add(collection, "n", nonce)).await })
    };
    let first = commit(0);
    settle().await;
    // 16 bytes each: the third passes 40.
    let others: Vec<_> = (1..7).map(commit).collect();
    settle().await;
    engine.gate.add_permits(3);
    for commit in others.into_iter().chain([first]) {
        commit.await.unwrap().unwrap();
    }
    assert_eq!((engine.steps(), engine.largest.load(Ordering::SeqCst)), (3, 3));
}

#[tokio::test]
async fn what_was_read_is_served_from_memory_until_it_is_written() {
    let engine = Gated::new(100);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width::default());
    let read = async || number(owner.read(vec![key(collection, "n")]).await.unwrap()[0].as_ref());
    assert_eq!(read().await, 0);
    let steps = engine.steps();
    assert_eq!(read().await, 0);
    assert_eq!(engine.steps(), steps, "that there is none is known, too");
    for round in 1..=3 {
        owner.commit(add(collection, "n", round)).await.unwrap();
        assert_eq!(read().await, round as i64);
        let steps = engine.steps();
        assert_eq!(read().await, round as i64);
        assert_eq!(engine.steps(), steps);
    }
    assert!(owner.near_bytes() > 0);
    // What expires is not served a moment longer.
    let put = Write {
        key: Bytes::new(),
        action: Action::Put(Value::Inline("x".into())),
        ttl: Some(Duration::from_secs(5)),
    };
    let change = RecordChange { record: "s".into(), conditions: Vec::new(), writes: vec![put] };
    owner.commit(Commit { token: None, changes: vec![change], ..add(collection, "s", 9) }).await.unwrap();
    let there = async || owner.read(vec![key(collection, "s")]).await.unwrap()[0].is_some();
    assert!(there().await && there().await);
    engine.memory.advance(Duration::from_secs(6));
    assert!(!there().await);

    let none = Owner::start(engine.clone(), Width { near_bytes: 0, ..Width::default() });
    let steps = engine.steps();
    none.read(vec![key(collection, "n")]).await.unwrap();
    none.read(vec![key(collection, "n")]).await.unwrap();
    assert_eq!((engine.steps(), none.near_bytes()), (steps + 2, 0));
}

#[tokio::test]
async fn where_others_may_write_only_answers_of_some_age_come_from_memory() {
    let engine = Gated::shared(100, true);
    let collection = declared(&*engine).await;
    let owner = Owner::start(engine.clone(), Width::default());
    let hour = Duration::from_secs(3600);
    let read = async |keys: &[&'static str], max_age| {
        let keys = keys.iter().map(|name| ItemKey { key: (*name).into(), ..key(collection, "r") }).collect();
        let (items, age) = owner.read_aged(keys, max_age).await.unwrap();
        assert!(age <= max_age);
        (items.iter().map(|item| number(item.as_ref())).collect::<Vec<_>>(), engine.steps())
    };
    let add = |name: &'static str, nonce| {
        let write = Write { key: name.into(), action: Action::Add(1), ttl: None };
        let change = RecordChange { record: "r".into(), conditions: Vec::new(), writes: vec![write] };
        Commit { changes: vec![change], ..add(collection, "r", nonce) }
    };
    let (found, steps) = read(&["a"], hour).await;
    assert_eq!((found, read(&["a"], hour).await), (vec![0], (vec![0], steps)));
    // Another process writes: who asks for the latest sees it, who does not may not.
    engine.memory.commit(vec![add("a", 1), add("b", 2)]).await.unwrap();
    assert_eq!(read(&["a"], hour).await, (vec![0], steps));
    assert_eq!(read(&["a"], Duration::ZERO).await, (vec![1], steps + 1));
    assert_eq!(read(&["a"], Duration::from_nanos(1)).await.1, steps + 2, "it is older than that");
    // What was read at different times may never have been there together.
    engine.memory.commit(vec![add("a", 3), add("b", 4)]).await.unwrap();
    assert_eq!(read(&["b"], hour).await, (vec![2], steps + 3));
    assert_eq!(read(&["a", "b"], hour).await, (vec![2, 2], steps + 4));
    assert_eq!(read(&["a", "b"], hour).await, (vec![2, 2], steps + 4));
    // What is written here is never served from before.
    owner.commit(add("a", 5)).await.unwrap();
    assert_eq!(read(&["a", "b"], hour).await.0, [3, 2]);
}

#[tokio::test]
async fn a_clock_that_is_far_away_is_asked_now_and_then() {
    for (shared, asked) in [(false, 0), (true, 1)] {
        let engine = Gated::shared(0, shared);
        let owner = Owner::start(engine.clone(), Width::default());
        let begun = engine.memory.local_clock().unwrap();
        for _ in 0..100 {
            let now = owner.clock().await.unwrap();
            assert!(
                begun <= now && now <= engine.memory.local_clock().unwrap().after(Duration::from_secs(1))
            );
        }
        // A second has passed in no machine's hundred looks; were it so, it would have been asked twice.
        let found = engine.clocks.load(Ordering::SeqCst);
        assert!((asked..=2 * asked).contains(&found), "{found}");
    }
}

#[tokio::test]
async fn those_who_want_the_time_at_once_ask_once() {
    let engine = Gated::shared(0, true);
    let owner = Owner::start(engine.clone(), Width::default());
    let all = || futures_util::future::join_all((0..100).map(|_| owner.clock()));
    engine.clock_away.store(true, Ordering::SeqCst);
    for told in all().await {
        let error = told.unwrap_err().to_string();
        assert!(error.contains("no clock"), "{error}");
    }
    assert_eq!(engine.clocks.load(Ordering::SeqCst), 1, "all are told what one was told");
    engine.clock_away.store(false, Ordering::SeqCst);
    assert!(all().await.iter().all(Result::is_ok));
    assert_eq!(engine.clocks.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn those_who_follow_from_one_place_read_it_once_and_miss_nothing() {
    let engine = Gated::new(1000);
    let collection = declared(&*engine).await;
    engine.pages_wait.store(true, Ordering::SeqCst);
    let owner = Owner::start(engine.clone(), Width { followed: 1, ..Width::default() });
    let follow = |place| {
        let owner = owner.clone();
        tokio::spawn(async move { owner.changes(collection, Cursor(place), 10).await })
    };
    let busy = follow(1);
    settle().await;
    let gone: Vec<_> = (0..5).map(|_| follow(0)).collect();
    settle().await;
    let together: Vec<_> = (0..100).map(|_| follow(0)).collect();
    settle().await;
    // Whoever was first may leave: the others are answered all the same.
    gone.into_iter().for_each(|gone| gone.abort());
    owner.commit(add(collection, "n", 1)).await.unwrap();
    engine.page_gate.add_permits(1);
    settle().await;
    busy.await.unwrap().unwrap();
    assert_eq!(engine.pages.lock().unwrap().len(), 1, "all of one place read once");
    // The engine is being asked: who comes now may want to know of what is written now.
    owner.commit(add(collection, "n", 2)).await.unwrap();
    let late = follow(0);
    settle().await;
    engine.page_gate.add_permits(2);
    let late_comes_last = together.len();
    for (place, followed) in together.into_iter().chain([late]).enumerate() {
        let changes = tokio::time::timeout(Duration::from_secs(60), followed).await.unwrap().unwrap();
        let told = changes.unwrap().changes.len();
        assert!(if place == late_comes_last { told == 2 } else { told >= 1 }, "{place} is told {told}");
    }
    assert_eq!(engine.page_gate.available_permits(), 0, "three reads in all");
}
