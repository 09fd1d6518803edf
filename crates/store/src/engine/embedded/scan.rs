//! Reading in order.

use super::tables::{self, at};
use super::{Inner, keys, rows};
use crate::engine::{EngineError, Page, Scan, ScanOf};
use crate::item::{Item, UnixMs, Value};
use crate::name::{CollectionId, ItemKey};
use redb::{ReadOnlyTable, ReadableTable};

impl Inner {
    pub(super) fn scan(&self, scan: &Scan) -> Result<Page, EngineError> {
        let now = self.now();
        self.scan_in(&tables::read(&self.database, tables::ITEMS)?, scan, now)
    }

    /// In the items of some moment, as they are at `now`.
    pub(super) fn scan_in(
        &self,
        items: &ReadOnlyTable<&'static [u8], &'static [u8]>,
        scan: &Scan,
        now: UnixMs,
    ) -> Result<Page, EngineError> {
        let (collection, prefix) = match &scan.of {
            ScanOf::Record { collection, record } => (*collection, keys::record(*collection, record)),
            ScanOf::Collection(collection) | ScanOf::Index { entries: collection, .. } => {
                (*collection, keys::collection(*collection))
            }
        };
        let bound = |bound| keys::bound(collection, bound);
        let behind = keys::behind(&prefix).unwrap_or_else(|| vec![0xff; 5]);
        let from = scan.from.as_ref().map_or_else(|| prefix.clone(), |from| bound(from).max(prefix.clone()));
        let to = scan.to.as_ref().map_or_else(|| behind.clone(), |to| bound(to).min(behind.clone()));
        if from >= to {
            return Ok(Page::default());
        }
        let mut rows = items.range(&from[..]..&to[..]).map_err(|error| at("items", error))?;
        let mut page = Page::default();
        let mut bytes = 0;
        while let Some(row) = if scan.reverse { rows.next_back() } else { rows.next() } {
            let (key, row) = row.map_err(|error| at("items", error))?;
            let item = rows::read_item(key.value(), row.value())?;
            if !item.lives(now) {
                continue;
            }
            let (key, item) = match &scan.of {
                ScanOf::Index { collection, .. } => match self.entered(items, *collection, &item, now)? {
                    Some(meant) => meant,
                    None => continue,
                },
                _ => (keys::read_item(key.value())?, item),
            };
            if page.items.len() >= scan.items || (bytes >= scan.bytes && !page.items.is_empty()) {
                page.more = true;
                break;
            }
            let value = if let Value::Inline(value) = &item.value { value.len() } else { 0 };
            bytes += key.record.id.len() + key.key.len() + value;
            page.items.push((key, item));
        }
        Ok(page)
    }

    /// The item that an entry of an index is of, as it is at the same moment.
    fn entered(
        &self,
        items: &impl ReadableTable<&'static [u8], &'static [u8]>,
        collection: CollectionId,
        entry: &Item,
        now: UnixMs,
    ) -> Result<Option<(ItemKey, Item)>, EngineError> {
        let Some(key) = crate::typed::item_of(collection, entry) else { return Ok(None) };
        let bytes = keys::item(&key);
        let row = items.get(&bytes[..]).map_err(|error| at("items", error))?;
        let item = row.map(|row| rows::read_item(&bytes, row.value())).transpose()?;
        Ok(item.filter(|item| item.lives(now)).map(|item| (key, item)))
    }
}
