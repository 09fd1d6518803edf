//! Commits of several processes on one database.

use super::*;
use tenet_store::commit::Refusal;
use tenet_store::engine::{EngineError, Scan, ScanOf};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_read() {
    let Some(server) = shared("what_was_committed_is_read") else { return };
    let engine = open(server, "read").await;
    let users = declare(&engine, "users").await;
    let first = version(&one(&engine, put(users, &["u1"], None, "a")).await);
    let refused = one(&engine, put(users, &["u1", "u2"], Some(Must::BePresent), "b")).await;
    assert!(matches!(refused, Outcome::Refused(Refusal::Condition { change: 1, .. })), "{refused:?}");
    assert_eq!(value(&engine, key(users, "u1", "")).await, Some(inline("a")), "nothing of it happened");
    let two = version(&one(&engine, put(users, &["u1", "u2"], None, "b")).await);
    assert!(two > first);
    assert_eq!(value(&engine, key(users, "u1", "")).await, Some(inline("b")));
    // Numbers, removals and times.
    for (amount, sum) in [(5, 5i64), (-7, -2)] {
        one(&engine, act(users, "u1", "n", Action::Add(amount), None)).await;
        let expected = Value::Inline(Bytes::copy_from_slice(&sum.to_be_bytes()));
        assert_eq!(value(&engine, key(users, "u1", "n")).await, Some(expected));
    }
    let not = one(&engine, act(users, "u1", "", Action::Add(1), None)).await;
    assert!(matches!(not, Outcome::Refused(Refusal::NotANumber { .. })), "{not:?}");
    one(&engine, act(users, "u2", "", Action::Delete, None)).await;
    one(&engine, act(users, "u3", "", Action::Put(inline("gone")), Some(Duration::ZERO))).await;
    let keys = ["u2", "u3", "u1"].map(|record| key(users, record, ""));
    let items = engine.read(keys.to_vec()).await.unwrap();
    assert_eq!(items.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true]);
    assert!(engine.last_version().await.unwrap() >= two);
    let missing = engine.commit(vec![put(CollectionId(99), &["u"], None, "a")]).await;
    assert!(matches!(missing, Err(EngineError::NoCollection(CollectionId(99)))), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_exactly_one_changes_a_version() {
    let Some(server) = shared("of_two_processes_exactly_one_changes_a_version") else { return };
    let (a, b) = (open(server, "race").await, open(server, "race").await);
    let users = declare(&a, "users").await;
    assert_eq!(declare(&b, "users").await, users);
    let mut last = Version(0);
    for round in 0..50 {
        let must = if round == 0 { Must::BeAbsent } else { Must::Be(last) };
        let attempts = (0..8).map(|n| {
            let (engine, value) = (if n % 2 == 0 { &a } else { &b }, format!("{round}/{n}"));
            async move { (one(engine, put(users, &["hot"], Some(must), &value)).await, value) }
        });
        let outcomes = futures_util::future::join_all(attempts).await;
        let won: Vec<_> =
            outcomes.iter().filter(|(outcome, _)| matches!(outcome, Outcome::Done { .. })).collect();
        assert_eq!(won.len(), 1, "round {round}: {outcomes:?}");
        let (outcome, text) = won[0];
        assert!(version(outcome) > last, "round {round}");
        last = version(outcome);
        assert_eq!(value(&a, key(users, "hot", "")).await, Some(inline(text)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn additions_of_all_processes_add_up() {
    let Some(server) = shared("additions_of_all_processes_add_up") else { return };
    let engines = [open(server, "adds").await, open(server, "adds").await];
    let users = declare(&engines[0], "users").await;
    // Several records in opposite orders: nobody waits in a circle.
    let add = |n: usize| {
        let mut changes: Vec<_> = ["x", "y", "z"]
            .map(|record| act(users, record, "n", Action::Add(1), None).changes.remove(0))
            .into();
        if n.is_multiple_of(2) {
            changes.reverse();
        }
        let commit = Commit::of(users, Some(token()), changes);
        let engine = &engines[n % 2];
        async move { engine.commit(vec![commit]).await.unwrap() }
    };
    futures_util::future::join_all((0..100).map(add)).await;
    for record in ["x", "y", "z"] {
        let expected = Value::Inline(Bytes::copy_from_slice(&100i64.to_be_bytes()));
        assert_eq!(value(&engines[0], key(users, record, "n")).await, Some(expected), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_carried_out_once_by_whomever() {
    let Some(server) = shared("a_token_is_carried_out_once_by_whomever") else { return };
    let engines = [open(server, "tokens").await, open(server, "tokens").await];
    let users = declare(&engines[0], "users").await;
    let commit = act(users, "u", "n", Action::Add(1), None);
    let attempts = (0..10).map(|n| one(&engines[n % 2], commit.clone()));
    let outcomes = futures_util::future::join_all(attempts).await;
    let fresh = outcomes.iter().filter(|o| matches!(o, Outcome::Done { replayed: false, .. })).count();
    assert_eq!(fresh, 1, "{outcomes:?}");
    let first = version(&outcomes[0]);
    assert!(outcomes.iter().all(|outcome| version(outcome) == first), "{outcomes:?}");
    // A commit without records has no lock; its token alone makes it one.
    let empty = Commit { changes: Vec::new(), token: Some(token()), ..commit };
    let outcomes = futures_util::future::join_all((0..8).map(|n| one(&engines[n % 2], empty.clone()))).await;
    let fresh = outcomes.iter().filter(|o| matches!(o, Outcome::Done { replayed: false, .. })).count();
    assert_eq!(fresh, 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_batch_is_cut_and_whole() {
    let Some(server) = shared("the_largest_batch_is_cut_and_whole") else { return };
    let engine = open(server, "large").await;
    let users = declare(&engine, "users").await;
    let names: Vec<String> = (0..1024).map(|n| format!("u{n:04}")).collect();
    let batch: Vec<_> = names.iter().map(|name| put(users, &[name], None, name)).collect();
    let outcomes = engine.commit(batch.clone()).await.unwrap();
    let versions: Vec<_> = outcomes.iter().map(version).collect();
    assert!(versions.len() == 1024 && versions.is_sorted(), "{versions:?}");
    let again = engine.commit(batch).await.unwrap();
    assert!(again.iter().all(|outcome| matches!(outcome, Outcome::Done { replayed: true, .. })));
    let of = ScanOf::Collection(users);
    let page = Scan { of, from: None, to: None, reverse: false, items: 2000, bytes: usize::MAX };
    let page = engine.scan(page).await.unwrap();
    assert_eq!((page.items.len(), page.more), (1024, false));
    assert!(page.items.iter().zip(&names).all(|((key, _), name)| key.record.id == name.as_bytes()));
    let size = engine.size(users).await.unwrap();
    assert_eq!((size.items, size.records, size.bytes), (1024, 1024, 1024 * 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_fill_a_message_many_times_are_cut_by_bytes() {
    let Some(server) = shared("values_that_fill_a_message_many_times_are_cut_by_bytes") else { return };
    let engine = open(server, "bytes").await;
    let users = declare_for(&engine, "users", Duration::ZERO).await;
    let long = "x".repeat(1 << 20);
    let batch: Vec<_> = (0..40).map(|n| put(users, &[&format!("u{n}")], None, &long)).collect();
    assert_eq!(engine.commit(batch).await.unwrap().len(), 40);
    assert!(engine.statistics().transactions >= 3);
    assert_eq!(value(&engine, key(users, "u39", "")).await, Some(inline(&long)));
}
