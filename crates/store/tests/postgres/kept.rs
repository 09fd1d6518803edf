//! What is kept and in which order: scans, long values, and what upkeep removes.

use super::*;
use tenet_store::engine::{Bound, EngineError, Scan, ScanOf};

/// Items of `scan`, page by page, as "record/key".
async fn pages(engine: &Postgres, mut scan: Scan) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = engine.scan(scan.clone()).await.unwrap();
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        pages.push(
            page.items
                .iter()
                .map(|(key, _)| format!("{}/{}", text(&key.record.id), text(&key.key)))
                .collect(),
        );
        let Some((last, _)) = page.items.last().filter(|_| page.more) else { return pages };
        let at = Bound { record: last.record.id.clone(), key: last.key.clone() };
        if scan.reverse {
            scan.to = Some(at);
        } else {
            let after = Bytes::from([&at.key[..], &[0]].concat());
            scan.from = Some(Bound { key: after, ..at });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_go_on_where_a_page_ended() {
    let Some(server) = shared("scans_go_on_where_a_page_ended") else { return };
    let engine = open(server, "scans").await;
    let users = declare(&engine, "users").await;
    let other = declare(&engine, "zebras").await;
    one(&engine, put(other, &["a"], None, "not to be seen")).await;
    for (record, key) in [("a", ""), ("a", "1"), ("a\0", "x"), ("b", "2"), ("b", "3"), ("\u{e9}", "4")] {
        one(&engine, act(users, record, key, Action::Put(inline("12345678")), None)).await;
    }
    one(&engine, act(users, "b", "0", Action::Put(inline("past")), Some(Duration::ZERO))).await;
    let all = ["a/", "a/1", "a\0/x", "b/2", "b/3", "\u{e9}/4"];
    let scan = |record: Option<&str>, reverse: bool, items: usize, room: usize| {
        let of = match record {
            Some(record) => ScanOf::Record { collection: users, record: bytes(record) },
            None => ScanOf::Collection(users),
        };
        Scan { of, from: None, to: None, reverse, items, bytes: room }
    };
    let many = usize::MAX;
    let back: Vec<&str> = all.iter().rev().copied().collect();
    let rows: Vec<(Scan, Vec<&[&str]>)> = vec![
        (scan(None, false, 100, many), vec![&all]),
        (scan(None, false, 4, many), vec![&all[..4], &all[4..]]),
        (scan(None, false, 6, many), vec![&all]),
        // 9 bytes and 10 bytes reach 19: the page ends after the item that does.
        (scan(None, false, 100, 19), vec![&all[..2], &all[2..4], &all[4..]]),
        (scan(None, false, 100, 0), all.chunks(1).collect()),
        (scan(None, true, 4, many), vec![&back[..4], &back[4..]]),
        (scan(Some("a"), false, 100, many), vec![&all[..2]]),
        (scan(Some("a"), true, 1, many), vec![&back[4..5], &back[5..]]),
    ];
    for (scan, expected) in rows {
        assert_eq!(pages(&engine, scan.clone()).await, expected, "{scan:?}");
    }
    let none = Scan {
        of: ScanOf::Collection(users),
        from: None,
        to: None,
        reverse: false,
        items: 0,
        bytes: usize::MAX,
    };
    let page = engine.scan(none).await.unwrap();
    assert!(page.items.is_empty() && page.more);
}

async fn upkeep(engine: &Postgres) -> tenet_store::engine::Upkeep {
    engine.upkeep(Duration::ZERO, 100).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_values_are_kept_as_long_as_an_item_has_them() {
    let Some(server) = shared("long_values_are_kept_as_long_as_an_item_has_them") else { return };
    let engine = open(server, "blobs").await;
    let users = declare(&engine, "users").await;
    let long = |blob| Value::Chunked { blob, size: 3 };
    let write = |blob| act(users, "u", "long", Action::Put(long(blob)), None);
    let unstaged = engine.commit(vec![write(7)]).await;
    assert!(matches!(&unstaged, Err(EngineError::Broken(text)) if text.contains("staged")), "{unstaged:?}");
    for blob in [7, u64::MAX, 9] {
        engine.stage(blob, 0, bytes("ab")).await.unwrap();
        engine.stage(blob, 1, bytes("wrong")).await.unwrap();
        engine.stage(blob, 1, bytes("c")).await.unwrap();
    }
    one(&engine, write(7)).await;
    upkeep(&engine).await;
    assert_eq!(engine.chunk(7, 1).await.unwrap(), Some(bytes("c")), "it is attached");
    assert_eq!(engine.chunk(9, 1).await.unwrap(), None, "it was never attached");
    // A late copy of the staging does not put an attached value into danger.
    engine.stage(7, 0, bytes("ab")).await.unwrap();
    upkeep(&engine).await;
    assert_eq!(engine.chunk(7, 0).await.unwrap(), Some(bytes("ab")));
    // Replaced, it is given up; the other end of the numbers is a number, too.
    engine.stage(u64::MAX, 0, bytes("abc")).await.unwrap();
    one(&engine, write(u64::MAX)).await;
    assert_eq!(value(&engine, key(users, "u", "long")).await, Some(long(u64::MAX)));
    upkeep(&engine).await;
    assert_eq!(engine.chunk(7, 0).await.unwrap(), None, "it was replaced");
    one(&engine, act(users, "u", "long", Action::Delete, None)).await;
    upkeep(&engine).await;
    assert_eq!(engine.chunk(u64::MAX, 0).await.unwrap(), None, "it was removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_is_bounded_and_shared() {
    let Some(server) = shared("upkeep_is_bounded_and_shared") else { return };
    let engines = [open(server, "upkeep").await, open(server, "upkeep").await];
    let users = declare(&engines[0], "users").await;
    let begin = engines[0].end_of_changes(users).await.unwrap();
    for n in 0..30 {
        let ttl = (n < 20).then_some(Duration::ZERO);
        one(&engines[0], act(users, &format!("u{n:02}"), "", Action::Put(inline("v")), ttl)).await;
    }
    let older = Duration::from_secs(3600);
    let first = engines[0].upkeep(older, 5).await.unwrap();
    assert_eq!((first.expired, first.tokens, first.changes, first.more), (5, 0, 0, true));
    let both = futures_util::future::join(engines[0].upkeep(older, 100), engines[1].upkeep(older, 100)).await;
    let (a, b) = (both.0.unwrap(), both.1.unwrap());
    // What one of them held, the other left; nothing is removed twice.
    let last = upkeep_again(&engines[0], older).await;
    assert_eq!(a.expired + b.expired + last, 15);
    let removed = eventually("the removals to be settled", || async {
        let changes = engines[0].changes(users, begin, 1000).await.unwrap().changes;
        (changes.len() == 50).then_some(changes)
    })
    .await;
    let removed: Vec<_> = removed.iter().filter(|change| change.now.is_none()).collect();
    let mut versions: Vec<_> = removed.iter().map(|change| change.version).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 20, "each removal is a change of its own");
    // Tokens and changes, when their time is over.
    let done = engines[1].upkeep(Duration::ZERO, 10).await.unwrap();
    assert_eq!((done.tokens, done.more), (10, true));
    let done = engines[1].upkeep(Duration::ZERO, 20).await.unwrap();
    assert_eq!((done.tokens, done.more), (20, false));
    let size = engines[0].size(users).await.unwrap();
    assert_eq!((size.items, size.records), (10, 10));
}

async fn upkeep_again(engine: &Postgres, older: Duration) -> u64 {
    engine.upkeep(older, 100).await.unwrap().expired
}
