//! Collections, and the log of their changes.

use super::{Inner, at, keys, rows};
use crate::engine::{Changes, Collection, Cursor, EngineError};
use crate::name::CollectionId;
use fjall::Keyspace;
use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// All that were ever declared.
pub(super) fn collections(from: &Keyspace) -> Result<HashMap<CollectionId, Collection>, EngineError> {
    let read = |row: fjall::Guard| {
        let (key, row) = row.into_inner().map_err(|error| at("collections", error))?;
        rows::read_collection(&key, &row)
    };
    from.iter().map(read).collect()
}

/// Up to which version the changes of a collection were forgotten.
pub(super) fn forgotten_key(of: CollectionId) -> Vec<u8> {
    [b"forgotten/", &of.0.to_be_bytes()[..]].concat()
}

impl Inner {
    pub(super) fn declare(&self, collection: Collection) -> Result<CollectionId, EngineError> {
        let mut writer = self.writer()?;
        let (known, next) = {
            let all = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let known = all.iter().find(|(_, known)| known.name == collection.name);
            let next = all.keys().map(|id| id.0).max().unwrap_or(0) + 1;
            (known.map(|(id, known)| (*id, known.clone())), CollectionId(next))
        };
        if let Some((id, known)) = &known
            && *known == collection
        {
            return Ok(*id);
        }
        let id = known.map_or(next, |(id, _)| id);
        let mut batch = self.batch();
        batch.insert(&self.collections, collection.name.to_string(), rows::collection(id, &collection));
        self.persist(&mut writer, batch)?;
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(id, collection);
        Ok(id)
    }

    pub(super) fn forgotten(&self, of: CollectionId) -> Result<u64, EngineError> {
        let row = self.meta.get(forgotten_key(of)).map_err(|error| at("meta", error))?;
        row.map_or(Ok(0), |row| rows::read_u64("meta", &row))
    }

    /// All changes of a version come together: a cursor is a version.
    pub(super) fn changes(&self, of: CollectionId, from: Cursor, limit: usize) -> Result<Changes, EngineError> {
        self.collection(of)?;
        // Before the look at the log: whatever is committed by now is in it.
        let committed = self.committed.load(Ordering::Acquire);
        let forgotten = self.forgotten(of)?;
        if from.0 < forgotten {
            return Err(EngineError::TooOld { asked: from.0, oldest: forgotten });
        }
        let first = keys::change(of, from.0.saturating_add(1), 0);
        let behind = keys::change(of, u64::MAX, u32::MAX);
        let mut found = Changes { changes: Vec::new(), next: Cursor(committed.max(from.0)) };
        for row in self.changes.range(&first[..]..&behind[..]) {
            let (_, row) = row.into_inner().map_err(|error| at("changes", error))?;
            let (_, change) = rows::read_change(&row)?;
            let last = found.changes.last().map(|change| change.version.0);
            if found.changes.len() >= limit.max(1) && last != Some(change.version.0) {
                found.next = Cursor(last.unwrap_or(from.0));
                return Ok(found);
            }
            found.changes.push(change);
        }
        // What came while it was read is in it, too.
        let last = found.changes.last().map_or(0, |change| change.version.0);
        found.next = Cursor(found.next.0.max(last));
        Ok(found)
    }
}
