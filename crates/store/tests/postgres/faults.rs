//! A server that is killed, slow, full or set to lose data.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tenet_store::engine::EngineError;

/// Adds to a number of its own until it is stopped; tokens are sent again where nobody knows. The number of additions that were acknowledged.
pub(super) async fn add_until(
    engine: &Postgres,
    users: CollectionId,
    record: &str,
    stop: &AtomicBool,
) -> i64 {
    let mut acknowledged = 0;
    while !stop.load(Ordering::Relaxed) {
        let commit = act(users, record, "n", Action::Add(1), None);
        let until = Instant::now() + PATIENCE;
        loop {
            match engine.commit(vec![commit.clone()]).await {
                Ok(_) => break,
                Err(EngineError::Unavailable(_) | EngineError::Unknown(_)) => {
                    assert!(Instant::now() < until, "{record} waited for too long");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(other) => panic!("{other}"),
            }
        }
        acknowledged += 1;
    }
    acknowledged
}

/// What add_until has added according to the engine.
pub(super) async fn number(engine: &Postgres, users: CollectionId, record: &str) -> i64 {
    match value(engine, key(users, record, "n")).await {
        None => 0,
        Some(Value::Inline(bytes)) => i64::from_be_bytes(bytes[..].try_into().unwrap()),
        Some(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kills_and_happened_once() {
    let test = "what_was_acknowledged_survives_kills_and_happened_once";
    let Some(server) = Server::start(test, &[]) else { return };
    let engine = open(&server, "kills").await;
    let server = Mutex::new(server);
    let users = declare(&engine, "users").await;
    let stop = AtomicBool::new(false);
    let records: Vec<String> = (0..16).map(|n| format!("u{n}")).collect();
    let writers =
        futures_util::future::join_all(records.iter().map(|record| add_until(&engine, users, record, &stop)));
    let kills = async {
        for _ in 0..3 {
            let before = engine.statistics().transactions;
            eventually("some commits", || async {
                (engine.statistics().transactions > before + 100).then_some(())
            })
            .await;
            tokio::task::block_in_place(|| {
                let mut server = server.lock().unwrap();
                server.kill();
                server.restart();
            });
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (acknowledged, ()) = futures_util::future::join(writers, kills).await;
    for (record, acknowledged) in records.iter().zip(acknowledged) {
        assert_eq!(number(&engine, users, record).await, acknowledged, "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_connections_is_unavailable_and_then_is_not() {
    let test = "a_server_without_connections_is_unavailable_and_then_is_not";
    let Some(server) = Server::start(test, &["max_connections=10", "superuser_reserved_connections=0"])
    else {
        return;
    };
    let engine = open(&server, "busy").await;
    let users = declare(&engine, "users").await;
    one(&engine, put(users, &["u"], None, "a")).await;
    // Everything that is left is taken by others; what the engine has it keeps using.
    let mut others = Vec::new();
    let url = server.url();
    while let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
        tokio::spawn(connection);
        others.push(client);
    }
    assert!(!others.is_empty());
    let commits = (0..20).map(|n| {
        let engine = &engine;
        async move { engine.commit(vec![put(users, &[&format!("u{n}")], None, "b")]).await }
    });
    for outcome in futures_util::future::join_all(commits).await {
        outcome.unwrap();
    }
    // Another process finds no room, and says so.
    let refused = Postgres::open(config(server.url(), "busy")).await;
    assert!(
        matches!(&refused, Err(EngineError::Unavailable(text)) if text.contains("53300")),
        "{:?}",
        refused.err()
    );
    drop(others);
    eventually("room for another process", || async {
        Postgres::open(config(server.url(), "busy")).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_given_up_and_leaves_nothing() {
    let Some(server) = shared("what_takes_too_long_is_given_up_and_leaves_nothing") else { return };
    let fast = PostgresConfig {
        statement_timeout: Duration::from_millis(300),
        lock_timeout: Duration::from_millis(200),
        call_timeout: Duration::from_secs(2),
        ..config(server.url(), "slow")
    };
    let engine = Postgres::open(fast).await.unwrap();
    let users = declare(&engine, "users").await;
    one(&engine, put(users, &["u"], None, "a")).await;
    let blocker = foreigner(server, "postgres", "blocker").await;
    blocker.batch_execute("BEGIN; LOCK TABLE slow.item IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let commit = engine.commit(vec![put(users, &["u"], None, "b")]).await;
    assert!(matches!(commit, Err(EngineError::Unavailable(_))), "{commit:?}");
    let read = engine.read(vec![key(users, "u", "")]).await;
    assert!(matches!(read, Err(EngineError::Unavailable(_))), "{read:?}");
    blocker.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(value(&engine, key(users, "u", "")).await, Some(inline("a")));
    one(&engine, put(users, &["u"], Some(Must::BePresent), "c")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_commits_that_wait_for_a_record() {
    let Some(server) = shared("reads_do_not_wait_for_commits_that_wait_for_a_record") else { return };
    let few = PostgresConfig { connections: 3, queue: 8, ..config(server.url(), "whale") };
    let engine = Postgres::open(few).await.unwrap();
    let users = declare(&engine, "users").await;
    one(&engine, put(users, &["whale"], None, "a")).await;
    // All three connections are open before: preparing statements wants locks of tables, too.
    // How many reads are in flight together is the machine's to say, so a round may open fewer.
    eventually("three connections", || async {
        let round = (0..3).map(|_| value(&engine, key(users, "whale", "")));
        futures_util::future::join_all(round).await;
        (engine.statistics().sessions_opened == 3).then_some(())
    })
    .await;
    let blocker = foreigner(server, "postgres", "blocker").await;
    blocker.batch_execute("BEGIN; LOCK TABLE whale.token IN SHARE MODE").await.unwrap();
    let commits = futures_util::future::join_all((0..20).map(|n| {
        let engine = &engine;
        async move { engine.commit(vec![put(users, &["whale"], None, &n.to_string())]).await }
    }));
    let read = async {
        let found = value(&engine, key(users, "whale", "")).await;
        blocker.batch_execute("ROLLBACK").await.unwrap();
        found
    };
    let (outcomes, found) = futures_util::future::join(commits, read).await;
    assert_eq!(found, Some(inline("a")), "a read passed by");
    let refused = outcomes.iter().filter(
        |outcome| matches!(outcome, Err(EngineError::Unavailable(text)) if text.contains("too many calls")),
    );
    assert_eq!(refused.count(), 20 - 2 - 8, "two run, eight wait: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_waits_for_lets_go() {
    let Some(server) = shared("a_call_that_nobody_waits_for_lets_go") else { return };
    let engine = open(server, "dropped").await;
    let users = declare(&engine, "users").await;
    let blocker = foreigner(server, "postgres", "blocker").await;
    blocker.batch_execute("BEGIN; LOCK TABLE dropped.token IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let commit = engine.commit(vec![put(users, &["u"], None, "a")]);
    let dropped = tokio::time::timeout(Duration::from_millis(300), commit).await;
    assert!(dropped.is_err());
    blocker.batch_execute("ROLLBACK").await.unwrap();
    // The record's lock is free as soon as the server has noticed.
    let outcome = one(&engine, put(users, &["u"], Some(Must::BeAbsent), "b")).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_data_is_refused() {
    let Some(server) = shared("a_server_that_may_lose_data_is_refused") else { return };
    let strict = PostgresConfig { allow_data_loss: false, ..config(server.url(), "strict") };
    let refused = Postgres::open(strict).await.err();
    assert!(
        matches!(&refused, Some(EngineError::Broken(text)) if text.contains("fsync is off") && text.contains("allow_data_loss")),
        "{refused:?}"
    );
    let engine = open(server, "strict").await;
    let given = engine.guarantees();
    assert!(!given.durable && given.checksums);
    // Whatever the role's or the server's default is, our sessions wait for the log.
    server.sql("CREATE ROLE hasty LOGIN SUPERUSER; ALTER ROLE hasty SET synchronous_commit = off");
    let url = server.url().replace("postgres@", "hasty@");
    let hasty = Postgres::open(config(url, "strict")).await.unwrap();
    let users = declare(&hasty, "users").await;
    one(&hasty, put(users, &["u"], None, "a")).await;
    for (url, words) in [
        ("postgres://postgres@127.0.0.1:1/postgres", "no primary can be reached"),
        ("nonsense", "cannot be read"),
        ("postgres://a@b/c?sslmode=require", "TLS"),
    ] {
        let refused = Postgres::open(config(url.into(), "strict")).await.err().map(|error| error.to_string());
        assert!(refused.as_ref().is_some_and(|text| text.contains(words)), "{url}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_newer_is_refused_and_many_may_begin_at_once() {
    let Some(server) = shared("a_schema_that_is_newer_is_refused_and_many_may_begin_at_once") else { return };
    let engines = (0..4).map(|_| Postgres::open(config(server.url(), "begins")));
    for engine in futures_util::future::join_all(engines).await {
        engine.unwrap();
    }
    server.sql("INSERT INTO begins.migration (number) VALUES (999)");
    let refused = Postgres::open(config(server.url(), "begins")).await.err().map(|error| error.to_string());
    assert!(refused.as_ref().is_some_and(|text| text.contains("version 999")), "{refused:?}");
}
