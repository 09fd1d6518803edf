//! Opening sessions: of several hosts the primary is found, refused if it could lose data, and made ready.

use super::config::PostgresConfig;
use super::driver::Driver;
use super::examine::examine;
use super::failure::Failure;
use super::hosts::{GONE, SILENT, hosts};
use super::load;
use super::locks::Space;
use super::rows::column;
use super::schema::{self, Standing};
use super::session::Session;
use super::statements::Statements;
use crate::engine::EngineError;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

/// Locks of one transaction that always fit: the least that `max_locks_per_transaction` can sensibly be is its default of 64, some of which are
/// for tables and indexes.
const FEWEST_LOCKS: usize = 48;

/// Locks of one transaction beyond which a larger one gains nothing.
const MOST_LOCKS: usize = 1024;

/// Opens sessions.
pub(super) struct Connector {
    config: PostgresConfig,
    /// One for each host, by which errors name it.
    hosts: Vec<(String, Config)>,
    /// The host that was the primary last.
    last: AtomicUsize,
    /// The newest timeline that was seen: an older primary was replaced.
    pub newest: AtomicU32,
    pub space: Space,
    pub restores: Restores,
}

/// The restore that this process knows of: it makes one itself, or has found one that did not end when it began. Any other has begun since, while this process was
/// away from the server, and what it would read now is half a backup.
#[derive(Default)]
pub(super) struct Restores(Mutex<Option<Option<u128>>>);

impl Restores {
    /// It is known from now on; `None`: there is none.
    pub fn know(&self, backup: Option<u128>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(backup);
    }

    /// The restore that is there and not known. What is there at first is known.
    fn unknown(&self, there: Option<u128>) -> Option<u128> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = *known.get_or_insert(there);
        there.filter(|_| there != known)
    }
}

impl Connector {
    /// Reads the configuration.
    pub fn new(config: PostgresConfig) -> Result<Connector, EngineError> {
        if let Some(fault) = config.fault() {
            return Err(EngineError::Broken(fault));
        }
        let parsed: Config = config.url.parse().map_err(|error| {
            EngineError::Broken(format!("the URL of the database cannot be read: {error}"))
        })?;
        if parsed.get_ssl_mode() != SslMode::Prefer && parsed.get_ssl_mode() != SslMode::Disable {
            let fault =
                "sslmode asks for TLS, which the engine does not speak yet: leave it out or say disable";
            return Err(EngineError::Broken(fault.into()));
        }
        let hosts = hosts(&parsed, &config);
        if hosts.is_empty() {
            return Err(EngineError::Broken("the URL of the database names no host".into()));
        }
        let space = Space::new(&config.schema);
        let (last, newest) = (AtomicUsize::new(0), AtomicU32::new(0));
        Ok(Connector { config, hosts, last, newest, space, restores: Restores::default() })
    }

    /// A session on the primary.
    pub async fn open(&self) -> Result<Session, Failure> {
        let mut reasons = Vec::new();
        let first = self.last.load(Ordering::Relaxed);
        for place in 0..self.hosts.len() {
            let host = (first + place) % self.hosts.len();
            let (name, config) = &self.hosts[host];
            let opening = tokio::time::timeout(self.config.connect_timeout, self.open_at(config));
            let failure = match opening.await {
                Ok(Ok(session)) => {
                    self.last.store(host, Ordering::Relaxed);
                    return Ok(session);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::silent("it did not answer in time"),
            };
            // What waiting does not mend is said at once and as it is.
            if !matches!(failure.error, EngineError::Unavailable(_)) {
                return Err(failure);
            }
            reasons.push(format!("{name}: {}", inner(&failure.error)));
        }
        Err(nowhere(&reasons))
    }

    /// Makes the schema what this build needs, by one connection of its own without a bound on each statement: an index takes its time.
    pub async fn migrate(&self) -> Result<(), Failure> {
        let mut reasons = Vec::new();
        for (name, config) in &self.hosts {
            let opening = async {
                let (client, connection) = config.connect(NoTls).await?;
                let driver = Driver::start(connection, Arc::default());
                examine(&client, self.config.allow_data_loss).await?;
                Ok::<_, Failure>((client, driver))
            };
            match tokio::time::timeout(self.config.connect_timeout, opening).await {
                Ok(Ok((client, _driver))) => {
                    return schema::migrate(&client, &self.config.schema, self.space).await;
                }
                Ok(Err(failure)) if !matches!(failure.error, EngineError::Unavailable(_)) => {
                    return Err(failure);
                }
                Ok(Err(failure)) => reasons.push(format!("{name}: {}", inner(&failure.error))),
                Err(_) => reasons.push(format!("{name}: it did not answer in time")),
            }
        }
        Err(nowhere(&reasons))
    }

    async fn open_at(&self, config: &Config) -> Result<Session, Failure> {
        let (client, connection) = config.connect(NoTls).await?;
        let warnings = Arc::new(AtomicU64::new(0));
        let driver = Driver::start(connection, warnings.clone());
        let mut server = examine(&client, self.config.allow_data_loss).await?;
        let locks = self.locks(&client).await?;
        client.batch_execute(&self.settings()).await?;
        let standing = Standing::read(&client, self.space, server.dialect).await?;
        server.timeline = standing.timeline;
        let newest = self.newest.fetch_max(server.timeline, Ordering::AcqRel);
        if newest > server.timeline {
            return Err(Failure::silent(&format!(
                "it was replaced: its timeline is {}, and {newest} was seen",
                server.timeline
            )));
        }
        client.batch_execute(&standing.settings(self.space)).await?;
        // After the session's lock was taken: who restores looks for such locks after it has said that it does.
        if let Some(backup) = self.restores.unknown(load::there(&client).await?) {
            return Err(Failure::silent(&format!(
                "the backup {backup:032x} is being restored there, by another process"
            )));
        }
        let statements = Statements::prepare(&client).await?;
        Ok(Session {
            client,
            statements,
            server,
            offset: standing.offset,
            warnings,
            locks,
            patience: self.config.statement_timeout + self.config.lock_timeout,
            _driver: driver,
        })
    }

    /// Most locks that one transaction of ours takes: half of the server's table, shared by the connections of this process.
    async fn locks(&self, client: &Client) -> Result<usize, Failure> {
        let row = client.query_one(LOCKS, &[]).await?;
        let room = usize::try_from(column::<i64>(&row, 0)?).unwrap_or(0);
        Ok((room / 2 / self.config.connections).clamp(FEWEST_LOCKS, MOST_LOCKS))
    }

    /// What holds in every session of ours, whatever the server's or the role's defaults are.
    ///
    /// Plans: every statement finds its rows by index, and is planned once. A plan made while a table was empty must not read all of it later.
    fn settings(&self) -> String {
        let ms = |time: Duration| time.as_millis();
        let (statement, lock, schema) =
            (ms(self.config.statement_timeout), ms(self.config.lock_timeout), &self.config.schema);
        // The longest that we are silent inside a transaction is one decision; a transaction whose client hangs must not keep its locks.
        let idle = statement;
        format!(
            "SET search_path = {schema}, pg_catalog, pg_temp;
             SET statement_timeout = {statement}; SET lock_timeout = {lock}; SET idle_in_transaction_session_timeout = {idle};
             SET client_connection_check_interval = {gone}; SET tcp_user_timeout = {silent};
             SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off;
             SET bytea_output = 'hex'; SET client_min_messages = 'warning'; SET jit = off;
             SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply'",
            gone = ms(GONE),
            silent = ms(SILENT),
        )
    }
}

const LOCKS: &str = "SELECT current_setting('max_locks_per_transaction')::int8
    * (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8)";

/// No host will do, each for a reason of its own.
fn nowhere(reasons: &[String]) -> Failure {
    Failure::silent(&format!("no primary can be reached: {}", reasons.join("; ")))
}

/// What went wrong, without the words around it.
fn inner(error: &EngineError) -> String {
    match error {
        EngineError::Unavailable(text) => text.clone(),
        other => other.to_string(),
    }
}
