//! How much there is of each collection: kept beside the items, and changed in the same step, so that nobody has to count.

use super::rows;
use super::tables::{self, Rows, Tables, at};
use super::writer::put;
use super::{Inner, keys};
use crate::engine::{EngineError, Size};
use crate::item::Item;
use crate::name::{CollectionId, ItemKey};
use redb::ReadableTable;
use std::collections::BTreeMap;

/// That sizes are kept: folders of before they were have none.
const KEPT: &[u8] = b"sized";

fn key(of: CollectionId) -> Vec<u8> {
    [b"size/", &of.0.to_be_bytes()[..]].concat()
}

/// Bytes of an item's keys and value, chunks included.
fn weight(key: &ItemKey, item: &Item) -> i64 {
    let value = i64::try_from(item.value.size()).unwrap_or(i64::MAX);
    ((key.record.id.len() + key.key.len()) as i64).saturating_add(value)
}

/// What one step changes.
#[derive(Default)]
pub(super) struct Growth(BTreeMap<CollectionId, Delta>);

#[derive(Clone, Copy, Default)]
struct Delta {
    records: i64,
    items: i64,
    bytes: i64,
}

impl Growth {
    /// An item was replaced, put where there was none, or removed, and its table says so already.
    pub(super) fn changed(
        &mut self,
        items: &Rows<'_>,
        key: &ItemKey,
        before: Option<&Item>,
        now: Option<&Item>,
    ) -> Result<(), EngineError> {
        let delta = self.0.entry(key.record.collection).or_default();
        let one = |item: Option<&Item>| i64::from(item.is_some());
        let bytes = |item: Option<&Item>| item.map_or(0, |item| weight(key, item));
        let items_more = one(now) - one(before);
        delta.items += items_more;
        delta.bytes += bytes(now) - bytes(before);
        // A record comes with its first item and goes with its last.
        if items_more != 0 && !has_others(items, key)? {
            delta.records += items_more;
        }
        Ok(())
    }

    /// Puts the new sizes beside the items.
    pub(super) fn enter(self, tables: &mut Tables<'_>) -> Result<(), EngineError> {
        for (id, delta) in self.0 {
            let key = key(id);
            let before = tables.meta.get(&key[..]).map_err(|error| at("meta", error))?;
            let before =
                before.map(|row| rows::read_size(&key, row.value())).transpose()?.unwrap_or_default();
            let now = Size {
                records: before.records.saturating_add_signed(delta.records),
                items: before.items.saturating_add_signed(delta.items),
                bytes: before.bytes.saturating_add_signed(delta.bytes),
            };
            put(&mut tables.meta, &key, &rows::size(&key, &now))?;
        }
        Ok(())
    }
}

/// Whether a record has another item than this one.
fn has_others(items: &Rows<'_>, key: &ItemKey) -> Result<bool, EngineError> {
    let own = keys::item(key);
    let first = keys::record(key.record.collection, &key.record.id);
    let behind = keys::behind(&first).unwrap_or_else(|| vec![0xff; 5]);
    for row in items.range(&first[..]..&behind[..]).map_err(|error| at("items", error))?.take(2) {
        if row.map_err(|error| at("items", error))?.0.value() != own {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes sure that sizes are kept. In a folder of before they were, everything is read for it, once.
pub(super) fn keep(tables: &mut Tables<'_>) -> Result<(), EngineError> {
    if tables.meta.get(KEPT).map_err(|error| at("meta", error))?.is_some() {
        return Ok(());
    }
    recount(tables)?;
    put(&mut tables.meta, KEPT, &rows::number(KEPT, 1))
}

/// Counts everything anew, as whoever changed items past [`Growth`] has to.
pub(super) fn recount(tables: &mut Tables<'_>) -> Result<(), EngineError> {
    let mut sizes: BTreeMap<CollectionId, Size> = BTreeMap::new();
    for row in tables.collections.iter().map_err(|error| at("collections", error))? {
        let (name, row) = row.map_err(|error| at("collections", error))?;
        sizes.insert(rows::read_collection(name.value(), row.value())?.0, Size::default());
    }
    let mut last = None;
    for row in tables.items.iter().map_err(|error| at("items", error))? {
        let (key, row) = row.map_err(|error| at("items", error))?;
        let item = rows::read_item(key.value(), row.value())?;
        let key = keys::read_item(key.value())?;
        let size = sizes.entry(key.record.collection).or_default();
        size.items += 1;
        size.bytes = size.bytes.saturating_add_signed(weight(&key, &item));
        if last.as_ref() != Some(&key.record) {
            size.records += 1;
            last = Some(key.record);
        }
    }
    for (id, size) in sizes {
        let key = key(id);
        put(&mut tables.meta, &key, &rows::size(&key, &size))?;
    }
    Ok(())
}

impl Inner {
    /// What is kept of it; what expired and was not swept yet counts.
    pub(super) fn size(&self, collection: CollectionId) -> Result<Size, EngineError> {
        self.collection(collection)?;
        let key = key(collection);
        let meta = tables::read(&self.database, tables::META)?;
        let row = meta.get(&key[..]).map_err(|error| at("meta", error))?;
        Ok(row.map(|row| rows::read_size(&key, row.value())).transpose()?.unwrap_or_default())
    }
}
