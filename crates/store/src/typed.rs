//! Typed collections: items that are messages of a schema, and what is kept of them in indexes.
//!
//! ```text
//!   collection "users"                    hidden collection "users.by-handle.<fingerprint>", one for each index
//!     record, item ─▶ message ──entries──▶  record = the values' key, item = address   → address
//!                                           record = the values' key, item = ""        → address      (unique: one at most)
//!                                         "users.by-handle.<fingerprint>.<n>", where it came back n times while what it had was being removed
//! ```
//!
//! Entries are rows of the engine as any: written and removed in the step that changes their item ([`crate::decide`]), gone at the same time as it. So
//! whatever an engine promises of commits that change several records, it promises of indexes.
//!
//! Whoever writes must know all indexes there are. Which they are is the *layout* of a collection: the engine refuses a commit that was made
//! with another one, and only after a layout is in force the items of before are entered ([`crate::service::StoreService::keep_indexes`]).

mod address;
mod check;
mod state;

pub use address::Address;
pub use check::{Problem, check, check_message};
pub(crate) use state::{Phase, State, States, state_of, states_name};

use crate::fnv;
use crate::item::{Item, UnixMs, Value};
use crate::name::{CollectionId, CollectionName, ItemKey, Name, RecordKey};
use bytes::Bytes;
use std::sync::Arc;
use tenet_collection::{Index, Schema};

/// What the items of a collection are, and where their index entries lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The message.
    pub schema: Arc<Schema>,
    /// One for each index of the schema, in its order.
    pub indexes: Vec<IndexRows>,
    /// A number for which indexes these are; 0: none.
    pub layout: u64,
    /// Where it is kept how far each index is. None: there is no index.
    pub states: Option<CollectionId>,
}

/// Where the entries of an index lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRows {
    /// Its name in the schema.
    pub name: String,
    /// The hidden collection.
    pub collection: CollectionId,
    /// No two items may have the same values.
    pub unique: bool,
}

/// The name of an index's hidden collection. An index that is defined anew is another one; one that comes back while what it had is being
/// removed is the same one with fresh rows, a *generation* later. The first has no number, as none had before there were others.
pub(crate) fn rows_name(of: &CollectionName, index: &Index, generation: u32) -> CollectionName {
    let fingerprint = format!("{:016x}", index.fingerprint());
    let number = generation.to_string();
    let parts = [of.collection.as_str(), &index.name, &fingerprint, &number];
    let collection = Name::hidden(if generation == 0 { &parts[..3] } else { &parts });
    CollectionName { namespace: of.namespace.clone(), collection }
}

/// Which generation of an index of `of` has its rows in `rows`; none where they are another's.
pub(crate) fn generation_of(of: &CollectionName, index: &Index, rows: &CollectionName) -> Option<u32> {
    let first = rows_name(of, index, 0);
    if rows.namespace != first.namespace {
        return None;
    }
    let rest = rows.collection.as_str().strip_prefix(first.collection.as_str())?;
    if rest.is_empty() { Some(0) } else { rest.strip_prefix('.')?.parse().ok() }
}

/// Whether `rows` is the hidden collection of an index of `of`, and the index's name then.
pub(crate) fn index_of<'n>(of: &CollectionName, rows: &'n CollectionName) -> Option<&'n str> {
    if of.namespace != rows.namespace {
        return None;
    }
    let mut parts = rows.collection.as_str().split('.');
    let (collection, index, fingerprint) = (parts.next()?, parts.next()?, parts.next()?);
    (collection == of.collection.as_str() && !fingerprint.is_empty()).then_some(index)
}

/// A number for the indexes of a collection, by the names of their rows: the same for the same ones in any order.
pub(crate) fn layout(rows: &[CollectionName]) -> u64 {
    let mut names: Vec<String> = rows.iter().map(CollectionName::to_string).collect();
    names.sort_unstable();
    if names.is_empty() {
        return 0;
    }
    let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
    fnv::with(fnv::BASIS, bytes).max(1)
}

impl Typed {
    /// The entries of an item, one for each index in their order. None: what it holds is no message of the schema, or too long to be looked into.
    pub fn entries(&self, item: &ItemKey, value: &Value) -> Option<Vec<ItemKey>> {
        let Value::Inline(bytes) = value else { return None };
        let keys = self.schema.index_entries(bytes).ok()?;
        let entry = |(rows, (_, key)): (&IndexRows, (&str, Vec<u8>))| ItemKey {
            record: RecordKey { collection: rows.collection, id: key.into() },
            key: if rows.unique { Bytes::new() } else { Address::of(item).to_bytes() },
        };
        Some(self.indexes.iter().zip(keys).map(entry).collect())
    }

    /// From when on a message is gone by its own word.
    pub fn expires(&self, value: &Value) -> Option<UnixMs> {
        let Value::Inline(bytes) = value else { return None };
        expires(&self.schema, bytes)
    }

    /// The index of this name, and its place.
    pub fn index(&self, name: &str) -> Option<(usize, &IndexRows)> {
        self.indexes.iter().enumerate().find(|(_, rows)| rows.name == name)
    }

    /// An address for people.
    pub fn show(&self, address: &Address) -> String {
        let (record, item) = (address.record.to_vec(), address.item.to_vec());
        self.schema.show(&tenet_collection::Address { record, item })
    }
}

/// From when on an encoded message is gone by its own word, in whole milliseconds: the first in which it is.
pub(crate) fn expires(schema: &Schema, message: &[u8]) -> Option<UnixMs> {
    let (seconds, nanos) = schema.expires(message)?;
    let at = seconds.saturating_mul(1000).saturating_add(i64::from(nanos.div_ceil(1_000_000)));
    // What is gone since before 1970 is gone.
    Some(UnixMs(at.max(1)))
}

/// Which item of a collection an entry is of.
pub(crate) fn item_of(collection: CollectionId, entry: &Item) -> Option<ItemKey> {
    let Value::Inline(bytes) = &entry.value else { return None };
    let Address { record, item } = Address::from_bytes(bytes)?;
    Some(ItemKey { record: RecordKey { collection, id: record }, key: item })
}

/// An entry of an item, which ends with it.
pub(crate) fn entry(of: &ItemKey, item: &Item) -> Item {
    Item { value: Value::Inline(Address::of(of).to_bytes()), ..item.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_by_index_and_generation_and_the_first_are_called_as_ever() {
        let name = |collection: &str| CollectionName {
            namespace: Name::new("shop").unwrap(),
            collection: Name::stored(collection).unwrap(),
        };
        let fields = Vec::new();
        let index = Index { name: "by-size".into(), fields, unique: true };
        let (of, first) = (name("shirts"), rows_name(&name("shirts"), &index, 0));
        let fingerprint = format!("{:016x}", index.fingerprint());
        assert_eq!(first.collection.as_str(), format!("shirts.by-size.{fingerprint}"));
        assert_eq!(rows_name(&of, &index, 12).collection.as_str(), format!("{}.12", first.collection));
        for generation in [0, 1, 12] {
            let rows = rows_name(&of, &index, generation);
            assert_eq!(generation_of(&of, &index, &rows), Some(generation));
            assert_eq!(index_of(&of, &rows), Some("by-size"));
        }
        for other in ["shirts", "shirts.by-size.0", "socks.by-size.0.1"] {
            assert_eq!(generation_of(&of, &index, &name(other)), None, "{other}");
        }
        assert_eq!(generation_of(&of, &index, &name(&format!("{}x", first.collection))), None);
        let both = [rows_name(&of, &index, 1), first.clone()];
        assert_eq!(layout(&both), layout(&[both[1].clone(), both[0].clone()]));
        assert_ne!(layout(&both[..1]), layout(&both[1..]));
        assert_eq!(layout(&[]), 0);
    }
}
