//! The log of changes with several writers: in order inside a record, complete, and bounded.

use super::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use tenet_store::decide::Change;
use tenet_store::engine::{Cursor, EngineError};

/// Everything after `from` until there are `count` changes.
async fn follow(engine: &Postgres, id: CollectionId, from: Cursor, count: usize) -> Vec<Change> {
    let mut all = Vec::new();
    let mut at = from;
    let until = Instant::now() + PATIENCE;
    while all.len() < count {
        assert!(Instant::now() < until, "{} of {count} changes", all.len());
        let page = engine.changes(id, at, 7).await.unwrap();
        assert!(page.next >= at);
        at = page.next;
        all.extend(page.changes);
        tokio::task::yield_now().await;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_skipped_while_others_write() {
    let Some(server) = shared("nothing_is_skipped_while_others_write") else { return };
    let engines = [open(server, "feed").await, open(server, "feed").await];
    let users = declare(&engines[0], "users").await;
    let begin = engines[0].end_of_changes(users).await.unwrap();
    let (writers, rounds) = (8, 25);
    let write = |n: usize| {
        let engines = &engines;
        async move {
            for round in 0..rounds {
                // Two batches share records, two do not.
                let record = format!("u{}", n % 4);
                one(&engines[n % 2], put(users, &[&record], None, &format!("{n}/{round}"))).await;
            }
        }
    };
    let writes = futures_util::future::join_all((0..writers).map(write));
    let follows = follow(&engines[1], users, begin, writers * rounds);
    let (_, changes) = futures_util::future::join(writes, follows).await;
    assert_eq!(changes.len(), writers * rounds);
    let mut last: HashMap<Bytes, Version> = HashMap::new();
    for change in &changes {
        let before = last.insert(change.item.record.id.clone(), change.version);
        assert!(before.is_none_or(|before| before < change.version), "{change:?} after {before:?}");
        assert_eq!(change.now.as_ref().map(|item| item.version), Some(change.version));
    }
    let at = eventually("the log to be settled", || async {
        let end = engines[0].end_of_changes(users).await.unwrap();
        let rest = engines[0].changes(users, end, 10).await.unwrap();
        (rest.changes.is_empty()).then_some(end)
    })
    .await;
    assert!(at > begin);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_holds_the_log_back_and_is_not_passed_over() {
    let test = "an_open_transaction_holds_the_log_back_and_is_not_passed_over";
    // Its own server: everybody's transactions hold back everybody's log.
    let Some(server) = Server::start(test, &["autovacuum=off"]) else { return };
    let engine = open(&server, "held").await;
    let users = declare(&engine, "users").await;
    one(&engine, put(users, &["before"], None, "1")).await;
    let begin = engine.end_of_changes(users).await.unwrap();
    let slow = foreigner(&server, "postgres", "slow").await;
    slow.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    one(&engine, put(users, &["after"], None, "2")).await;
    let held = engine.changes(users, begin, 10).await.unwrap();
    assert!(held.changes.is_empty() && engine.statistics().feed_held_by > 0, "{held:?}");
    // Who goes on from there misses nothing, nor does who begins now.
    let end = engine.end_of_changes(users).await.unwrap();
    slow.batch_execute("COMMIT").await.unwrap();
    for from in [begin, held.next, end] {
        let changes = engine.changes(users, from, 10).await.unwrap();
        let records: Vec<_> = changes.changes.iter().map(|change| change.item.record.id.clone()).collect();
        assert_eq!(records, [bytes("after")], "from {from:?}");
        assert!(engine.changes(users, changes.next, 10).await.unwrap().changes.is_empty());
    }
    assert_eq!(engine.statistics().feed_held_by, 0);
    // One that only reads holds back nobody.
    slow.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await.unwrap();
    one(&engine, put(users, &["later"], None, "3")).await;
    assert_eq!(engine.changes(users, end, 10).await.unwrap().changes.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_is_said() {
    let Some(server) = shared("what_was_forgotten_is_said") else { return };
    let engine = open(server, "forgotten").await;
    let users = declare(&engine, "users").await;
    let begin = engine.end_of_changes(users).await.unwrap();
    for n in 0..3 {
        one(&engine, put(users, &[&format!("u{n}")], None, "v")).await;
    }
    let next = eventually("the changes to be settled", || async {
        let changes = engine.changes(users, begin, 10).await.unwrap();
        (changes.changes.len() == 3).then_some(changes.next)
    })
    .await;
    assert_eq!(engine.upkeep(Duration::from_secs(3600), 10).await.unwrap().changes, 0);
    // Nobody watches any more: the changes go, and no new ones come.
    declare_for(&engine, "users", Duration::ZERO).await;
    let done = engine.upkeep(Duration::from_secs(3600), 2).await.unwrap();
    assert_eq!((done.changes, done.more), (2, true));
    assert_eq!(engine.upkeep(Duration::from_secs(3600), 2).await.unwrap().changes, 1);
    one(&engine, put(users, &["u9"], None, "v")).await;
    let Err(EngineError::TooOld { asked, oldest }) = engine.changes(users, begin, 10).await else {
        panic!("they were forgotten")
    };
    assert!(asked == begin.0 && oldest > asked && oldest <= next.0);
    assert!(engine.changes(users, next, 10).await.unwrap().changes.is_empty());
    // A place that no log of this database ever reached.
    let future = engine.changes(users, Cursor(u64::MAX), 10).await;
    assert!(matches!(future, Err(EngineError::TooOld { .. })), "{future:?}");
    let missing = engine.changes(CollectionId(99), begin, 10).await;
    assert!(matches!(missing, Err(EngineError::NoCollection(_))), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_answer_of_a_declaration_on_every_change_is_kept() {
    let Some(server) = shared("from_the_answer_of_a_declaration_on_every_change_is_kept") else { return };
    let engines = [open(server, "declared").await, open(server, "declared").await];
    let users = declare_for(&engines[0], "users", Duration::ZERO).await;
    let stop = AtomicBool::new(false);
    let writes = async {
        let mut n = 0u64;
        while !stop.load(Ordering::Relaxed) {
            n += 1;
            one(&engines[0], put(users, &["u"], None, &n.to_string())).await;
        }
        n
    };
    let watch = async {
        for round in 0..10 {
            declare_for(&engines[1], "users", Duration::ZERO).await;
            declare(&engines[1], "users").await;
            // What a scan does not show from here on, the log does.
            let from = engines[1].end_of_changes(users).await.unwrap();
            let seen = engines[1].read(vec![key(users, "u", "")]).await.unwrap().remove(0);
            let seen = seen.map_or(0, |item| item.version.0);
            let number = |value: &Value| match value {
                Value::Inline(bytes) => String::from_utf8_lossy(bytes).parse::<u64>().unwrap(),
                Value::Chunked { .. } => panic!("{value:?}"),
            };
            let before = engines[1].read(vec![key(users, "u", "")]).await.unwrap().remove(0);
            let after = follow(&engines[1], users, from, 3).await;
            let mut later = after.iter().filter(|change| change.version.0 > seen);
            // Numbers are without a gap from the first that is later than what was read.
            let first = later.next().map(|change| number(&change.now.as_ref().unwrap().value));
            let known = before.filter(|item| item.version.0 == seen).map(|item| number(&item.value));
            if let (Some(first), Some(known)) = (first, known) {
                assert_eq!(first, known + 1, "round {round}: {after:?}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (written, ()) = futures_util::future::join(writes, watch).await;
    assert!(written > 0);
}
