//! Indexes: their entries follow their items in every engine, in the same step.

mod message;
mod property;
mod tables;

use super::check::Check;
use super::make::{bytes, item_key};
use super::pages::{Asked, pages};
use super::problem::Checked;
use super::site::{Site, collection_name};
use crate::commit::{Action, Commit, Outcome, RecordChange, Token, Write};
use crate::engine::{Collection, ScanOf};
use crate::item::{Item, Value};
use crate::name::{CollectionId, ItemKey};
use crate::typed::{IndexRows, Typed, layout, rows_name};
use message::Thing;
use std::sync::Arc;
use std::time::Duration;

/// All checks of indexes.
pub(super) fn checks() -> Vec<Check> {
    [tables::checks(), property::checks()].concat()
}

/// The index that is not unique, and the one that is, by their places in the schema.
const BY_COLOUR: usize = 0;
const BY_TAG: usize = 1;

/// A typed collection of its own.
#[derive(Clone)]
struct Things {
    id: CollectionId,
    typed: Arc<Typed>,
}

impl Things {
    /// Declares it and its indexes.
    async fn declare(site: &Site, name: &str) -> Checked<Things> {
        let schema = Arc::new(message::schema()?);
        let name = collection_name(name)?;
        let mut indexes = Vec::new();
        let names: Vec<_> = schema.indexes.iter().map(|index| rows_name(&name, index, 0)).collect();
        for (index, name) in schema.indexes.iter().zip(&names) {
            let rows = Collection { name: name.clone(), retention: Duration::ZERO, layout: 0 };
            let collection = site.engine.declare(rows).await?;
            indexes.push(IndexRows { name: index.name.clone(), collection, unique: index.unique });
        }
        let layout = layout(&names);
        let collection = Collection { name, retention: site.units(100), layout };
        let id = site.engine.declare(collection).await?;
        Ok(Things { id, typed: Arc::new(Typed { schema, indexes, layout, states: None }) })
    }

    fn commit(&self, token: Option<Token>, changes: Vec<RecordChange>) -> Commit {
        Commit { collection: self.id, token, fence: None, typed: Some(self.typed.clone()), changes }
    }

    /// Commits puts of these, each in its place, as one commit.
    async fn put(&self, site: &Site, things: &[Thing]) -> Checked<Outcome> {
        let changes = things.iter().map(Thing::put).collect();
        site.one(self.commit(None, changes)).await
    }

    async fn remove(&self, site: &Site, id: &str, part: &str) -> Checked<Outcome> {
        let write = Write { key: message::key(part), action: Action::Delete, ttl: None };
        site.one(self.commit(None, vec![change(id, vec![write])])).await
    }

    fn by(&self, index: usize) -> ScanOf {
        let entries = self.typed.indexes.get(index).map_or(CollectionId(0), |rows| rows.collection);
        ScanOf::Index { entries, collection: self.id }
    }

    /// What an index has, in its order, read in pages of two.
    async fn found(&self, site: &Site, index: usize, reverse: bool) -> Checked<Vec<(ItemKey, Item)>> {
        let mut found = Vec::new();
        let mut asked = crate::engine::Scan {
            of: self.by(index),
            from: None,
            to: None,
            reverse,
            items: 2,
            bytes: 1 << 20,
        };
        loop {
            let page = site.engine.scan(asked.clone()).await?;
            let more = page.more;
            found.extend(page.items);
            let Some((key, item)) = found.last().filter(|_| more) else { return Ok(found) };
            let entries = self.typed.entries(key, &item.value).unwrap_or_default();
            let Some(entry) = entries.into_iter().nth(index) else { return Ok(found) };
            let (record, key) = (entry.record.id, entry.key);
            if reverse {
                asked.to = Some(crate::engine::Bound { record, key });
            } else {
                let key = crate::name::next(&key).into();
                asked.from = Some(crate::engine::Bound { record, key });
            }
        }
    }

    /// The names of what an index has, as `id/part`.
    async fn names(&self, site: &Site, index: usize) -> Checked<Vec<String>> {
        let found = self.found(site, index, false).await?;
        Ok(found
            .iter()
            .map(|(_, item)| Thing::of(item).map_or_else(|| "?".into(), |thing| thing.name()))
            .collect())
    }

    /// Rows of all indexes, dead ones too where nobody has removed them: by what the engine counts.
    async fn rows(&self, site: &Site) -> Checked<u64> {
        let mut rows = 0;
        for index in &self.typed.indexes {
            rows += site.engine.size(index.collection).await?.items;
        }
        Ok(rows)
    }

    /// The entries of an index as rows.
    async fn entries(&self, site: &Site, index: usize) -> Checked<Vec<(ItemKey, Item)>> {
        let of = self.typed.indexes.get(index).map_or(CollectionId(0), |rows| rows.collection);
        let of = ScanOf::Collection(of);
        pages(&*site.engine, &Asked { of, from: None, to: None, reverse: false, items: 1000, bytes: 1 << 20 })
            .await
    }
}

/// Writes to one record.
fn change(id: &str, writes: Vec<Write>) -> RecordChange {
    RecordChange { record: message::key(id), conditions: Vec::new(), writes }
}

/// An item of a collection of things.
fn place(things: &Things, id: &str, part: &str) -> ItemKey {
    item_key(things.id, message::key(id), message::key(part))
}

/// A value that is no message.
fn junk() -> Value {
    Value::Inline(bytes([0xff; 3]))
}
