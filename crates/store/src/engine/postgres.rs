//! PostgreSQL as an engine: any number of store processes over one database behave as one.
//!
//! ```text
//!   commit ─▶ parts ─▶ pool ─▶ session ─▶ transaction: locks of records · look · decide · write · COMMIT
//!   read, scan, changes ─────▶ session ─▶ one statement, one snapshot
//! ```
//!
//! What makes them one is in the database alone: advisory locks of records order commits, a sequence drawn under them gives versions, and
//! transaction ids drawn under them order the log of changes. A process holds nothing that cannot be lost; a lost connection is a rolled-back
//! transaction, unless its COMMIT was under way ([`EngineError::Unknown`], and the token tells).
//!
//! Of several hosts the primary is used, and after a promotion the new one, by itself. What PostgreSQL cannot do is fence an old primary that is cut off
//! and still takes writes of processes on its side: for that it needs a synchronous replica (`synchronous_standby_names`) or an agent
//! that stops it. A process that has once seen the new primary never uses the old one again.
//!
//! A connection pooler between must keep sessions: locks, marks and prepared statements are the session's.

mod blobs;
mod collections;
mod commit;
mod config;
mod connect;
mod dialect;
mod driver;
mod effects;
mod examine;
mod failure;
mod feed;
mod foreign;
mod hosts;
mod load;
mod locks;
mod parts;
mod pool;
mod read;
mod rows;
mod schema;
mod session;
mod size;
mod snapshot;
mod statements;
mod statistics;
mod upkeep;

pub use config::{CONNECTIONS, PostgresConfig, QUEUE};
pub use statistics::Statistics;

use super::{
    Changes, Collection, Cursor, Engine, EngineError, Guarantees, Load, Loaded, MAX_BATCH, Page, Pending,
    Scan, SharedSnapshot, Sharing, Size, Stamp, Upkeep,
};
use crate::commit::{Commit, Outcome};
use crate::guard::{ForeignSession, ForeignWrite, Look, Sentry};
use crate::item::{Item, UnixMs, Version};
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;
use connect::Connector;
use examine::Server;
use failure::Failure;
use locks::Space;
use pool::{Pool, Purpose};
use session::Work;
use statistics::Counters;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The engine; see the module.
pub struct Postgres {
    pool: Pool,
    space: Space,
    /// As the server was when the engine was opened.
    server: Server,
    /// Most locks of one transaction.
    locks: usize,
    counters: Counters,
}

impl Postgres {
    /// Connects, and makes the tables what this build needs.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] where no primary can be reached; [`EngineError::Broken`] where the configuration, the server's settings or the schema do
    /// not allow its use, with what to do about it.
    pub async fn open(config: PostgresConfig) -> Result<Postgres, EngineError> {
        let connector = Connector::new(config.clone())?;
        connector.migrate().await.map_err(|failure| failure.error)?;
        let space = connector.space;
        let pool = Pool::new(&config, connector);
        let first = |session: Work| async move { Ok((session.server.clone(), session.locks)) };
        let (server, locks) = pool.run(Purpose::Read, first).await.map_err(|failure| failure.error)?;
        Ok(Postgres { pool, space, server, locks, counters: Counters::default() })
    }

    /// Sessions on this database that are not of any store process of this schema, at most a thousand. Without the rights of `pg_monitor`, what other roles'
    /// sessions run, and from where, is not seen.
    pub fn foreign_sessions(&self) -> Pending<'_, Vec<ForeignSession>> {
        let space = self.space;
        self.call(Purpose::Read, move |session| async move { foreign::sessions(&session, space).await })
    }

    /// Writes to our tables by sessions that are not ours, the last of each later than `after`, the newest first, at most a thousand.
    pub fn foreign_writes(&self, after: UnixMs) -> Pending<'_, Vec<ForeignWrite>> {
        self.call(Purpose::Read, move |session| async move { foreign::writes(&session, after).await })
    }

    /// One operation on one session.
    fn call<'a, T, F>(
        &'a self,
        purpose: Purpose,
        operation: impl Fn(Work) -> F + Send + Sync + 'a,
    ) -> Pending<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        Box::pin(async move { self.pool.run(purpose, operation).await.map_err(|failure| failure.error) })
    }

    async fn carry_out(&self, batch: &[Commit]) -> Result<Vec<Outcome>, EngineError> {
        if batch.len() > MAX_BATCH {
            let text = format!("a batch of {} commits, expected at most {MAX_BATCH}", batch.len());
            return Err(EngineError::Broken(text));
        }
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut parts = VecDeque::from(parts::parts(batch, self.locks));
        while let Some(part) = parts.pop_front().filter(|part| !part.is_empty()) {
            let commits = &batch[part.clone()];
            let transaction = |session| commit::transaction(session, self.space, commits);
            match self.pool.run(Purpose::Write, transaction).await {
                Ok(done) => {
                    self.counters.transactions.fetch_add(1, Ordering::Relaxed);
                    outcomes.extend(done);
                }
                Err(failure) if failure.locks && part.len() > 1 => {
                    let middle = part.start + part.len() / 2;
                    parts.push_front(middle..part.end);
                    parts.push_front(part.start..middle);
                }
                Err(failure) => {
                    let unknown = matches!(failure.error, EngineError::Unknown(_));
                    self.counters.unknown.fetch_add(u64::from(unknown), Ordering::Relaxed);
                    // "Nothing happened" would no longer be true.
                    let begun = !outcomes.is_empty() && !unknown;
                    return Err(if begun {
                        EngineError::Unknown(failure.error.to_string())
                    } else {
                        failure.error
                    });
                }
            }
        }
        Ok(outcomes)
    }

    async fn keep_up(&self, tokens_older: Duration, limit: usize) -> Result<Upkeep, EngineError> {
        let older = i64::try_from(tokens_older.as_millis()).unwrap_or(i64::MAX);
        let mut done = Upkeep::default();
        loop {
            let left = limit.saturating_sub(usize::try_from(done.expired).unwrap_or(usize::MAX));
            let expire = |session| upkeep::expire(session, self.space, left);
            let step = self.step(expire).await?;
            done.expired += step.done;
            done.more |= step.more && !step.again;
            if !step.again {
                break;
            }
        }
        let step = self.step(|session| upkeep::tokens(session, older, limit)).await?;
        done.tokens = step.done;
        done.more |= step.more;
        for (id, _) in self.collections().await? {
            let left = limit.saturating_sub(usize::try_from(done.changes).unwrap_or(usize::MAX));
            let step = self.step(|session| upkeep::changes(session, id, left)).await?;
            done.changes += step.done;
            done.more |= step.more;
        }
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let blobs = |session: Work| async move { blobs::forget(&session, older, most).await };
        done.more |= self.step(blobs).await?;
        self.step(upkeep::intruders).await?;
        Ok(done)
    }

    async fn step<T, F>(&self, step: impl Fn(Work) -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.pool.run(Purpose::Write, step).await.map_err(|failure| failure.error)
    }
}

impl Sentry for Postgres {
    fn look(&self, since: Duration) -> Pending<'_, Look> {
        let space = self.space;
        self.call(Purpose::Read, move |session| foreign::look(session, space, since))
    }
}

impl Engine for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees {
            linearizable_records: true,
            atomic_across_records: true,
            durable: !self.server.lossy,
            checksums: self.server.checksums,
            ordered_records: true,
            change_feed: self.server.dialect.has_feed(),
            consistent_backup: true,
            sharing: Sharing::Shared,
        }
    }

    fn clock(&self) -> Pending<'_, UnixMs> {
        self.call(Purpose::Read, |session| async move { collections::clock(&session).await })
    }

    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp> {
        let stamp = Arc::new(stamp);
        self.call(Purpose::Write, move |session| {
            let stamp = stamp.clone();
            async move { collections::claim(session, &stamp).await }
        })
    }

    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId> {
        let (space, collection) = (self.space, Arc::new(collection));
        self.call(Purpose::Write, move |session| {
            let collection = collection.clone();
            async move { collections::declare(session, space, &collection).await }
        })
    }

    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>> {
        self.call(Purpose::Read, collections::all)
    }

    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>> {
        Box::pin(async move { self.carry_out(&batch).await })
    }

    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>> {
        let keys: Arc<[ItemKey]> = keys.into();
        self.call(Purpose::Read, move |session| {
            let keys = keys.clone();
            async move { read::items(session, &keys).await }
        })
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        let scan = Arc::new(scan);
        self.call(Purpose::Read, move |session| {
            let scan = scan.clone();
            async move { read::scan(session, &scan).await }
        })
    }

    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor> {
        self.call(Purpose::Read, move |session| feed::end(session, &self.counters, collection))
    }

    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes> {
        self.call(Purpose::Read, move |session| {
            feed::changes(session, &self.counters, collection, from, limit)
        })
    }

    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()> {
        self.call(Purpose::Write, move |session| {
            let chunk = chunk.clone();
            async move { blobs::stage(session, blob, number, &chunk).await }
        })
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.call(Purpose::Read, move |session| blobs::chunk(session, blob, number))
    }

    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        Box::pin(self.keep_up(tokens_older, limit))
    }

    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        self.call(Purpose::Read, move |session| size::of(session, collection))
    }

    fn last_version(&self) -> Pending<'_, Version> {
        self.call(Purpose::Read, collections::last_version)
    }

    fn snapshot(&self) -> Pending<'_, SharedSnapshot> {
        Box::pin(
            async move { snapshot::snapshot(&self.pool.connector).await.map_err(|failure| failure.error) },
        )
    }

    fn load(&self, step: Load) -> Pending<'_, Loaded> {
        Box::pin(self.load_step(step))
    }

    fn unfinished_load(&self) -> Pending<'_, Option<u128>> {
        self.call(Purpose::Read, load::unfinished)
    }
}
