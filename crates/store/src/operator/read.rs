//! Reading for an operator, of one moment.

use super::order::CollectionSize;
use super::{CopyOrder, Described, Operator, RangeOrder, ReadOrder, Refusal, Resume, Wire, WireError};
use crate::backup::{BackupError, CollectionHead, Filter, Head, Kind, Range, Walk, encode_rows};
use crate::engine::{Bound, Collection, SharedSnapshot, Size};
use crate::name::CollectionId;
use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// For how long a snapshot is held that nobody reads: the engine keeps what was replaced since.
const HOLD: Duration = Duration::from_secs(600);
/// Most snapshots that are held; the one that was not read for the longest time goes first.
const MOST_HELD: usize = 4;

/// A snapshot that somebody may come back to.
pub(super) struct Held {
    snapshot: SharedSnapshot,
    used: Instant,
}

impl Operator {
    pub(super) async fn describe(&self, wire: &mut Wire) -> Result<(), WireError> {
        let engine = self.owner.engine();
        let mut collections = Vec::new();
        for (id, of) in engine.collections().await?.into_iter().filter(|(_, of)| !is_own(of)) {
            let (of, Size { records, items, bytes }) = (CollectionHead::of(id, &of), engine.size(id).await?);
            collections.push(CollectionSize { of, records, items, bytes });
        }
        let described = Described {
            engine: engine.name().to_owned(),
            now_unix_ms: engine.clock().await?.0,
            version: engine.last_version().await?.0,
            collections,
        };
        wire.send_json(Kind::Json, &described).await
    }

    /// Sends everything. The snapshot is held until the other end has it all.
    pub(super) async fn copy(&self, wire: &mut Wire, order: CopyOrder) -> Result<(), WireError> {
        let (snapshot, name) = match &order.resume {
            None => (self.owner.engine().snapshot().await?, format!("{:032x}", rand::random::<u128>())),
            Some(resume) => match self.again(resume).await? {
                Some(snapshot) => (snapshot, resume.snapshot.clone()),
                None => {
                    let text = format!(
                        "the moment is no longer held: the store was started again, or more than {} minutes have passed, and something was written since",
                        HOLD.as_secs() / 60
                    );
                    return wire.refuse(&Refusal { anew: true, text }).await;
                }
            },
        };
        self.hold(&name, &snapshot);
        self.send_head(wire, &snapshot, &name).await?;
        let after = order.resume.as_ref().and_then(|resume| resume.after.as_ref());
        let mut walk = Walk::all(snapshot.clone(), after)?;
        loop {
            let rows = match walk.next().await {
                Ok(rows) => rows,
                Err(error) => {
                    // A moment that cannot be read is no longer held: its session died with the server.
                    self.held().remove(&name);
                    let text = format!("the moment cannot be read any more: {error}");
                    return wire.refuse(&Refusal { anew: true, text }).await;
                }
            };
            if rows.is_empty() {
                break;
            }
            wire.send(Kind::Part, &encode_rows(&rows)).await?;
            self.hold(&name, &snapshot);
        }
        wire.send(Kind::End, b"").await?;
        // Who is gone without a word may come back for what was on its way.
        if wire.receive().await.is_ok() {
            self.held().remove(&name);
        }
        Ok(())
    }

    pub(super) async fn read(&self, wire: &mut Wire, order: ReadOrder) -> Result<(), WireError> {
        let snapshot = self.owner.engine().snapshot().await?;
        self.send_head(wire, &snapshot, "").await?;
        let mut walk = Walk::new(snapshot.clone(), filter(&order, &snapshot)?, None)?;
        loop {
            let rows = walk.next().await?;
            if rows.is_empty() {
                return wire.send(Kind::End, b"").await;
            }
            wire.send(Kind::Part, &encode_rows(&rows)).await?;
        }
    }

    async fn send_head(
        &self,
        wire: &mut Wire,
        snapshot: &SharedSnapshot,
        name: &str,
    ) -> Result<(), WireError> {
        let engine = self.owner.engine().name();
        let head = Head::of(snapshot.moment(), engine, &self.project, rand::random(), name);
        wire.send_json(Kind::Head, &head).await
    }

    /// The snapshot that was read before, or one that shows the same.
    async fn again(&self, resume: &Resume) -> Result<Option<SharedSnapshot>, WireError> {
        let held = self.held().get(&resume.snapshot).map(|held| held.snapshot.clone());
        if held.is_some() {
            return Ok(held);
        }
        let now = self.owner.engine().snapshot().await?;
        let same = resume.state.is_some() && now.moment().state == resume.state;
        Ok(same.then_some(now))
    }

    /// Holds a snapshot from now on for a while, and lets go of those that were left.
    fn hold(&self, name: &str, snapshot: &SharedSnapshot) {
        let mut held = self.held();
        let now = Instant::now();
        let new = held.insert(name.to_owned(), Held { snapshot: snapshot.clone(), used: now }).is_none();
        while held.len() > MOST_HELD {
            let oldest = held.iter().min_by_key(|(_, held)| held.used).map(|(name, _)| name.clone());
            if let Some(name) = oldest {
                held.remove(&name);
            }
        }
        drop(held);
        if new {
            let (operator, name) = (self.clone(), name.to_owned());
            tokio::spawn(async move { operator.let_go(&name).await });
        }
    }

    /// Waits until nobody has read it for long enough.
    async fn let_go(&self, name: &str) {
        loop {
            let used = self.held().get(name).map(|held| held.used);
            let Some(used) = used else { return };
            if used.elapsed() >= HOLD {
                self.held().remove(name);
                return;
            }
            tokio::time::sleep_until(used + HOLD).await;
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn filter(order: &ReadOrder, snapshot: &SharedSnapshot) -> Result<Filter, BackupError> {
    let known = &snapshot.moment().collections;
    let mut ranges = match &order.ranges {
        None => known
            .iter()
            .filter(|(_, of)| !is_own(of))
            .map(|(collection, _)| Range { collection: *collection, from: None, to: None })
            .collect(),
        Some(asked) => asked.iter().map(|range| of(range, known)).collect::<Result<Vec<_>, _>>()?,
    };
    ranges.sort_by(|a: &Range, b| (a.collection, &a.from).cmp(&(b.collection, &b.from)));
    Ok(Filter { ranges, tokens: false, limit: order.limit })
}

fn of(range: &RangeOrder, known: &[(CollectionId, Collection)]) -> Result<Range, BackupError> {
    let wanted = format!("{}/{}", range.namespace, range.collection);
    let found = known.iter().find(|(_, of)| of.name.to_string() == wanted);
    let (collection, _) = found.ok_or_else(|| {
        let names: Vec<String> = known.iter().map(|(_, of)| of.name.to_string()).collect();
        BackupError::Refused(format!("there is no collection {wanted}; there are: {}", names.join(", ")))
    })?;
    let bound = |bound: &Option<(Vec<u8>, Vec<u8>)>| {
        bound.clone().map(|(record, key)| Bound { record: record.into(), key: key.into() })
    };
    Ok(Range { collection: *collection, from: bound(&range.from), to: bound(&range.to) })
}

/// Whether it is the store's own: entries of indexes and what is noted of them. In a backup they are as all others.
fn is_own(collection: &Collection) -> bool {
    collection.name.collection.as_str().contains('.')
}
