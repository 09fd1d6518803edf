//! A copy in memory of a collection, for questions that concern many at once: whom somebody follows, who wrote what, which posts match.
//!
//! ```text
//!   store ──scan, then watch──▶ rows by key ──▶ timelines, search, graph
//!     ▲                            ▲    └─────▶ news, for those who watch a timeline
//!     └── own write ───────────────┘ at once
//! ```
//!
//! What this process writes is in it at once, what others write some milliseconds later. So it is never asked whether something may be
//! written; that is decided in the store. Nothing is deleted from these collections: what is removed is written over with a row that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tenet_client::store::{Collection, Kept, Range, StoreError, StoreErrorKind};
use tenet_service::Fault;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tonic::Status;

/// Rows in memory; beyond it the oldest are forgotten here, not in the store. A hundred thousand posts are some 50 MB.
const MAX_ROWS: usize = 100_000;

/// News that somebody who watches may be behind by.
const MAX_NEWS: usize = 4096;

/// How long a question waits for the first scan to end: a process that has just begun is asked at once, and a store with little in it is
/// read in less.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause before all is read anew where the store could not be read. The SDK has tried several times before.
const PAUSE: Duration = Duration::from_millis(500);

/// A collection in memory. It follows the store until it is dropped.
pub(crate) struct Replica<T> {
    rows: Arc<Rows<T>>,
    filled: watch::Receiver<bool>,
    following: JoinHandle<()>,
}

/// What there is.
pub(crate) struct Rows<T> {
    state: RwLock<State<T>>,
    news: broadcast::Sender<Arc<T>>,
    key: fn(&T) -> Option<String>,
}

struct State<T> {
    by_key: BTreeMap<String, Row<T>>,
    by_age: BTreeSet<(SystemTime, String)>,
}

struct Row<T> {
    value: Arc<T>,
    /// That of the store: it grows with every change.
    version: u64,
    updated: SystemTime,
}

impl<T: prost::Message + Default + 'static> Replica<T> {
    /// Begins to follow `collection`, by a key of each message; those without one are left out.
    pub(crate) fn of(collection: &Collection<T>, key: fn(&T) -> Option<String>) -> Replica<T> {
        let rows = Arc::new(Rows::new(key));
        let (says, filled) = watch::channel(false);
        let following = tokio::spawn(follow(collection.clone(), rows.clone(), says));
        Replica { rows, filled, following }
    }

    /// The rows, once all of the collection was read.
    ///
    /// # Errors
    /// UNAVAILABLE where that takes too long.
    pub(crate) async fn rows(&self) -> Result<&Rows<T>, Status> {
        if !*self.filled.borrow() {
            let mut filled = self.filled.clone();
            let read = tokio::time::timeout(PATIENCE, filled.wait_for(|filled| *filled)).await;
            if !matches!(read, Ok(Ok(_))) {
                let fault = Fault::unavailable("What is stored is still being read.").retry_after(PATIENCE);
                return Err(fault.into());
            }
        }
        Ok(&self.rows)
    }
}

impl<T> Replica<T> {
    /// Notes what this process has written, as the store has taken it.
    pub(crate) fn wrote(&self, value: T, version: u64) {
        self.rows.note(value, version, SystemTime::now());
    }
}

impl<T> Drop for Replica<T> {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl<T> Rows<T> {
    fn new(key: fn(&T) -> Option<String>) -> Rows<T> {
        let state = RwLock::new(State { by_key: BTreeMap::new(), by_age: BTreeSet::new() });
        Rows { state, news: broadcast::Sender::new(MAX_NEWS), key }
    }

    /// The row with this key.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<T>> {
        self.read(|state| state.by_key.get(key).map(|row| row.value.clone()))
    }

    /// All rows whose key begins with `prefix`, in the order of keys.
    pub(crate) fn beginning(&self, prefix: &str) -> Vec<Arc<T>> {
        self.read(|state| {
            let from = state.by_key.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
            let found = from.take_while(|(key, _)| key.starts_with(prefix));
            found.map(|(_, row)| row.value.clone()).collect()
        })
    }

    /// All rows that are wanted, in the order of keys.
    pub(crate) fn filter(&self, wanted: impl Fn(&T) -> bool) -> Vec<Arc<T>> {
        self.read(|state| {
            let values = state.by_key.values().map(|row| &row.value);
            values.filter(|value| wanted(value)).cloned().collect()
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.read(|state| state.by_key.len())
    }

    /// What is written from now on, here and elsewhere.
    pub(crate) fn news(&self) -> broadcast::Receiver<Arc<T>> {
        self.news.subscribe()
    }

    /// Takes a message that is newer than the one there is: a write of this process comes a second time from the store.
    fn note(&self, value: T, version: u64, updated: SystemTime) {
        let Some(key) = (self.key)(&value) else { return };
        let value = Arc::new(value);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if let Some(row) = state.by_key.get(&key) {
            if row.version >= version {
                return;
            }
            state.by_age.remove(&(row.updated, key.clone()));
        }
        state.by_age.insert((updated, key.clone()));
        state.by_key.insert(key, Row { value: value.clone(), version, updated });
        if state.by_key.len() > MAX_ROWS
            && let Some((_, oldest)) = state.by_age.pop_first()
        {
            state.by_key.remove(&oldest);
        }
        // Under the lock, so that news of one key come in order. Nobody may be watching.
        drop(self.news.send(value));
    }

    fn read<R>(&self, look: impl FnOnce(&State<T>) -> R) -> R {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads all, then what changes, for ever. What was read stays while the store is away.
async fn follow<T: prost::Message + Default + 'static>(
    of: Collection<T>,
    rows: Arc<Rows<T>>,
    filled: watch::Sender<bool>,
) {
    loop {
        if let Err(error) = read_and_watch(&of, &rows, &filled).await {
            tracing::warn!(%error, "what is stored is read anew");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn read_and_watch<T: prost::Message + Default + 'static>(
    of: &Collection<T>,
    rows: &Rows<T>,
    filled: &watch::Sender<bool>,
) -> Result<(), StoreError> {
    let mut scan = of.scan(Range::all());
    while let Some(kept) = scan.next().await {
        take(kept.map(Some), rows)?;
    }
    filled.send_replace(true);
    let mut watch = of.watch(scan.watch_from()).await?;
    while let Some(changed) = watch.next().await {
        take(changed.map(|changed| changed.value), rows)?;
    }
    Ok(())
}

/// One message that cannot be read does not keep the others from being read.
fn take<T>(kept: Result<Option<Kept<T>>, StoreError>, rows: &Rows<T>) -> Result<(), StoreError> {
    match kept {
        Ok(Some(Kept { value, version, updated, .. })) => rows.note(value, version, updated),
        Ok(None) => {}
        Err(error) if matches!(error.kind(), StoreErrorKind::Damaged) => {
            tracing::error!(%error, "a message is left out");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows<(String, u32)> {
        Rows::new(|(key, _)| (!key.is_empty()).then(|| key.clone()))
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_newest_counts_whatever_comes_last_and_is_told_once() {
        let rows = rows();
        let mut news = rows.news();
        for (key, value, version) in
            [("a/1", 1, 5), ("a/1", 0, 4), ("a/1", 1, 5), ("b/1", 7, 1), ("a/1", 2, 6)]
        {
            rows.note((key.to_owned(), value), version, at(version));
        }
        rows.note((String::new(), 9), 9, at(9));
        assert_eq!(rows.get("a/1").unwrap().1, 2);
        let told: Vec<u32> = std::iter::from_fn(|| news.try_recv().ok()).map(|row| row.1).collect();
        assert_eq!(told, [1, 7, 2]);
        assert_eq!(rows.beginning("a/").len(), 1);
        assert_eq!(rows.filter(|row| row.1 > 1).len(), 2);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let rows = rows();
        for number in 0..MAX_ROWS as u64 + 10 {
            // Every second one is of long ago.
            let updated = at(if number.is_multiple_of(2) { number } else { 1_000_000 });
            rows.note((format!("{number:06}"), 0), 1, updated);
        }
        assert_eq!(rows.len(), MAX_ROWS);
        let left = rows.beginning("0000").len();
        assert_eq!(left, 90, "of the first hundred ten are the oldest of all");
        assert!(rows.get("000019").is_some() && rows.get("000018").is_none());
    }
}
