//! A copy of everything, and the way back.

use super::State;
use crate::commit::Token;
use crate::engine::{
    Cursor, EngineError, Load, LoadBegin, Loaded, Moment, Page, Pending, Row, Scan, SharedSnapshot, Snapshot,
    assign,
};
use crate::item::{UnixMs, Version};
use bytes::Bytes;
use std::future::ready;
use std::ops::Bound;
use std::sync::Arc;

struct Copied {
    state: State,
    moment: Moment,
}

/// A copy of `state` as it is now.
pub(super) fn snapshot(state: &State, now: UnixMs) -> SharedSnapshot {
    let moment = Moment {
        at: now,
        version: Version(state.version),
        logged: Cursor(state.logged),
        collections: state.collections.iter().map(|(id, of)| (*id, of.clone())).collect(),
        rows: Some((state.items.len() + state.tokens.len()) as u64),
        state: None,
    };
    Arc::new(Copied { state: state.clone(), moment })
}

impl Snapshot for Copied {
    fn moment(&self) -> &Moment {
        &self.moment
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        Box::pin(ready(Ok(self.state.scan(&scan, self.moment.at))))
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        Box::pin(ready(Ok(self.state.blobs.get(&(blob, number)).map(|(_, chunk)| chunk.clone()))))
    }

    fn tokens(&self, after: Option<Token>, limit: usize) -> Pending<'_, Vec<(Token, Version)>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tokens = self.state.tokens.range((from, Bound::Unbounded)).take(limit);
        Box::pin(ready(Ok(tokens.map(|(token, (version, _))| (*token, *version)).collect())))
    }
}

impl State {
    pub(super) fn load(&mut self, step: Load, now: UnixMs) -> Result<Loaded, EngineError> {
        match step {
            Load::Begin(begin) => self.begin_load(&begin),
            Load::Rows { backup, part, rows } => {
                let next = self.loading_of(backup)?;
                if part == next {
                    rows.into_iter().for_each(|row| self.put(row, now));
                    self.loading = Some((backup, next + 1));
                }
                Ok(Loaded::Parts { next: next.max(part + 1), ids: Vec::new() })
            }
            Load::End { backup } => {
                let next = self.loading_of(backup)?;
                self.loading = None;
                Ok(Loaded::Parts { next, ids: Vec::new() })
            }
        }
    }

    fn loading_of(&self, backup: u128) -> Result<u64, EngineError> {
        let found = self.loading.filter(|(of, _)| *of == backup);
        found
            .map(|(_, next)| next)
            .ok_or_else(|| EngineError::Broken("no restore of this backup was begun".into()))
    }

    fn begin_load(&mut self, begin: &LoadBegin) -> Result<Loaded, EngineError> {
        let goes_on = self.loading.is_some_and(|(of, _)| of == begin.backup);
        let unfinished = self.loading.map(|(of, _)| of);
        if !goes_on {
            if !begin.replace && (unfinished.is_some() || !self.items.is_empty()) {
                return Ok(Loaded::Taken { items: self.items.len() as u64, unfinished });
            }
            self.items.clear();
            self.tokens.clear();
            self.changes.clear();
            self.blobs.clear();
            self.loading = Some((begin.backup, 0));
            self.version = self.version.max(begin.version.0);
            self.logged = self.logged.max(begin.logged.0);
        }
        let known: Vec<_> = self.collections.iter().map(|(id, of)| (*id, of.clone())).collect();
        let assigned = assign(&known, &begin.collections);
        for (from, to) in &assigned {
            if let Some((_, of)) = begin.collections.iter().find(|(id, _)| id == from) {
                self.collections.insert(*to, of.clone());
            }
        }
        for id in self.collections.keys() {
            self.forgotten.insert(*id, self.logged);
        }
        let next = self.loading.map_or(0, |(_, next)| next);
        Ok(Loaded::Parts { next, ids: assigned })
    }

    fn put(&mut self, row: Row, now: UnixMs) {
        match row {
            Row::Item(key, item) => drop(self.items.insert(key, item)),
            Row::Chunk { blob, number, data } => drop(self.blobs.insert((blob, number), (now, data))),
            Row::Token(token, version) => drop(self.tokens.insert(token, (version, now))),
        }
    }
}
