//! Reading in order, and counting.

use super::tables::{self, at};
use super::{Inner, keys, rows};
use crate::engine::{EngineError, Page, Scan, ScanOf, Size};
use crate::item::{UnixMs, Value};
use crate::name::CollectionId;
use redb::ReadOnlyTable;

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
            ScanOf::Collection(collection) => (*collection, keys::collection(*collection)),
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
            if page.items.len() >= scan.items || (bytes >= scan.bytes && !page.items.is_empty()) {
                page.more = true;
                break;
            }
            let key = keys::read_item(key.value())?;
            let value = if let Value::Inline(value) = &item.value { value.len() } else { 0 };
            bytes += key.record.id.len() + key.key.len() + value;
            page.items.push((key, item));
        }
        Ok(page)
    }

    /// Counts by reading everything; what expired and was not swept yet counts.
    pub(super) fn size(&self, collection: CollectionId) -> Result<Size, EngineError> {
        self.collection(collection)?;
        let (mut size, mut last) = (Size::default(), None);
        let items = tables::read(&self.database, tables::ITEMS)?;
        let (first, behind) =
            (keys::collection(collection), keys::collection(CollectionId(collection.0.saturating_add(1))));
        for row in items.range(&first[..]..&behind[..]).map_err(|error| at("items", error))? {
            let (key, row) = row.map_err(|error| at("items", error))?;
            let (key, item) = (keys::read_item(key.value())?, rows::read_item(key.value(), row.value())?);
            size.items += 1;
            let value = if let Value::Inline(value) = &item.value { value.len() as u64 } else { 0 };
            size.bytes += (key.record.id.len() + key.key.len()) as u64 + value;
            if last.as_ref() != Some(&key.record.id) {
                size.records += 1;
                last = Some(key.record.id);
            }
        }
        Ok(size)
    }
}
