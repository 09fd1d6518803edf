//! What an engine holds as it was at one moment, and the way back: how backups leave an engine and come into one.
//!
//! ```text
//!   Engine::snapshot ─▶ Snapshot: moment · scan · chunk · tokens          nobody who writes waits for it
//!   rows of a backup ─▶ Engine::load: Begin · Rows, part after part · End  each step durable, so a restore goes on where it was
//! ```

use super::{Collection, Cursor, Page, Pending, Scan};
use crate::commit::Token;
use crate::item::{Item, UnixMs, Version};
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The moment of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, by the engine's clock. What was over by then is not in the snapshot.
    pub at: UnixMs,
    /// As great as every version in it, or greater.
    pub version: Version,
    /// Where the log of changes ended. The changes themselves are not part of it: who watched scans anew after a restore.
    pub logged: Cursor,
    /// Every collection that was declared.
    pub collections: Vec<(CollectionId, Collection)>,
    /// Roughly how many items and tokens there are, where that costs nothing to know.
    pub rows: Option<u64>,
    /// Says what state it is of: another snapshot with the same text shows the same items, also in another process. None: the engine cannot tell.
    pub state: Option<String>,
}

/// What an engine held at one moment. Dropped, it costs nothing more.
///
/// # Errors
/// As [`Engine`](super::Engine)'s; [`EngineError::Unavailable`](super::EngineError::Unavailable) where the engine had to give the moment up.
pub trait Snapshot: Send + Sync {
    /// Of when it is.
    fn moment(&self) -> &Moment;

    /// A page of items, as [`Engine::scan`](super::Engine::scan) has it.
    fn scan(&self, scan: Scan) -> Pending<'_, Page>;

    /// A chunk of a long value.
    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>>;

    /// At most `limit` of the tokens that are remembered, after this one, in their order.
    fn tokens(&self, after: Option<Token>, limit: usize) -> Pending<'_, Vec<(Token, Version)>>;
}

/// A snapshot that several can hold.
pub type SharedSnapshot = Arc<dyn Snapshot>;

/// One thing that an engine keeps, as it is in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// An item. Its chunks, if it has any, follow it.
    Item(ItemKey, Item),
    /// A chunk of the item before it.
    Chunk {
        /// What the value's chunks are kept under.
        blob: u64,
        /// Its place among them.
        number: u32,
        /// At most [`MAX_VALUE`](crate::item::MAX_VALUE) bytes; only the last one has fewer.
        data: Bytes,
    },
    /// A token and the version it was answered with.
    Token(Token, Version),
}

/// A step of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// Begins, or goes on with the same backup.
    Begin(LoadBegin),
    /// The rows of one part; a part that is in it already is passed over.
    Rows {
        /// The backup.
        backup: u128,
        /// Its place among the parts, from 0.
        part: u64,
        /// With the numbers of collections that `Begin` gave.
        rows: Vec<Row>,
    },
    /// All parts are in it: from now on it may be served.
    End {
        /// The backup.
        backup: u128,
    },
}

/// See [`Load::Begin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBegin {
    /// Which backup.
    pub backup: u128,
    /// What is there may be removed.
    pub replace: bool,
    /// Its collections.
    pub collections: Vec<(CollectionId, Collection)>,
    /// Versions that are given afterwards are greater than this one.
    pub version: Version,
    /// Places in the log are greater than this one, and whoever watched from it or before scans anew.
    pub logged: Cursor,
}

/// What became of a step of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It holds something else, and nothing happened.
    Taken {
        /// Items that are there, perhaps more.
        items: u64,
        /// Another backup, whose restore did not end.
        unfinished: Option<u128>,
    },
    /// So many parts are in it.
    Parts {
        /// The first that is missing.
        next: u64,
        /// The number in the backup, and the one here, of each collection.
        ids: Vec<(CollectionId, CollectionId)>,
    },
}

/// Which numbers the collections of a backup get where `known` are: by their names, else the same as in the backup if nobody has it, else the
/// first that was never given.
pub fn assign(
    known: &[(CollectionId, Collection)],
    wanted: &[(CollectionId, Collection)],
) -> Vec<(CollectionId, CollectionId)> {
    let mut taken: BTreeSet<CollectionId> = known.iter().map(|(id, _)| *id).collect();
    let mut assigned = Vec::with_capacity(wanted.len());
    let by_name = |collection: &Collection| known.iter().find(|(_, there)| there.name == collection.name);
    // Those of the same name first: a number that one of them has is not free.
    for (id, collection) in wanted {
        if let Some((there, _)) = by_name(collection) {
            assigned.push((*id, *there));
        }
    }
    let highest = |taken: &BTreeSet<CollectionId>| taken.last().map_or(0, |id| id.0);
    for (id, collection) in wanted {
        if by_name(collection).is_none() {
            let free = if taken.contains(id) { CollectionId(highest(&taken) + 1) } else { *id };
            taken.insert(free);
            assigned.push((*id, free));
        }
    }
    assigned.sort();
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{CollectionName, Name};
    use std::time::Duration;

    fn collections(of: &[(u32, &str)]) -> Vec<(CollectionId, Collection)> {
        let collection = |(id, name): &(u32, &str)| {
            let name =
                CollectionName { namespace: Name::new("n").unwrap(), collection: Name::new(name).unwrap() };
            (CollectionId(*id), Collection { name, retention: Duration::ZERO, layout: 0 })
        };
        of.iter().map(collection).collect()
    }

    #[test]
    fn numbers_are_kept_where_they_can_be_and_never_given_twice() {
        let check = |known: &[(u32, &str)], wanted: &[(u32, &str)], expected: &[(u32, u32)]| {
            let found = assign(&collections(known), &collections(wanted));
            let found: Vec<_> = found.into_iter().map(|(from, to)| (from.0, to.0)).collect();
            assert_eq!(found, expected, "{known:?} {wanted:?}");
        };
        check(&[], &[(1, "a"), (7, "b")], &[(1, 1), (7, 7)]);
        check(&[(1, "a")], &[(1, "a"), (2, "b")], &[(1, 1), (2, 2)]);
        check(&[(1, "b"), (2, "c")], &[(1, "a"), (2, "b")], &[(1, 3), (2, 1)]);
        check(&[(5, "x")], &[(5, "a"), (6, "b")], &[(5, 6), (6, 7)]);
    }
}
