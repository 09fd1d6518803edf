//! The connections of this process: how many, who waits for one, and when a lost one is replaced.
//!
//! Hand-made, because what matters here is not what ready-made pools decide: one connection stays free for reads while commits wait for each
//! other's locks, the queue has a bound, a server that is away is asked at growing intervals and not by every caller, and a session in the middle of
//! something is never used again.

use super::config::PostgresConfig;
use super::connect::{Connector, Restores};
use super::failure::Failure;
use super::session::{Session, Work};
use crate::engine::EngineError;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenet_resilience::backoff::Backoff;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Pauses between attempts to reach a server that could not be reached. A promotion takes seconds; a process that asks twice a second at the end
/// finds the new primary soon and burdens nobody.
const RECONNECT: Backoff = Backoff { base: Duration::from_millis(50), max: Duration::from_millis(500) };

/// Pauses before something is done again that met another transaction.
const REPEAT: Backoff = Backoff { base: Duration::from_millis(5), max: Duration::from_millis(100) };

/// Times that a call is tried in all. Lost connections come in bundles after a restart of the server, but each is noticed by its driver; two in a row
/// are unlikely, three are a server in trouble.
const TRIES: u32 = 3;

/// Connections that commits leave to reads: a read never waits for the locks of a record.
const FOR_READS: usize = 1;

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Looks only.
    Read,
    /// May wait for locks.
    Write,
}

/// See the module.
pub(super) struct Pool {
    pub connector: Connector,
    size: usize,
    all: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    queue: usize,
    reads_waiting: AtomicUsize,
    writes_waiting: AtomicUsize,
    idle: Mutex<Vec<Arc<Session>>>,
    returned: Notify,
    away: Mutex<Away>,
    /// Longest that a call takes.
    call_timeout: Duration,
    /// Sessions that were opened.
    pub opened: AtomicU64,
    /// Calls that were tried again.
    pub repeated: AtomicU64,
}

/// Since when the server cannot be reached.
#[derive(Default)]
struct Away {
    failures: u32,
    /// Before this nobody tries.
    until: Option<Instant>,
    reason: String,
}

/// A session that is in use. Dropped, it is closed: it may be in the middle of something.
pub(super) struct Lease {
    pub session: Arc<Session>,
    _permits: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

impl Pool {
    /// Nothing is opened yet.
    pub fn new(config: &PostgresConfig, connector: Connector) -> Pool {
        Pool {
            connector,
            size: config.connections,
            all: Arc::new(Semaphore::new(config.connections)),
            writes: Arc::new(Semaphore::new(config.connections - FOR_READS)),
            queue: config.queue,
            reads_waiting: AtomicUsize::new(0),
            writes_waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            returned: Notify::new(),
            away: Mutex::default(),
            call_timeout: config.call_timeout,
            opened: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
        }
    }

    /// Carries out `operation` on a session, again on another where nothing happened and that may help, within the time of a call.
    pub async fn run<T, F>(&self, purpose: Purpose, operation: impl Fn(Work) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let until = Instant::now() + self.call_timeout;
        let mut tried = 1;
        loop {
            let failure = match self.attempt(purpose, until, &operation).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = REPEAT.pause(tried, rand::random());
            if !failure.again || tried == TRIES || Instant::now() + pause >= until {
                return Err(failure);
            }
            tried += 1;
            self.repeated.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
        }
    }

    /// One attempt.
    async fn attempt<T, F>(
        &self,
        purpose: Purpose,
        until: Instant,
        operation: &impl Fn(Work) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let lease = self.take(purpose, until).await?;
        match operation(Work::new(lease.session.clone(), until)).await {
            Ok(answer) => {
                self.give_back(lease);
                Ok(answer)
            }
            Err(failure) => {
                if failure.sound && lease.session.rolled_back().await {
                    self.give_back(lease);
                }
                Err(failure)
            }
        }
    }

    /// A session, idle or new.
    async fn take(&self, purpose: Purpose, until: Instant) -> Result<Lease, Failure> {
        let permits = self.permits(purpose, until).await?;
        loop {
            if let Some(session) = self.idle_session() {
                return Ok(Lease { session, _permits: permits });
            }
            self.may_connect()?;
            match self.connector.open().await {
                Ok(session) => {
                    *self.away() = Away::default();
                    self.opened.fetch_add(1, Ordering::Relaxed);
                    return Ok(Lease { session: Arc::new(session), _permits: permits });
                }
                Err(failure) => self.cannot_connect(failure, until).await?,
            }
        }
    }

    /// Waits for the right to use a connection.
    async fn permits(
        &self,
        purpose: Purpose,
        until: Instant,
    ) -> Result<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>), Failure> {
        // Two queues, so that writes of one record that wait for each other refuse no read.
        let waiting = match purpose {
            Purpose::Read => &self.reads_waiting,
            Purpose::Write => &self.writes_waiting,
        };
        let _place = Place::take(waiting, self.queue)?;
        let both = async {
            // In this order: who waits to write holds nothing that a read needs.
            let write = match purpose {
                Purpose::Read => None,
                Purpose::Write => Some(self.writes.clone().acquire_owned().await),
            };
            (self.all.clone().acquire_owned().await, write)
        };
        match tokio::time::timeout_at(until, both).await {
            Ok((Ok(all), None)) => Ok((all, None)),
            Ok((Ok(all), Some(Ok(write)))) => Ok((all, Some(write))),
            Ok(_) => Err(Failure::silent("the engine is closed")),
            Err(_) => Err(Failure::silent("all connections to the database were busy for too long")),
        }
    }

    fn idle_session(&self) -> Option<Arc<Session>> {
        let newest = self.connector.newest.load(Ordering::Acquire);
        let mut idle = self.idle();
        while let Some(session) = idle.pop() {
            // A primary that was replaced may go on for a while and lose what it takes.
            if !session.client.is_closed() && session.server.timeline >= newest {
                return Some(session);
            }
        }
        None
    }

    /// Refuses while the server was found away a moment ago.
    fn may_connect(&self) -> Result<(), Failure> {
        let away = self.away();
        match away.until {
            Some(until) if Instant::now() < until => Err(Failure::silent(&away.reason)),
            _ => Ok(()),
        }
    }

    /// Notes that no connection could be made; where others of ours are in use, waits for one of them instead.
    async fn cannot_connect(&self, failure: Failure, until: Instant) -> Result<(), Failure> {
        let full = matches!(&failure.error, EngineError::Unavailable(text) if text.contains("53300"));
        if full {
            // One of ours may have come back while we asked.
            let others = self.size - self.all.available_permits() > 1;
            let back = !self.idle().is_empty();
            if back || (others && tokio::time::timeout_at(until, self.returned.notified()).await.is_ok()) {
                return Ok(());
            }
        }
        let mut away = self.away();
        away.failures = away.failures.saturating_add(1);
        away.until = Some(Instant::now() + RECONNECT.equal_jitter(away.failures, rand::random()));
        if let EngineError::Unavailable(reason) = &failure.error {
            away.reason.clone_from(reason);
        }
        Err(Failure { again: false, ..failure })
    }

    /// The restore that sessions know of.
    pub fn restores(&self) -> &Restores {
        &self.connector.restores
    }

    /// Closes the sessions that nobody uses: new ones learn what has changed.
    pub fn forget_idle(&self) {
        self.idle().clear();
    }

    fn give_back(&self, lease: Lease) {
        self.idle().push(lease.session);
        self.returned.notify_one();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn away(&self) -> MutexGuard<'_, Away> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    fn take(waiting: &AtomicUsize, most: usize) -> Result<Place<'_>, Failure> {
        let place = Place(waiting);
        if waiting.fetch_add(1, Ordering::AcqRel) >= most {
            return Err(Failure::silent("too many calls wait for a connection to the database"));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
