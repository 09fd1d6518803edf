//! What is the embedded engine's own: its folder, its lock, its damage. What it has in common with others is in the conformance suite.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use redb::TableDefinition;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tenet_store::commit::{Action, Commit, Condition, Must, Outcome, RecordChange, Token, Write};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::{Collection, Cursor, Engine, EngineError, Scan, ScanOf, Size, Stamp};
use tenet_store::item::{Item, UnixMs, Value, Version};
use tenet_store::name::{CollectionId, CollectionName, ItemKey, Name, RecordKey};

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, EmbeddedOptions::default()).unwrap()
}

fn collection(name: &str, retention: Duration) -> Collection {
    let name = CollectionName { namespace: Name::new("test").unwrap(), collection: Name::new(name).unwrap() };
    Collection { name, retention, layout: 0 }
}

async fn declared(engine: &Embedded) -> CollectionId {
    engine.declare(collection("users", Duration::from_secs(3600))).await.unwrap()
}

fn put(key: &str, value: impl Into<Bytes>) -> Write {
    Write {
        key: Bytes::copy_from_slice(key.as_bytes()),
        action: Action::Put(Value::Inline(value.into())),
        ttl: None,
    }
}

fn commit(collection: CollectionId, record: &str, nonce: u128, writes: Vec<Write>) -> Commit {
    let change =
        RecordChange { record: Bytes::copy_from_slice(record.as_bytes()), conditions: Vec::new(), writes };
    Commit {
        collection,
        token: Some(Token { time: UnixMs(nonce as i64), nonce }),
        fence: None,
        typed: None,
        changes: vec![change],
    }
}

fn key(collection: CollectionId, record: &str, key: &str) -> ItemKey {
    let record = RecordKey { collection, id: Bytes::copy_from_slice(record.as_bytes()) };
    ItemKey { record, key: Bytes::copy_from_slice(key.as_bytes()) }
}

fn text(item: Option<&Item>) -> Option<String> {
    match &item?.value {
        Value::Inline(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Chunked { .. } => Some("chunked".into()),
    }
}

fn all(collection: CollectionId) -> Scan {
    let of = ScanOf::Collection(collection);
    Scan { of, from: None, to: None, reverse: false, items: usize::MAX, bytes: usize::MAX }
}

#[tokio::test]
async fn everything_is_there_when_the_folder_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let stamp = Stamp { owner: "feed".into(), id: 7 };
    let (id, last, cursor) = {
        let engine = open(folder.path());
        let id = declared(&engine).await;
        assert_eq!(engine.claim(stamp.clone()).await.unwrap(), stamp);
        engine.commit(vec![commit(id, "u1", 1, vec![put("a", "1"), put("b", "2")])]).await.unwrap();
        let short = Write { ttl: Some(Duration::from_secs(60)), ..put("c", "3") };
        engine.commit(vec![commit(id, "u2", 2, vec![short])]).await.unwrap();
        engine.stage(9, 0, Bytes::from_static(b"chunk")).await.unwrap();
        let cursor = engine.end_of_changes(id).await.unwrap();
        engine.commit(vec![commit(id, "u1", 3, vec![put("a", "4")])]).await.unwrap();
        (id, engine.last_version().await.unwrap(), cursor)
    };
    let engine = open(folder.path());
    assert_eq!(declared(&engine).await, id, "the number stays");
    assert_eq!(engine.declare(collection("other", Duration::ZERO)).await.unwrap(), CollectionId(id.0 + 1));
    assert_eq!(
        engine.claim(Stamp { owner: "shop".into(), id: 8 }).await.unwrap(),
        stamp,
        "the first owner stays"
    );
    let items = engine
        .read(vec![key(id, "u1", "a"), key(id, "u1", "b"), key(id, "u2", "c"), key(id, "u2", "x")])
        .await
        .unwrap();
    let texts: Vec<_> = items.iter().map(|item| text(item.as_ref())).collect();
    assert_eq!(texts, [Some("4".into()), Some("2".into()), Some("3".into()), None]);
    let again = engine.commit(vec![commit(id, "u1", 3, vec![put("a", "other")])]).await.unwrap();
    assert_eq!(again, [Outcome::Done { version: last, replayed: true }], "its token is remembered");
    let next = engine.commit(vec![commit(id, "u1", 4, vec![put("a", "5")])]).await.unwrap();
    assert!(matches!(next[0], Outcome::Done { version, .. } if version > last), "versions go on growing");
    let changes = engine.changes(id, cursor, 100).await.unwrap();
    let told: Vec<_> = changes.changes.iter().map(|change| text(change.now.as_ref())).collect();
    assert_eq!(told, [Some("4".into()), Some("5".into())]);
    assert_eq!(engine.chunk(9, 0).await.unwrap(), Some(Bytes::from_static(b"chunk")));
    engine.advance(Duration::from_secs(61));
    assert_eq!(engine.read(vec![key(id, "u2", "c")]).await.unwrap(), [None]);
    let done = engine.upkeep(Duration::from_secs(3600), 100).await.unwrap();
    assert_eq!((done.expired, done.more), (1, false));
    assert_eq!(engine.scan(all(id)).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn what_was_begun_and_not_finished_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    // What a process leaves that was killed before its first pages were whole.
    std::fs::write(folder.path().join("store.redb.new"), [0; 4096]).unwrap();
    let id = declared(&open(folder.path())).await;
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<BTreeSet<_>>(), ["store.mark", "store.redb"].map(OsString::from).into());
    assert_eq!(declared(&open(folder.path())).await, id);
}

#[test]
fn all_that_begin_at_once_find_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let opened = std::thread::scope(|scope| {
        let begun = (0..8).map(|_| scope.spawn(|| Embedded::open(folder.path(), EmbeddedOptions::default())));
        begun.collect::<Vec<_>>().into_iter().map(|opened| opened.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1, "one has it");
    for refused in opened.into_iter().filter_map(Result::err) {
        assert!(refused.to_string().contains("another process has it open"), "{refused}");
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    let second = Embedded::open(folder.path(), EmbeddedOptions::default());
    let Err(EngineError::Unavailable(why)) = second.map(drop) else { panic!("it was opened twice") };
    assert!(why.contains("another process has it open"), "{why}");
}

#[tokio::test]
async fn upkeep_goes_in_bounded_steps_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let id = declared(&engine).await;
    for nonce in 0..25u128 {
        let short = Write { ttl: Some(Duration::from_secs(10)), ..put("", "x") };
        engine.commit(vec![commit(id, &format!("s{nonce}"), nonce, vec![short])]).await.unwrap();
    }
    // Written anew, one stays longer; its first time is forgotten with it.
    engine.commit(vec![commit(id, "s3", 99, vec![put("", "stays")])]).await.unwrap();
    let from = engine.end_of_changes(id).await.unwrap();
    engine.advance(Duration::from_secs(11));
    let mut expired = 0;
    for _ in 0..10 {
        let done = engine.upkeep(Duration::from_secs(3600), 10).await.unwrap();
        assert!(done.expired <= 10 && done.tokens <= 10 && done.changes <= 10);
        expired += done.expired;
        if !done.more {
            break;
        }
    }
    assert_eq!(expired, 24);
    let left = engine.scan(all(id)).await.unwrap();
    assert_eq!(left.items.iter().map(|(_, item)| text(Some(item)).unwrap()).collect::<Vec<_>>(), ["stays"]);
    let told = engine.changes(id, from, 1000).await.unwrap().changes;
    assert!(told.len() == 24 && told.iter().all(|change| change.now.is_none()), "each expiry is told");
    // An hour later nothing of all this is remembered, and whoever comes from before hears so.
    engine.advance(Duration::from_secs(3700));
    while engine.upkeep(Duration::from_secs(3600), 10).await.unwrap().more {}
    let Err(EngineError::TooOld { asked: 0, oldest }) = engine.changes(id, Cursor(0), 10).await else {
        panic!("what was forgotten is told")
    };
    assert!(engine.changes(id, Cursor(oldest), 10).await.unwrap().changes.is_empty());
    let fresh = engine.commit(vec![commit(id, "s1", 1, vec![put("", "anew")])]).await.unwrap();
    assert!(matches!(fresh[0], Outcome::Done { replayed: false, .. }), "its token was forgotten");
}

#[tokio::test]
async fn chunks_go_when_nothing_refers_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let id = declared(&engine).await;
    let there = async |blob| engine.chunk(blob, 0).await.unwrap().is_some();
    for blob in [1, 2, 3] {
        engine.stage(blob, 0, Bytes::from_static(b"x")).await.unwrap();
    }
    let long =
        |blob| Write { action: Action::Put(Value::Chunked { blob, size: 1 << 20 }), ..put("film", "") };
    engine.commit(vec![commit(id, "u", 1, vec![long(1)])]).await.unwrap();
    engine.commit(vec![commit(id, "v", 2, vec![long(2)])]).await.unwrap();
    engine.commit(vec![commit(id, "v", 3, vec![put("film", "short")])]).await.unwrap();
    while engine.upkeep(Duration::from_secs(3600), 10).await.unwrap().more {}
    assert_eq!(
        (there(1).await, there(2).await, there(3).await),
        (true, false, true),
        "the third may be on its way in"
    );
    engine.advance(Duration::from_secs(3601));
    while engine.upkeep(Duration::from_secs(3600), 10).await.unwrap().more {}
    assert_eq!((there(1).await, there(2).await, there(3).await), (true, false, false));
}

/// Counted by reading everything.
async fn counted(engine: &Embedded, id: CollectionId) -> Size {
    let items = engine.scan(all(id)).await.unwrap().items;
    let records: HashSet<&RecordKey> = items.iter().map(|(key, _)| &key.record).collect();
    let bytes =
        |(key, item): &(ItemKey, Item)| (key.record.id.len() + key.key.len()) as u64 + item.value.size();
    Size { records: records.len() as u64, items: items.len() as u64, bytes: items.iter().map(bytes).sum() }
}

#[tokio::test]
async fn sizes_follow_whatever_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path());
    let id = declared(&engine).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut most = Size::default();
    for round in 0..150u128 {
        let mut batch = Vec::new();
        for number in 0..random.random_range(1..6) {
            let (record, item) = (random.random_range(0..5), random.random_range(0..4).to_string());
            let action = match random.random_range(0..10) {
                0..4 => Action::Put(Value::Inline(vec![b'x'; random.random_range(0..20)].into())),
                4 => {
                    let (blob, size) = (random.random(), random.random_range(1..100));
                    engine.stage(blob, 0, Bytes::from(vec![0; size as usize])).await.unwrap();
                    Action::Put(Value::Chunked { blob, size })
                }
                _ => Action::Delete,
            };
            let ttl = (random.random_range(0..4) == 0).then(|| Duration::from_secs(5));
            let write = Write { action, ttl, ..put(&item, "") };
            batch.push(commit(id, &format!("u{record}"), round * 10 + number, vec![write]));
        }
        engine.commit(batch).await.unwrap();
        engine.advance(Duration::from_secs(1));
        // What is over counts until it was removed.
        while engine.upkeep(Duration::from_secs(3600), 10).await.unwrap().more {}
        let size = engine.size(id).await.unwrap();
        assert_eq!(size, counted(&engine, id).await, "round {round}");
        most = if size.items > most.items { size } else { most };
        if round % 50 == 49 {
            drop(engine);
            engine = open(folder.path());
        }
    }
    assert!(most.items > 5 && most.records > 2, "{most:?}");
}

#[tokio::test]
async fn a_folder_of_before_sizes_were_kept_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let (id, size) = {
        let engine = open(folder.path());
        let id = declared(&engine).await;
        let record = |n: u128| commit(id, &format!("u{}", n / 3), n, vec![put(&n.to_string(), "value")]);
        engine.commit((0..100).map(record).collect()).await.unwrap();
        (id, engine.size(id).await.unwrap())
    };
    assert_eq!((size.records, size.items), (34, 100));
    {
        let table = TableDefinition::<&[u8], &[u8]>::new("meta");
        let database = redb::Database::open(folder.path().join("store.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut meta = transaction.open_table(table).unwrap();
        meta.retain(|key, _| !key.starts_with(b"size")).unwrap();
        drop(meta);
        transaction.commit().unwrap();
    }
    let engine = open(folder.path());
    assert_eq!(engine.size(id).await.unwrap(), size);
    engine.commit(vec![commit(id, "u0", 1000, vec![put("x", "")])]).await.unwrap();
    assert_eq!(engine.size(id).await.unwrap(), counted(&engine, id).await);
}

#[tokio::test]
async fn damage_is_found_and_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let (id, expected) = {
        let engine = open(folder.path());
        let id = declared(&engine).await;
        for step in 0..10u128 {
            let record = |n: u128| commit(id, &format!("u{n:03}"), n, vec![put("", format!("{n:01000}"))]);
            engine.commit((step * 30..step * 30 + 30).map(record).collect()).await.unwrap();
        }
        (id, engine.scan(all(id)).await.unwrap().items)
    };
    assert_eq!(expected.len(), 300);
    let file = folder.path().join("store.redb");
    let whole = std::fs::read(&file).unwrap();
    let options = EmbeddedOptions { check: true, ..EmbeddedOptions::default() };
    let (mut found, mut harmless) = (0, 0);
    for step in 0..60usize {
        let at = (step * 7919 * 6007 + 13) % whole.len();
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("store.redb"), damaged).unwrap();
        let read = match Embedded::open(copy.path(), options) {
            Err(error) => Err(error),
            Ok(engine) => engine.scan(all(id)).await.map(|page| page.items),
        };
        match read {
            Err(EngineError::Corrupt { .. }) => found += 1,
            Err(other) => panic!("byte {at}: {other}"),
            Ok(items) => {
                assert!(items == expected, "byte {at}: what is damaged is served");
                harmless += 1;
            }
        }
    }
    assert!(found > 0 && harmless > 0, "{found} were found, {harmless} in free pages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_wins_and_versions_grow() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let id = declared(&engine).await;
    engine.commit(vec![commit(id, "n", 0, vec![put("", "0")])]).await.unwrap();
    let first = engine.read(vec![key(id, "n", "")]).await.unwrap()[0].as_ref().unwrap().version;
    let tasks: Vec<_> = (1..=32u128)
        .map(|nonce| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut asked = commit(id, "n", nonce, vec![put("", nonce.to_string())]);
                asked.changes[0].conditions.push(Condition { key: Bytes::new(), must: Must::Be(first) });
                engine.commit(vec![asked]).await.unwrap().remove(0)
            })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        if let Outcome::Done { version, .. } = task.await.unwrap() {
            won.push(version);
        }
    }
    assert_eq!(won.len(), 1);
    let now = engine.read(vec![key(id, "n", "")]).await.unwrap()[0].as_ref().unwrap().version;
    assert!(now == won[0] && now > first && now > Version(0));
}
