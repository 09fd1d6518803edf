//! Items in memory, in groups by record.

use super::record;
use crate::commit::Commit;
use crate::item::{Item, UnixMs, Value};
use crate::name::{ItemKey, RecordKey};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tenet_cache::near::{Fill, Near, Weight, Writing};

/// Items as they were read; what is not there is kept, too.
pub(super) type NearItems = Near<ItemKey, Kept>;

/// What keeping an item takes beside its bytes: keys, counters and the table's slot.
const OVERHEAD: u64 = 200;

/// An item, or that there is none.
#[derive(Clone)]
pub(super) struct Kept {
    item: Option<Arc<Item>>,
    bytes: u64,
    /// Before the read of the engine that found it began: it is at most as old as this.
    asked: Instant,
}

impl Kept {
    /// The item as it is now.
    pub(super) fn item(&self, now: Option<UnixMs>) -> Option<Item> {
        let item = self.item.as_deref()?;
        let lives = now.is_none_or(|now| item.lives(now));
        lives.then(|| item.clone())
    }
}

impl Weight for Kept {
    fn weight(&self) -> u64 {
        self.bytes
    }
}

/// The oldest that values of one record may be that were kept where others may write, too. None: they were read at different times, and may
/// never have been there together.
pub(super) fn age(kept: &[Kept]) -> Option<Duration> {
    let first = kept.first()?.asked;
    kept.iter().all(|kept| kept.asked == first).then(|| first.elapsed())
}

/// An empty cache of so many bytes.
pub(super) fn new(bytes: u64) -> NearItems {
    Near::new(bytes, usize::try_from(bytes / (2 * OVERHEAD)).unwrap_or(usize::MAX))
}

/// Which group a record's items are.
pub(super) fn group(of: &RecordKey) -> u64 {
    record::number(of.collection, &of.id)
}

/// Keeps what was read; what expires only where there is a `clock` to look at when it is served.
pub(super) fn keep(
    near: &NearItems,
    (fill, asked): (Fill, Instant),
    keys: Vec<ItemKey>,
    items: &[Option<Item>],
    clock: bool,
) {
    for (key, item) in keys.into_iter().zip(items) {
        if item.as_ref().is_some_and(|item| item.expires.is_some() && !clock) {
            continue;
        }
        let value = match item.as_ref().map(|item| &item.value) {
            Some(Value::Inline(bytes)) => bytes.len(),
            _ => 0,
        };
        let bytes = (key.record.id.len() + key.key.len() + value) as u64 + OVERHEAD;
        near.fill(fill, key, Kept { item: item.clone().map(Arc::new), bytes, asked });
    }
}

/// Before a batch is written: nothing of its records is served or kept until the guards are dropped.
pub(super) fn begin_write<'a>(near: &'a NearItems, batch: &[Commit]) -> Vec<Writing<'a>> {
    let mut writing = Vec::new();
    for commit in batch {
        for change in &commit.changes {
            let record = RecordKey { collection: commit.collection, id: change.record.clone() };
            let keys: Vec<ItemKey> = change
                .writes
                .iter()
                .map(|write| ItemKey { record: record.clone(), key: write.key.clone() })
                .collect();
            writing.push(near.begin_write(group(&record), &keys));
        }
    }
    writing
}
