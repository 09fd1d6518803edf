//! Reading in order.

use crate::item::Item;
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;

/// A point of the log of changes. Its number means something to its engine alone; a later point is never smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub u64);

/// What to read in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Of what.
    pub of: ScanOf,
    /// The first key. None: the first there is. It may be one byte longer than keys are: so it follows one of the greatest length. Where it does not lie before
    /// `to`, the page is empty. In a scan of one record both name that record.
    pub from: Option<Bound>,
    /// The first key that no longer belongs, also in reverse. None: there is no end.
    pub to: Option<Bound>,
    /// From the last to the first.
    pub reverse: bool,
    /// Most items of the page, at least one.
    pub items: usize,
    /// The page ends at the latest after the item that reaches so many bytes: of ids, keys and values, without those that lie in chunks. At least one.
    pub bytes: usize,
}

/// What is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanOf {
    /// The items of one record.
    Record {
        /// The collection.
        collection: CollectionId,
        /// The record's id.
        record: Bytes,
    },
    /// The records of a collection, all items of each.
    Collection(CollectionId),
    /// Items of a collection by one of its indexes ([`crate::typed`]), in the order of the entries: bounds are places among these, and the page has the
    /// items that they are of, as they are at the same moment. The bound of bytes counts the items.
    Index {
        /// Where the entries are.
        entries: CollectionId,
        /// Where the items are.
        collection: CollectionId,
    },
}

impl ScanOf {
    /// Where the items are.
    pub fn collection(&self) -> CollectionId {
        match self {
            ScanOf::Collection(collection)
            | ScanOf::Record { collection, .. }
            | ScanOf::Index { collection, .. } => *collection,
        }
    }
}

/// A place in the order: a record and, inside it, an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// The record's id.
    pub record: Bytes,
    /// The item's key.
    pub key: Bytes,
}

/// A page of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order that was asked for.
    pub items: Vec<(ItemKey, Item)>,
    /// There is more after the last of them. Then there is a last one: no page is empty before the end.
    pub more: bool,
}
