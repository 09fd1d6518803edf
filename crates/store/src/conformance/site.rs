//! Where a check runs: a place, the engine that is open on it, and the short ways to use them.

use super::Options;
use super::bench::{Bench, Place};
use super::guarantee::Guarantee;
use super::make::{item_key, text};
use super::problem::{Checked, Problem, short};
use crate::commit::{Commit, Outcome, RecordChange, Refusal, Token};
use crate::decide::Change;
use crate::engine::memory::Memory;
use crate::engine::{Collection, Cursor, Engine, Page, Scan, ScanOf};
use crate::item::{Item, UnixMs, Version};
use crate::name::{CollectionId, CollectionName, Name};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What checks take as one unit of time where the clock can be turned: so long that real time does not matter beside it.
const TURNED_UNIT: Duration = Duration::from_secs(3600);

/// The same where they have to wait for it: short enough to wait, long enough for a few operations on a busy machine.
const WAITED_UNIT: Duration = Duration::from_millis(1500);

/// How often a clock that is waited for is looked at.
const CLOCK_LOOK: Duration = Duration::from_millis(20);

/// How long changes of collections are kept, in units; long beside what a check needs.
const RETENTION_UNITS: u32 = 100;

/// A page that holds everything a check writes.
pub(super) const WHOLE: usize = 1 << 30;

/// Where a check runs.
pub(super) struct Site {
    pub bench: Arc<dyn Bench>,
    pub place: Arc<dyn Place>,
    pub engine: Arc<dyn Engine>,
    /// Declared, and watched.
    pub collection: CollectionId,
    pub options: Options,
    pub counts_sizes: bool,
    /// Whether the clock can be turned.
    pub turned: bool,
    nonce: AtomicU64,
}

impl Site {
    /// A new place, with an engine open on it and one collection declared.
    pub async fn open(bench: Arc<dyn Bench>, options: Options) -> Checked<Site> {
        let place: Arc<dyn Place> = Arc::from(bench.place().await?);
        let engine = place.open().await?;
        let turned = place.advance(Duration::ZERO);
        let counts_sizes = bench.counts_sizes();
        let nonce = AtomicU64::new(1);
        let collection = CollectionId(0);
        let mut site = Site { bench, place, engine, collection, options, counts_sizes, turned, nonce };
        site.collection = site.declare("main", site.units(RETENTION_UNITS)).await?;
        Ok(site)
    }

    /// The same place and engine, for another thread of the same check. Its tokens are others.
    pub fn another(&self) -> Site {
        Site {
            bench: self.bench.clone(),
            place: self.place.clone(),
            engine: self.engine.clone(),
            collection: self.collection,
            options: self.options.clone(),
            counts_sizes: self.counts_sizes,
            turned: self.turned,
            nonce: AtomicU64::new(self.nonce.fetch_add(1 << 32, Ordering::Relaxed)),
        }
    }

    /// Closes the engine and opens it again on the same place.
    pub async fn reopen(&mut self) -> Checked {
        self.close();
        self.engine = self.place.open().await?;
        Ok(())
    }

    /// Drops the engine. An empty one in memory takes its seat until the next is open.
    pub fn close(&mut self) {
        self.engine = Arc::new(Memory::new());
    }

    /// Whether the engine claims it.
    pub fn gives(&self, guarantee: Guarantee) -> bool {
        guarantee.is_claimed(&self.engine.guarantees())
    }

    /// Goes on only where the engine claims it.
    pub fn needs(&self, guarantee: Guarantee) -> Checked {
        if self.gives(guarantee) {
            return Ok(());
        }
        Err(Problem::NotTried(format!("the engine does not claim: {}", guarantee.name())))
    }

    /// A collection of this name.
    pub async fn declare(&self, name: &str, retention: Duration) -> Checked<CollectionId> {
        Ok(self.engine.declare(Collection { name: collection_name(name)?, retention, layout: 0 }).await?)
    }

    /// So many units of the suite's time.
    pub fn units(&self, units: u32) -> Duration {
        if self.turned { TURNED_UNIT * units } else { WAITED_UNIT * units }
    }

    /// Lets so many units pass by the engine's clock, and a little more, so that what ends after them has ended.
    pub async fn pass(&self, units: u32) -> Checked {
        if self.place.advance(self.units(units) + CLOCK_LOOK) {
            return Ok(());
        }
        let until = self.engine.clock().await?.after(self.units(units) + CLOCK_LOOK);
        while self.engine.clock().await? < until {
            tokio::time::sleep(CLOCK_LOOK).await;
        }
        Ok(())
    }

    /// Gives up where it is `until` already by the engine's clock: what was seen as gone may have been so by right.
    pub async fn still_before(&self, until: Option<UnixMs>) -> Checked {
        let now = self.engine.clock().await?;
        if until.is_none_or(|until| now < until) {
            return Ok(());
        }
        Err(Problem::NotTried("the machine was too slow for a time that has to be waited for".into()))
    }

    /// A token that was never used here.
    pub async fn token(&self) -> Checked<Token> {
        Ok(self.token_of(self.engine.clock().await?))
    }

    /// The same, made at `time`.
    pub fn token_of(&self, time: UnixMs) -> Token {
        let count = self.nonce.fetch_add(1, Ordering::Relaxed);
        Token { time, nonce: u128::from(self.options.seed) << 64 | u128::from(count) }
    }

    /// Commits the changes with a token of their own.
    pub async fn commit(&self, changes: Vec<RecordChange>) -> Checked<Outcome> {
        let token = Some(self.token().await?);
        self.one(Commit::of(self.collection, token, changes)).await
    }

    /// One commit in a batch of its own.
    pub async fn one(&self, commit: Commit) -> Checked<Outcome> {
        let outcomes = self.engine.commit(vec![commit]).await?;
        match <[Outcome; 1]>::try_from(outcomes) {
            Ok([outcome]) => Ok(outcome),
            Err(outcomes) => {
                Err(Problem::Wrong(format!("one commit was answered with {} outcomes", outcomes.len())))
            }
        }
    }

    /// Commits what nothing forbids; its version.
    pub async fn done(&self, changes: Vec<RecordChange>) -> Checked<Version> {
        version_of(&self.commit(changes).await?)
    }

    /// Commits what must be refused; why it was.
    pub async fn refused(&self, changes: Vec<RecordChange>) -> Checked<Refusal> {
        match self.commit(changes).await? {
            Outcome::Refused(refusal) => Ok(refusal),
            done => Err(Problem::Wrong(format!("expected a refusal, found {}", short(&done)))),
        }
    }

    /// An item of the collection.
    pub async fn read(&self, record: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Checked<Option<Item>> {
        let mut items = self.engine.read(vec![item_key(self.collection, record, key)]).await?;
        match (items.len(), items.pop()) {
            (1, Some(item)) => Ok(item),
            (count, _) => Err(Problem::Wrong(format!("one key was answered with {count} items"))),
        }
    }

    /// What an item of the collection holds.
    pub async fn text(&self, record: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Checked<Option<String>> {
        Ok(self.read(record, key).await?.as_ref().map(text))
    }

    /// Everything in a record, by scan.
    pub async fn scan_record(&self, record: impl AsRef<[u8]>) -> Checked<Page> {
        let record = super::make::bytes(record);
        Ok(self.engine.scan(whole(ScanOf::Record { collection: self.collection, record })).await?)
    }

    /// Where the log ends.
    pub async fn end_of_changes(&self) -> Checked<Cursor> {
        Ok(self.engine.end_of_changes(self.collection).await?)
    }

    /// Follows the collection's changes until there are `count` of them, page by page; and where they end.
    pub async fn follow(&self, from: Cursor, count: usize, page: usize) -> Checked<(Vec<Change>, Cursor)> {
        let mut found = Vec::new();
        let mut from = from;
        let mut since = tokio::time::Instant::now();
        loop {
            let changes = self.engine.changes(self.collection, from, page).await?;
            let more = !changes.changes.is_empty();
            if changes.changes.len() > page {
                return Err(Problem::Wrong(format!(
                    "{} changes, at most {page} asked for",
                    changes.changes.len()
                )));
            }
            if changes.next < from {
                return Err(Problem::Wrong(format!(
                    "the feed goes on at {:?}, before {from:?}",
                    changes.next
                )));
            }
            found.extend(changes.changes);
            from = changes.next;
            if more {
                since = tokio::time::Instant::now();
            }
            // Once more after the last one that is expected: one too many is as wrong as one too few.
            if !more && (found.len() >= count || since.elapsed() > self.options.patience) {
                return Ok((found, from));
            }
            if !more {
                tokio::time::sleep(CLOCK_LOOK).await;
            }
        }
    }
}

/// A scan of all of it.
pub(super) fn whole(of: ScanOf) -> Scan {
    Scan { of, from: None, to: None, reverse: false, items: WHOLE, bytes: WHOLE }
}

/// The version of what was done now.
pub(super) fn version_of(outcome: &Outcome) -> Checked<Version> {
    match outcome {
        Outcome::Done { version, replayed: false } => Ok(*version),
        other => Err(Problem::Wrong(format!("expected it to be done now, found {}", short(other)))),
    }
}

/// A collection of the suite's namespace.
pub(super) fn collection_name(name: &str) -> Checked<CollectionName> {
    let label = |name: &str| Name::new(name).map_err(|error| Problem::Wrong(error.to_string()));
    Ok(CollectionName { namespace: label("conformance")?, collection: label(name)? })
}
