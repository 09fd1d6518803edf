//! The watch over a database that has one owner: sessions and writes of others become events, metrics, and alarms that stay for as long as it is so.
//!
//! ```text
//!   Sentry::look, every 5 s ─▶ Book: what is new, what goes on, what is over ─▶ Collector: events, alarms
//!             │                                                            └─▶ Counts ─▶ the page of metrics
//!             └─ a look that fails, hangs or panics is counted, and an alarm of its own after the third in a row
//! ```
//!
//! It guards against mistakes (a script on the wrong database, a forgotten tool), not against those who administer the server. It only looks: nobody waits
//! for it, and what it finds changes nothing of what is served.

pub(crate) mod activity;
mod book;
mod counts;
mod database;
mod words;

pub use database::{Database, OwnedBy};

use crate::engine::{EngineError, Pending};
use crate::item::UnixMs;
use arc_swap::ArcSwap;
use book::{Book, Notice};
use counts::Counts;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tenet_telemetry::Collector;

/// Between two looks. One costs the server about a millisecond. A session that is shorter than this may not be seen; what it wrote is, where the server itself
/// notes writes.
pub const PAUSE: Duration = Duration::from_secs(5);
/// Longest that one look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a write of somebody else is an alarm: long enough for a person to come by. Notes of before this process began are told, too.
pub const WRITE_ALARM: Duration = Duration::from_secs(3600);

/// A session that is not the owner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignSession {
    /// The process of the server.
    pub pid: i32,
    /// As whom it is logged in.
    pub user: String,
    /// From where. None: by a local socket, or not to be seen by us.
    pub address: Option<String>,
    /// What it calls itself; it may be anything.
    pub application: String,
    /// What it does: `active`, `idle in transaction`, … None: not to be seen by us.
    pub state: Option<String>,
    /// Since when it is there. None: not to be seen by us.
    pub since: Option<UnixMs>,
    /// The first 256 characters of what it ran last. None: not to be seen by us.
    pub query: Option<String>,
}

/// Writes of a session that is not the owner's, to one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignWrite {
    /// The process of the server.
    pub pid: i32,
    /// As whom it was logged in.
    pub user: String,
    /// The table.
    pub table: String,
    /// From where. None: by a local socket.
    pub address: Option<String>,
    /// What it called itself.
    pub application: String,
    /// The first 1024 characters of the last of the statements.
    pub query: String,
    /// Statements.
    pub writes: u64,
    /// When the first was.
    pub first: UnixMs,
    /// When the last was.
    pub last: UnixMs,
}

/// What one look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Who is there now.
    pub sessions: Vec<ForeignSession>,
    /// Who wrote lately. Empty also where nobody notes it.
    pub writes: Vec<ForeignWrite>,
}

/// Who can say which sessions on a database are not its owner's.
pub trait Sentry: Send + Sync + 'static {
    /// Who is there now, and who wrote within the last `since`.
    fn look(&self, since: Duration) -> Pending<'_, Look>;
}

/// The watch over one database.
pub struct Guard {
    /// Whose sessions are nobody's business: those of administrators and exporters.
    known_users: ArcSwap<BTreeSet<String>>,
    collector: Arc<Collector>,
    counts: Counts,
    book: Mutex<Book>,
}

impl Guard {
    /// Over the database that people call so, telling `collector`.
    pub fn new(database: &str, collector: Arc<Collector>) -> Guard {
        Guard {
            known_users: ArcSwap::default(),
            collector,
            counts: Counts::new(database),
            book: Mutex::new(Book::new(database)),
        }
    }

    /// From the next look on, sessions of these users are not foreign.
    pub fn know(&self, users: impl IntoIterator<Item = String>) {
        self.known_users.store(Arc::new(users.into_iter().collect()));
    }

    /// Looks until it is dropped.
    pub async fn keep_watch(&self, sentry: Arc<dyn Sentry>) {
        loop {
            self.take(look(sentry.clone()).await, SystemTime::now());
            // Processes that began together must not go on together.
            tokio::time::sleep(PAUSE.mul_f64(rand::random_range(0.8..1.2))).await;
        }
    }

    /// Takes in what a look came to, and tells what is new.
    pub fn take(&self, looked: Result<Look, EngineError>, at: SystemTime) {
        let notices = {
            let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
            let notices = match looked {
                Ok(look) => book.found(look, &self.known_users.load(), at),
                Err(error) => book.failed(&error, at),
            };
            self.counts.set(book.tally());
            notices
        };
        for notice in notices {
            match notice {
                Notice::Event(event) => self.collector.event(event),
                Notice::Raise(alarm) => self.collector.raise(alarm),
                Notice::Clear(id) => self.collector.clear(&id, at),
            }
        }
    }

    /// Nobody looks at this database any more: its alarms are over.
    pub fn end(&self, at: SystemTime) {
        let over = self.book.lock().unwrap_or_else(PoisonError::into_inner).end();
        over.iter().for_each(|id| self.collector.clear(id, at));
    }

    /// Appends the metrics of all of these to a page.
    pub fn write_metrics<'a>(guards: impl IntoIterator<Item = &'a Guard>, out: &mut String) {
        counts::write(guards.into_iter().map(|guard| &guard.counts), out);
    }
}

/// One look, in a task of its own: whatever becomes of it, the watch goes on.
async fn look(sentry: Arc<dyn Sentry>) -> Result<Look, EngineError> {
    let task = tokio::spawn(async move { tokio::time::timeout(PATIENCE, sentry.look(WRITE_ALARM)).await });
    let aborted = Aborted(task.abort_handle());
    let looked = task.await;
    drop(aborted);
    match looked {
        Ok(Ok(looked)) => looked,
        Ok(Err(_)) => Err(EngineError::Unavailable(format!("no answer within {PATIENCE:?}"))),
        Err(error) => Err(EngineError::Broken(format!("the look ended: {error}"))),
    }
}

/// Ends a task with whoever waits for it.
struct Aborted(tokio::task::AbortHandle);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
