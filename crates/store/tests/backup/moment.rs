//! A backup under writes is a state that was true at one moment.

use super::site::{begin, bytes, declare, go_on, put, restore};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tenet_store::backup::{Place, Reader, Walk};
use tenet_store::commit::{Action, Commit, RecordChange, Write};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Engine, Row};
use tenet_store::item::{MAX_VALUE, Value};
use tenet_store::name::CollectionId;

const ACCOUNTS: u64 = 40;
const EACH: i64 = 1000;

fn number(value: i64) -> Value {
    Value::Inline(value.to_be_bytes().to_vec().into())
}

/// Moves money between two records in one commit.
fn transfer(accounts: CollectionId, seed: u64) -> Commit {
    let (from, to) = (seed % ACCOUNTS, (seed / ACCOUNTS) % ACCOUNTS);
    let to = if from == to { (to + 1) % ACCOUNTS } else { to };
    let add = |account: u64, amount: i64| RecordChange {
        record: bytes(&format!("account-{account:02}")),
        conditions: Vec::new(),
        writes: vec![Write { key: bytes(""), action: Action::Add(amount), ttl: None }],
    };
    let amount = (seed % 97) as i64;
    Commit::of(accounts, None, vec![add(from, -amount), add(to, amount)])
}

fn sum(path: &Path) -> (u64, i64) {
    let mut reader = Reader::open(path).unwrap();
    let (mut items, mut sum) = (0, 0);
    while let Some(part) = reader.part().unwrap() {
        for row in part.rows {
            if let Row::Item(key, item) = row
                && key.record.id.starts_with(b"account-")
                && let Value::Inline(value) = item.value
            {
                items += 1;
                sum += i64::from_be_bytes(value[..].try_into().unwrap());
            }
        }
    }
    (items, sum)
}

pub async fn check(engine: Arc<dyn Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let accounts = declare(&*engine, "accounts").await;
    let open = |n| put(accounts, &format!("account-{n:02}"), "", number(EACH), None);
    engine.commit((0..ACCOUNTS).map(open).collect()).await.unwrap();
    // So that a backup has several parts, and takes a while.
    let other = declare(&*engine, "filling").await;
    for n in 0..20 {
        let value = Value::Inline(vec![n; 400_000].into());
        engine.commit(vec![put(other, &format!("f{n}"), "", value, None)]).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4u64)
        .map(|writer| {
            let (engine, stop) = (engine.clone(), stop.clone());
            tokio::spawn(async move {
                let mut seed = writer * 7919 + 1;
                let mut commits = 0;
                while !stop.load(Ordering::Relaxed) {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    engine.commit(vec![transfer(accounts, seed >> 20)]).await.unwrap();
                    commits += 1;
                    tokio::task::yield_now().await;
                }
                commits
            })
        })
        .collect();
    let mut seen = Vec::new();
    for round in 0..6 {
        let path = folder.path().join(format!("{round}"));
        let (writer, walk) = begin(&*engine, &path).await;
        seen.push(writer.head().version);
        go_on(writer, walk).await;
        assert_eq!(sum(&path), (ACCOUNTS, ACCOUNTS as i64 * EACH), "round {round}");
    }
    stop.store(true, Ordering::Relaxed);
    let mut commits = 0;
    for writer in writers {
        commits += writer.await.unwrap();
    }
    assert!(
        seen.windows(2).any(|pair| pair[0] < pair[1]) && commits > 0,
        "nothing was written meanwhile: {seen:?}"
    );
    // And it is the state that comes back.
    let memory = Memory::new();
    restore(&memory, &folder.path().join("5"), false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_is_of_one_moment_in_memory() {
    check(Arc::new(Memory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_is_of_one_moment_embedded() {
    let folder = tempfile::tempdir().unwrap();
    check(Arc::new(Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_value_that_is_over_is_not_gone_on_with() {
    const TTL: Duration = Duration::from_millis(400);
    let folder = tempfile::tempdir().unwrap();
    let engine = Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap();
    let collection = declare(&engine, "media").await;
    for number in 0..3 {
        engine.stage(1, number, vec![number as u8; MAX_VALUE].into()).await.unwrap();
    }
    let long = Value::Chunked { blob: 1, size: 3 * MAX_VALUE as u64 };
    let short = |name| put(collection, name, "", Value::Inline(bytes("short")), Some(TTL));
    engine.commit(vec![put(collection, "b", "", long, Some(TTL)), short("a"), short("c")]).await.unwrap();
    let mut walk = Walk::all(engine.snapshot().await.unwrap(), None).unwrap();
    let mut rows = Vec::new();
    loop {
        let part = walk.next().await.unwrap();
        if part.is_empty() {
            break;
        }
        rows.extend(part);
    }
    let chunks = |row: &Row| matches!(row, Row::Chunk { .. });
    assert_eq!((rows.len(), rows.iter().filter(|row| chunks(row)).count()), (6, 3), "{rows:?}");
    tokio::time::sleep(2 * TTL).await;
    // After how many rows it was cut off, and whether the rest of what was there is needed.
    for (given, needed) in [(1, false), (2, true), (3, true), (4, true), (5, false), (6, false)] {
        let place = rows[..given].iter().fold(None, |before, row| Place::after(row, before));
        let mut walk = Walk::all(engine.snapshot().await.unwrap(), place.as_ref()).unwrap();
        match walk.next().await {
            Ok(rest) => assert!(!needed && rest.is_empty(), "after {given}: {rest:?}"),
            Err(error) => {
                assert!(needed && error.to_string().contains("of its 3 chunks"), "after {given}: {error}");
            }
        }
    }
}
