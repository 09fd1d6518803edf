//! One connection, set up: prepared statements, who we are, and what its server warned of.

use super::driver::Driver;
use super::examine::Server;
use super::failure::Failure;
use super::statements::Statements;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;

/// Longest that undoing an open transaction may take before the connection is given up instead.
const ROLLBACK: Duration = Duration::from_millis(500);

/// A connection that can be worked on.
pub(super) struct Session {
    pub client: Client,
    pub statements: Statements,
    /// The server it leads to.
    pub server: Server,
    /// What is added to transaction ids, so that places in the log grow also over promotions and moves.
    pub offset: i64,
    /// Warnings the server sent.
    pub warnings: Arc<AtomicU64>,
    /// Most locks of one transaction.
    pub locks: usize,
    /// Longest wait for one round trip.
    pub patience: Duration,
    /// Reads and writes its socket until the session is dropped.
    pub _driver: Driver,
}

impl Session {
    /// Warnings so far. The driver counts one before it hands on the answer that comes after it.
    pub fn warned(&self) -> u64 {
        self.warnings.load(Ordering::Acquire)
    }

    /// Undoes what is open. False: the connection is of no more use.
    pub async fn rolled_back(&self) -> bool {
        let undo = tokio::time::timeout(ROLLBACK, self.client.batch_execute("ROLLBACK"));
        matches!(undo.await, Ok(Ok(())))
    }
}

/// A session, for the rest of a call's time.
pub(super) struct Work {
    session: Arc<Session>,
    until: Instant,
}

impl Work {
    /// On this session, until then.
    pub fn new(session: Arc<Session>, until: Instant) -> Work {
        Work { session, until }
    }

    /// Until when answers to what is sent now are waited for.
    pub fn deadline(&self) -> Instant {
        self.until.min(Instant::now() + self.patience)
    }

    /// Waits for answers without which nothing happened.
    pub async fn within<T, E: Into<Failure>>(
        &self,
        answers: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout_at(self.deadline(), answers).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Failure::silent("the server did not answer in time")),
        }
    }
}

impl Deref for Work {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
