//! PostgreSQL: one server that syncs to disk, and a schema for each place.
//!
//! The clock is the server's. Where it may be turned, the schema has functions of its own with the names of the server's clocks: the schema comes
//! first in the engine's `search_path`, so the engine asks them.

use crate::server::Server;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenet_store::conformance::{Bench, Injury, Place};
use tenet_store::engine::postgres::{Postgres, PostgresConfig};
use tenet_store::engine::{Engine, EngineError, Pending};

/// Longest that a session may take to be there: the machine may stall.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of a page of a table, as PostgreSQL is built everywhere.
const PAGE: u64 = 8192;
/// Where in a page the place is written from which on its rows lie (`pd_upper`, PostgreSQL 15 documentation, 73.6).
const UPPER: u64 = 14;
/// So that neighbouring numbers choose bytes far from each other.
const SPREAD: u64 = 6007;

pub struct OnServer {
    server: Arc<Mutex<Server>>,
    made: AtomicU64,
    turned: bool,
}

/// A schema.
struct Schema {
    server: Arc<Mutex<Server>>,
    name: String,
    /// Whether its clock may be turned.
    turned: bool,
    /// The server was killed or stopped, and waits to be started again.
    down: AtomicBool,
}

impl OnServer {
    /// None, and noted, where there is no PostgreSQL. What is acknowledged is synced, because what is claimed says so.
    pub fn start(test: &str, turned: bool) -> Option<OnServer> {
        let server = Server::start(test, &["fsync=on", "max_connections=200"])?;
        Some(OnServer { server: Arc::new(Mutex::new(server)), made: AtomicU64::new(0), turned })
    }
}

impl Bench for OnServer {
    fn place(&self) -> Pending<'_, Box<dyn Place>> {
        Box::pin(async {
            let name = format!("place_{}", self.made.fetch_add(1, Ordering::Relaxed));
            let down = AtomicBool::new(false);
            let place = Schema { server: self.server.clone(), name, turned: self.turned, down };
            if self.turned {
                place.sql(&clocks(&place.name))?;
            }
            Ok(Box::new(place) as Box<dyn Place>)
        })
    }
}

/// A schema with clocks that can be turned. The functions are as volatile as those they stand for, because indexes are only used for a bound
/// that stays the same.
fn clocks(schema: &str) -> String {
    let clock = |name: &str, volatility: &str| {
        format!(
            "CREATE FUNCTION {schema}.{name}() RETURNS timestamptz LANGUAGE sql {volatility}
                AS 'SELECT pg_catalog.{name}() + ahead FROM {schema}.turned';"
        )
    };
    format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.turned (ahead interval NOT NULL); INSERT INTO {schema}.turned VALUES ('0'); {} {}",
        clock("clock_timestamp", "VOLATILE"),
        clock("statement_timestamp", "STABLE"),
    )
}

impl Schema {
    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn engine(&self) -> Result<Arc<dyn Engine>, EngineError> {
        let url = self.server().url();
        let config = PostgresConfig {
            schema: self.name.clone(),
            connect_timeout: CONNECT,
            ..PostgresConfig::new(url)
        };
        Ok(Arc::new(Postgres::open(config).await?) as Arc<dyn Engine>)
    }

    /// As the server's superuser, on a thread and a connection of its own: who asks may be in the middle of anything.
    fn sql(&self, sql: &str) -> Result<(), EngineError> {
        let url = self.server().url();
        let run = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
                let driver = tokio::spawn(connection);
                client.batch_execute(sql).await?;
                driver.abort();
                Ok(())
            })
        };
        let ended = std::thread::scope(|scope| scope.spawn(run).join());
        let ended = ended.map_err(|_| EngineError::Broken("the thread for SQL panicked".into()))?;
        ended.map_err(|error| EngineError::Broken(format!("{sql}: {error}")))
    }

    /// Stops the server, so that what it has in memory is in its files, and inverts a byte among the rows of a page.
    fn corrupt(&self, byte: u64) -> Result<(), EngineError> {
        let mut server = self.server();
        let file = server.sql(&format!("SELECT pg_relation_filepath('{}.item')", self.name));
        server.stop();
        self.down.store(true, Ordering::Release);
        flip(&server.data().join(file), byte).map_err(|error| EngineError::Broken(error.to_string()))
    }
}

/// The number chooses the page, and the byte in it.
fn flip(file: &std::path::Path, number: u64) -> std::io::Result<()> {
    let file = std::fs::File::options().read(true).write(true).open(file)?;
    let page = number % (file.metadata()?.len() / PAGE).max(1) * PAGE;
    let mut upper = [0; 2];
    file.read_exact_at(&mut upper, page + UPPER)?;
    let upper = u64::from(u16::from_ne_bytes(upper)).min(PAGE - 1);
    let place = page + upper + number * SPREAD % (PAGE - upper);
    let mut byte = [0];
    file.read_exact_at(&mut byte, place)?;
    file.write_all_at(&[!byte[0]], place)
}

impl Place for Schema {
    fn open(&self) -> Pending<'_, Arc<dyn Engine>> {
        Box::pin(async {
            if self.down.swap(false, Ordering::AcqRel) {
                self.server().restart();
            }
            self.engine().await
        })
    }

    fn beside(&self) -> Option<Pending<'_, Arc<dyn Engine>>> {
        Some(Box::pin(self.engine()))
    }

    fn advance(&self, time: Duration) -> bool {
        if !self.turned || time.is_zero() {
            return self.turned;
        }
        let turn = format!(
            "UPDATE {}.turned SET ahead = ahead + interval '{} microseconds'",
            self.name,
            time.as_micros()
        );
        self.sql(&turn).is_ok()
    }

    fn injure(&self, injury: Injury) -> Option<Pending<'_, ()>> {
        let schema = &self.name;
        let done = match injury {
            Injury::Kill => {
                self.server().kill();
                self.down.store(true, Ordering::Release);
                Ok(())
            }
            Injury::Corrupt(byte) => self.corrupt(byte),
            // The server only says so; what the engine makes of it is what is tried.
            Injury::Fill => self.sql(&format!(
                "CREATE FUNCTION {schema}.no_room() RETURNS trigger LANGUAGE plpgsql
                    AS 'BEGIN RAISE disk_full; END';
                 CREATE TRIGGER no_room BEFORE INSERT ON {schema}.item EXECUTE FUNCTION {schema}.no_room()"
            )),
            Injury::Drain => self.sql(&format!("DROP FUNCTION {schema}.no_room CASCADE")),
        };
        Some(Box::pin(async { done }))
    }
}
