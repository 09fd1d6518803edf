//! What the tests keep, back up and restore.

use bytes::Bytes;
use std::path::Path;
use std::time::Duration;
use tenet_store::backup::{BackupError, Foot, Head, Reader, Restore, Tally, Walk, Writer};
use tenet_store::commit::{Action, Commit, Outcome, RecordChange, Token, Write};
use tenet_store::engine::{Collection, Cursor, Engine};
use tenet_store::item::{MAX_VALUE, UnixMs, Value, Version};
use tenet_store::name::{CollectionId, CollectionName, ItemKey, Name, RecordKey};

pub async fn declare(engine: &dyn Engine, name: &str) -> CollectionId {
    let name = CollectionName { namespace: Name::new("bank").unwrap(), collection: Name::new(name).unwrap() };
    engine.declare(Collection { name, retention: Duration::from_secs(3600), layout: 0 }).await.unwrap()
}

pub fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub fn key(collection: CollectionId, record: &str, key: &str) -> ItemKey {
    ItemKey { record: RecordKey { collection, id: bytes(record) }, key: bytes(key) }
}

pub fn put(
    collection: CollectionId,
    record: &str,
    item: &str,
    value: Value,
    ttl: Option<Duration>,
) -> Commit {
    let write = Write { key: bytes(item), action: Action::Put(value), ttl };
    let change = RecordChange { record: bytes(record), conditions: Vec::new(), writes: vec![write] };
    Commit::of(collection, None, vec![change])
}

/// The token of a write that every filled engine has.
pub async fn token(engine: &dyn Engine) -> Token {
    Token { time: UnixMs(engine.clock().await.unwrap().0 - 5), nonce: 77 }
}

/// Two collections, some thousand items, a value in chunks, one with an end, a token; the token's version.
pub async fn fill(engine: &dyn Engine, token: Token) -> Version {
    let (users, posts) = (declare(engine, "users").await, declare(engine, "posts").await);
    for batch in 0..10 {
        let one = |n: i32| {
            let value = Value::Inline(Bytes::from(vec![n as u8; 700]));
            put(posts, &format!("u{}", n % 7), &format!("post/{n:05}"), value, None)
        };
        engine.commit((batch * 300..(batch + 1) * 300).map(one).collect()).await.unwrap();
    }
    let long = vec![7u8; MAX_VALUE * 2 + 5];
    for (number, chunk) in (0u32..).zip(long.chunks(MAX_VALUE)) {
        engine.stage(4711, number, Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    let value = Value::Chunked { blob: 4711, size: long.len() as u64 };
    let mut marked = put(users, "u1", "", Value::Inline(bytes("one")), None);
    marked.token = Some(token);
    let last = put(users, "u3", "session", Value::Inline(bytes("s")), Some(Duration::from_secs(3000)));
    let outcomes = engine.commit(vec![put(users, "u2", "photo", value, None), last, marked]).await.unwrap();
    let Outcome::Done { version, .. } = outcomes[2] else { panic!("{outcomes:?}") };
    version
}

pub async fn begin(engine: &dyn Engine, path: &Path) -> (Writer, Walk) {
    let snapshot = engine.snapshot().await.unwrap();
    let head = Head::of(snapshot.moment(), engine.name(), "tests", rand::random(), "");
    (Writer::create(path, head).unwrap(), Walk::all(snapshot, None).unwrap())
}

pub async fn back_up(engine: &dyn Engine, path: &Path) -> Foot {
    let (writer, walk) = begin(engine, path).await;
    go_on(writer, walk).await
}

pub async fn go_on(mut writer: Writer, mut walk: Walk) -> Foot {
    loop {
        let rows = walk.next().await.unwrap();
        if rows.is_empty() {
            return writer.finish().unwrap();
        }
        writer.part(&rows).unwrap();
    }
}

pub async fn restore(engine: &dyn Engine, path: &Path, replace: bool) -> Result<Tally, BackupError> {
    let reader = Reader::open(path)?;
    let mut restore = Restore::begin(engine, reader, replace, (Version(0), Cursor(0))).await?;
    while restore.step().await? {}
    restore.verify().await
}
