//! What is found at opening, collections, and the log of their changes.

use super::mark::Mark;
use super::tables::{self, Tables, at};
use super::writer::{LOGGED, VERSION, Writer, put};
use super::{FORMAT, Inner, keys, rows, sizes};
use crate::engine::{Changes, Collection, Cursor, EngineError};
use crate::name::CollectionId;
use redb::{Database, ReadableTable};
use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

const FORMAT_KEY: &[u8] = b"format";

/// Looks at a database that was opened: its format, its collections, its last version. Makes what is missing.
pub(super) fn found(
    database: &Database,
    mark: &Mark,
    place: &str,
) -> Result<(HashMap<CollectionId, Collection>, Writer), EngineError> {
    let transaction = database.begin_write().map_err(|error| at(place, error))?;
    let mut tables = Tables::open(&transaction)?;
    let meta = |tables: &Tables<'_>, key: &[u8]| {
        let row = tables.meta.get(key).map_err(|error| at("meta", error))?;
        row.map(|row| rows::read_number("meta", key, row.value())).transpose()
    };
    match meta(&tables, FORMAT_KEY)? {
        None => put(&mut tables.meta, FORMAT_KEY, &rows::number(FORMAT_KEY, FORMAT.into()))?,
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            return Err(EngineError::Broken(format!("{place}: it is of format {format}, expected {FORMAT}")));
        }
    }
    let number = |key| meta(&tables, key).map(Option::unwrap_or_default);
    let writer = Writer { last: number(VERSION)?, logged: number(LOGGED)? };
    mark.check(writer.last)?;
    let mut known = HashMap::new();
    for row in tables.collections.iter().map_err(|error| at("collections", error))? {
        let (key, row) = row.map_err(|error| at("collections", error))?;
        let (id, collection) = rows::read_collection(key.value(), row.value())?;
        known.insert(id, collection);
    }
    sizes::keep(&mut tables)?;
    drop(tables);
    transaction.commit().map_err(|error| at(place, error))?;
    Ok((known, writer))
}

/// Up to which place the changes of a collection were forgotten.
pub(super) fn forgotten_key(of: CollectionId) -> Vec<u8> {
    [b"forgotten/", &of.0.to_be_bytes()[..]].concat()
}

impl Inner {
    pub(super) fn declare(&self, collection: Collection) -> Result<CollectionId, EngineError> {
        self.step(|tables, _| {
            let (known, next) = {
                let all = self.known.read().unwrap_or_else(PoisonError::into_inner);
                let known = all.iter().find(|(_, known)| known.name == collection.name);
                let next = all.keys().map(|id| id.0).max().unwrap_or(0) + 1;
                (known.map(|(id, known)| (*id, *known == collection)), CollectionId(next))
            };
            if let Some((id, true)) = known {
                return Ok((id, false));
            }
            let id = known.map_or(next, |(id, _)| id);
            let name = collection.name.to_string();
            put(
                &mut tables.collections,
                name.as_bytes(),
                &rows::collection(name.as_bytes(), id, &collection),
            )?;
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(id, collection);
            Ok((id, true))
        })
    }

    pub(super) fn changes(
        &self,
        of: CollectionId,
        from: Cursor,
        limit: usize,
    ) -> Result<Changes, EngineError> {
        self.collection(of)?;
        // Before the look at the log: whatever is logged by now is in it.
        let logged = self.logged.load(Ordering::Acquire);
        let (meta, changes) = {
            let transaction =
                redb::ReadableDatabase::begin_read(&self.database).map_err(|error| at("tables", error))?;
            let open = |table| transaction.open_table(table).map_err(|error| at("tables", error));
            (open(tables::META)?, open(tables::CHANGES)?)
        };
        let key = forgotten_key(of);
        let forgotten = meta.get(&key[..]).map_err(|error| at("meta", error))?;
        let forgotten = forgotten.map_or(Ok(0), |row| rows::read_number("meta", &key, row.value()))?;
        if from.0 < forgotten {
            return Err(EngineError::TooOld { asked: from.0, oldest: forgotten });
        }
        let (first, behind) = (keys::change(of, from.0.saturating_add(1)), keys::change(of, u64::MAX));
        let mut found = Changes { changes: Vec::new(), next: from };
        for row in changes.range(&first[..]..&behind[..]).map_err(|error| at("changes", error))? {
            if found.changes.len() == limit {
                return Ok(found);
            }
            let (key, row) = row.map_err(|error| at("changes", error))?;
            found.changes.push(rows::read_change(key.value(), row.value())?.1);
            found.next = Cursor(keys::read_place(key.value())?);
        }
        // Up to here everything was looked at.
        found.next = found.next.max(Cursor(logged));
        Ok(found)
    }
}
