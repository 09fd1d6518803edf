//! The same with PostgreSQL at either end.

use super::server::Server;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tenet_store::backup::{Reader, Restore};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::postgres::{Postgres, PostgresConfig};
use tenet_store::engine::{Cursor, Engine};
use tenet_store::item::Version;

async fn open(server: &Server, schema: &str) -> Arc<dyn Engine> {
    let config = PostgresConfig {
        schema: schema.into(),
        allow_data_loss: true,
        connect_timeout: Duration::from_secs(10),
        // The machine may stall.
        call_timeout: Duration::from_secs(60),
        statement_timeout: Duration::from_secs(30),
        ..PostgresConfig::new(server.url())
    };
    Arc::new(Postgres::open(config).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_embedded_to_postgres_and_back() {
    let Some(server) = Server::start("from_embedded_to_postgres_and_back", &[]) else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let embedded = |n: usize| -> Arc<dyn Engine> {
        Arc::new(Embedded::open(folders[n].path(), EmbeddedOptions::default()).unwrap())
    };
    super::round::check(embedded(0), open(&server, "a").await).await;
    super::round::check(open(&server, "b").await, embedded(1)).await;
    super::round::check(open(&server, "c").await, open(&server, "d").await).await;
    super::moment::check(open(&server, "e").await).await;
}

/// Two processes on one store, of which there is a backup.
async fn backed_up(server: &Server, path: &Path) -> (Arc<dyn Engine>, Arc<dyn Engine>) {
    let engine = open(server, "one").await;
    super::site::fill(&*engine, super::site::token(&*engine).await).await;
    super::site::back_up(&*engine, path).await;
    let other = open(server, "one").await;
    other.clock().await.unwrap();
    (engine, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_restored_under_another_process() {
    let Some(server) = Server::start("nothing_is_restored_under_another_process", &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let (engine, other) = backed_up(&server, &path).await;
    let refused = super::site::restore(&*engine, &path, true).await.unwrap_err().to_string();
    assert!(refused.contains("another process of the store"), "{refused}");
    assert_eq!(engine.unfinished_load().await.unwrap(), None);
    drop(other);
    let elsewhere = open(&server, "two").await;
    elsewhere.clock().await.unwrap();
    super::site::restore(&*engine, &path, true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_during_a_restore_stays_away_until_its_end() {
    let Some(server) = Server::start("who_comes_back_during_a_restore_stays_away_until_its_end", &[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let (engine, other) = backed_up(&server, &path).await;
    // It is cut off, so nobody sees it when the restore begins.
    server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    let reader = Reader::open(&path).unwrap();
    let mut restore = Restore::begin(&*engine, reader, true, (Version(0), Cursor(0))).await.unwrap();
    let refused = other.clock().await.unwrap_err().to_string();
    assert!(refused.contains("is being restored there"), "{refused}");
    while restore.step().await.unwrap() {
        engine.clock().await.unwrap();
    }
    restore.verify().await.unwrap();
    let began = std::time::Instant::now();
    while let Err(error) = other.clock().await {
        assert!(began.elapsed() < Duration::from_secs(60), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
