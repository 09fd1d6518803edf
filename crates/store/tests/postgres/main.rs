//! The PostgreSQL engine on real servers: what is its own, beside what the suite asks of every engine.
//!
//! Most tests share one server and have a schema each; those that harm theirs have one of their own.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

#[path = "../typed/comes_back.rs"]
mod comes_back;
mod commits;
#[allow(dead_code)] // other tests have other indexes
#[path = "../typed/contract.rs"]
mod contract;
mod faults;
mod feed;
mod foreign;
mod indexes;
mod kept;
mod promotion;
#[allow(dead_code)] // other tests kill servers
#[path = "../support/postgres.rs"]
mod server;
#[allow(dead_code)] // other tests ask for more
#[path = "../typed/stage.rs"]
mod stage;

use bytes::Bytes;
use server::Server;
use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tenet_store::commit::{Action, Commit, Condition, Must, Outcome, RecordChange, Token, Write};
use tenet_store::engine::postgres::{Postgres, PostgresConfig};
use tenet_store::engine::{Collection, Engine};
use tenet_store::item::{UnixMs, Value, Version};
use tenet_store::name::{CollectionId, CollectionName, ItemKey, Name, RecordKey};

/// Longest that a test waits for something that should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server of all tests that do no harm.
fn shared(test: &str) -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(|| Server::start(test, &["max_connections=200"])).as_ref()
}

/// A configuration for tests: the server does not sync, and the machine may stall.
fn config(url: String, schema: &str) -> PostgresConfig {
    let connect_timeout = Duration::from_secs(10);
    PostgresConfig {
        schema: schema.into(),
        allow_data_loss: true,
        connect_timeout,
        ..PostgresConfig::new(url)
    }
}

async fn open(server: &Server, schema: &str) -> Postgres {
    Postgres::open(config(server.url(), schema)).await.unwrap()
}

/// A collection whose changes are kept for an hour.
async fn declare(engine: &Postgres, name: &str) -> CollectionId {
    declare_for(engine, name, Duration::from_secs(3600)).await
}

async fn declare_for(engine: &Postgres, name: &str, retention: Duration) -> CollectionId {
    let name = CollectionName { namespace: Name::new("test").unwrap(), collection: Name::new(name).unwrap() };
    engine.declare(Collection { name, retention, layout: 0 }).await.unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn inline(text: &str) -> Value {
    Value::Inline(bytes(text))
}

fn key(collection: CollectionId, record: &str, key: &str) -> ItemKey {
    ItemKey { record: RecordKey { collection, id: bytes(record) }, key: bytes(key) }
}

/// A token that was never used.
fn token() -> Token {
    Token { time: UnixMs(1_000), nonce: rand::random() }
}

/// A commit that puts `value` into the item "" of each record, if `must` holds of it.
fn put(collection: CollectionId, records: &[&str], must: Option<Must>, value: &str) -> Commit {
    let conditions = |must: Option<Must>| {
        must.map(|must| Condition { key: Bytes::new(), must }).into_iter().collect::<Vec<_>>()
    };
    let change = |record: &&str| RecordChange {
        record: bytes(record),
        conditions: conditions(must),
        writes: vec![Write { key: Bytes::new(), action: Action::Put(inline(value)), ttl: None }],
    };
    let changes = records.iter().map(change).collect();
    Commit::of(collection, Some(token()), changes)
}

/// A commit of one action on the item `key` of a record.
fn act(collection: CollectionId, record: &str, key: &str, action: Action, ttl: Option<Duration>) -> Commit {
    let writes = vec![Write { key: bytes(key), action, ttl }];
    let changes = vec![RecordChange { record: bytes(record), conditions: Vec::new(), writes }];
    Commit::of(collection, Some(token()), changes)
}

/// The version of a commit that was done.
#[track_caller]
fn version(outcome: &Outcome) -> Version {
    match outcome {
        Outcome::Done { version, .. } => *version,
        other => panic!("{other:?}"),
    }
}

/// The one outcome of one commit.
async fn one(engine: &Postgres, commit: Commit) -> Outcome {
    let mut outcomes = engine.commit(vec![commit]).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// The value of an item.
async fn value(engine: &Postgres, item: ItemKey) -> Option<Value> {
    engine.read(vec![item]).await.unwrap().remove(0).map(|item| item.value)
}

/// Asks again until there is an answer.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < until, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A session that is not the store's.
async fn foreigner(server: &Server, user: &str, application: &str) -> tokio_postgres::Client {
    let url = format!("postgres://{user}@127.0.0.1:{}/postgres?application_name={application}", server.port);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
