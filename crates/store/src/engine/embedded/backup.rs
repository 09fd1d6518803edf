//! A tree that no commit changes any more, and the way back into a folder.

use super::tables::{self, Tables, at};
use super::writer::{LOGGED, VERSION, Writer, put};
use super::{Embedded, Inner, keys, log, rows, sizes};
use crate::commit::Token;
use crate::engine::{
    Collection, Cursor, EngineError, Load, LoadBegin, Loaded, Moment, Page, Pending, Row, Scan,
    SharedSnapshot, Snapshot, assign,
};
use crate::item::{UnixMs, Value, Version};
use crate::name::CollectionId;
use bytes::Bytes;
use redb::{ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

/// The backup that is being restored, and how many parts of it are here.
const LOADING: &[u8] = b"loading";

type Tree = ReadOnlyTable<&'static [u8], &'static [u8]>;

struct Kept {
    engine: Embedded,
    trees: Arc<Trees>,
    moment: Moment,
}

/// Of one transaction.
struct Trees {
    items: Tree,
    blobs: Tree,
    tokens: Tree,
    at: UnixMs,
}

impl Embedded {
    pub(super) fn keep_moment(&self) -> Pending<'_, SharedSnapshot> {
        let engine = self.clone();
        self.blocking(move |inner| {
            let (trees, moment) = inner.moment()?;
            Ok(Arc::new(Kept { engine, trees: Arc::new(trees), moment }) as SharedSnapshot)
        })
    }
}

impl Inner {
    fn moment(&self) -> Result<(Trees, Moment), EngineError> {
        let at_time = self.now();
        let transaction = self.database.begin_read().map_err(|error| at("tables", error))?;
        let open = |table| transaction.open_table(table).map_err(|error| at("tables", error));
        let meta = open(tables::META)?;
        let number = |key: &[u8]| {
            let row = meta.get(key).map_err(|error| at("meta", error))?;
            row.map_or(Ok(0), |row| rows::read_number("meta", key, row.value()))
        };
        let (version, logged) = (number(VERSION)?, number(LOGGED)?);
        let mut collections = Vec::new();
        for row in open(tables::COLLECTIONS)?.iter().map_err(|error| at("collections", error))? {
            let (key, row) = row.map_err(|error| at("collections", error))?;
            collections.push(rows::read_collection(key.value(), row.value())?);
        }
        collections.sort_by_key(|(id, _): &(CollectionId, Collection)| *id);
        let trees = Trees {
            items: open(tables::ITEMS)?,
            blobs: open(tables::BLOBS)?,
            tokens: open(tables::TOKENS)?,
            at: at_time,
        };
        let length = |tree: &Tree, place| tree.len().map_err(|error| at(place, error));
        let moment = Moment {
            at: at_time,
            version: Version(version),
            logged: Cursor(logged),
            rows: Some(length(&trees.items, "items")? + length(&trees.tokens, "tokens")?),
            // Every change of an item has a version of its own.
            state: Some(format!("embedded version {version} log {logged} collections {}", collections.len())),
            collections,
        };
        Ok((trees, moment))
    }

    pub(super) fn loading(&self) -> Result<Option<u128>, EngineError> {
        let meta = tables::read(&self.database, tables::META)?;
        let row = meta.get(LOADING).map_err(|error| at("meta", error))?;
        row.map(|row| rows::read_loading(LOADING, row.value()).map(|(backup, _)| backup)).transpose()
    }

    pub(super) fn load(&self, step: Load) -> Result<Loaded, EngineError> {
        match step {
            Load::Begin(begin) => self.begin_load(&begin),
            Load::Rows { backup, part, rows } => self.step(|tables, _| {
                let next = loading_of(tables, backup)?;
                if part == next {
                    rows.iter().try_for_each(|row| put_row(tables, row))?;
                    put(&mut tables.meta, LOADING, &rows::loading(LOADING, backup, next + 1))?;
                }
                Ok((Loaded::Parts { next: next.max(part + 1), ids: Vec::new() }, part == next))
            }),
            Load::End { backup } => self.step(|tables, _| {
                let next = loading_of(tables, backup)?;
                tables.meta.remove(LOADING).map_err(|error| at("meta", error))?;
                // What was put in did not count itself.
                sizes::recount(tables)?;
                Ok((Loaded::Parts { next, ids: Vec::new() }, true))
            }),
        }
    }

    fn begin_load(&self, begin: &LoadBegin) -> Result<Loaded, EngineError> {
        let mut known: Vec<_> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.iter().map(|(id, of)| (*id, of.clone())).collect()
        };
        known.sort_by_key(|(id, _)| *id);
        let assigned = assign(&known, &begin.collections);
        let loaded = self.step(|tables, writer| {
            let loading = loading(tables)?;
            let unfinished = loading.map(|(backup, _)| backup);
            let goes_on = unfinished == Some(begin.backup);
            let items = tables.items.len().map_err(|error| at("items", error))?;
            if !goes_on && !begin.replace && (unfinished.is_some() || items > 0) {
                return Ok((Loaded::Taken { items, unfinished }, false));
            }
            if !goes_on {
                empty(tables)?;
                put(&mut tables.meta, LOADING, &rows::loading(LOADING, begin.backup, 0))?;
                *writer = Writer {
                    last: writer.last.max(begin.version.0),
                    logged: writer.logged.max(begin.logged.0),
                };
            }
            for (from, to) in &assigned {
                if let Some((_, of)) = begin.collections.iter().find(|(id, _)| id == from) {
                    let name = of.name.to_string();
                    put(
                        &mut tables.collections,
                        name.as_bytes(),
                        &rows::collection(name.as_bytes(), *to, of),
                    )?;
                }
            }
            let all = known.iter().map(|(id, _)| *id).chain(assigned.iter().map(|(_, to)| *to));
            for id in all {
                let key = log::forgotten_key(id);
                put(&mut tables.meta, &key, &rows::number(&key, writer.logged))?;
            }
            let next = loading.filter(|_| goes_on).map_or(0, |(_, next)| next);
            Ok((Loaded::Parts { next, ids: assigned.clone() }, true))
        })?;
        if let Loaded::Parts { .. } = &loaded {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            for (from, to) in &assigned {
                if let Some((_, of)) = begin.collections.iter().find(|(id, _)| id == from) {
                    known.insert(*to, of.clone());
                }
            }
        }
        Ok(loaded)
    }
}

fn loading(tables: &Tables<'_>) -> Result<Option<(u128, u64)>, EngineError> {
    let row = tables.meta.get(LOADING).map_err(|error| at("meta", error))?;
    row.map(|row| rows::read_loading(LOADING, row.value())).transpose()
}

fn loading_of(tables: &Tables<'_>, backup: u128) -> Result<u64, EngineError> {
    let found = loading(tables)?.filter(|(of, _)| *of == backup);
    found
        .map(|(_, next)| next)
        .ok_or_else(|| EngineError::Broken("no restore of this backup was begun".into()))
}

fn empty(tables: &mut Tables<'_>) -> Result<(), EngineError> {
    let all = [
        &mut tables.items,
        &mut tables.expiry,
        &mut tables.tokens,
        &mut tables.changes,
        &mut tables.blobs,
        &mut tables.loose,
    ];
    for table in all {
        table.retain(|_, _| false).map_err(|error| at("tables", error))?;
    }
    Ok(())
}

fn put_row(tables: &mut Tables<'_>, row: &Row) -> Result<(), EngineError> {
    match row {
        Row::Item(item_key, item) => {
            let key = keys::item(item_key);
            put(&mut tables.items, &key, &rows::item(&key, item))?;
            if let Some(at) = item.expires {
                put(&mut tables.expiry, &keys::expiry(at, &key), &[])?;
            }
            if let Value::Chunked { blob, .. } = item.value {
                tables.loose.remove(&blob.to_be_bytes()[..]).map_err(|error| at("loose", error))?;
            }
            Ok(())
        }
        Row::Chunk { blob, number, data } => {
            let key = keys::chunk(*blob, *number);
            put(&mut tables.blobs, &key, &rows::seal(&key, data.to_vec()))
        }
        Row::Token(token, version) => {
            let key = keys::token(token);
            put(&mut tables.tokens, &key, &rows::number(&key, version.0))
        }
    }
}

impl Snapshot for Kept {
    fn moment(&self) -> &Moment {
        &self.moment
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        let trees = self.trees.clone();
        self.engine.blocking(move |inner| inner.scan_in(&trees.items, &scan, trees.at))
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        let trees = self.trees.clone();
        self.engine.blocking(move |_| tables::chunk(&trees.blobs, blob, number))
    }

    fn tokens(&self, after: Option<Token>, limit: usize) -> Pending<'_, Vec<(Token, Version)>> {
        let trees = self.trees.clone();
        self.engine.blocking(move |_| {
            let after = after.map(|token| keys::token(&token));
            let from = after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(&key[..]));
            let mut found = Vec::new();
            let range = (from, Bound::Unbounded);
            for row in trees.tokens.range::<&[u8]>(range).map_err(|error| at("tokens", error))?.take(limit) {
                let (key, row) = row.map_err(|error| at("tokens", error))?;
                let version = Version(rows::read_number("tokens", key.value(), row.value())?);
                found.push((keys::read_token(key.value())?, version));
            }
            Ok(found)
        })
    }
}
