//! Indexes as they are scanned, described, filled and removed.
//!
//! A page of a scan by an index is right if the index was complete before it was read and still is, as the same one, afterwards: nobody
//! begins to remove entries without saying so first.

mod fill;
mod keep;

pub use fill::Filling;

use super::fault;
use crate::catalogue::Known;
use crate::engine::Engine;
use crate::item::{Item, Version};
use crate::name::{CollectionId, ItemKey};
use crate::typed::{Phase, State, States, Typed};
use bytes::Bytes;
use std::sync::Arc;
use tenet_api::store::v1 as api;
use tonic::Status;

/// A scan's way through an index.
pub(super) struct Through {
    typed: Arc<Typed>,
    place: usize,
    states: CollectionId,
    /// Where the entries are.
    pub rows: CollectionId,
    /// The state it was found in first.
    pub(super) seen: Option<Version>,
}

impl Through {
    /// The index that is asked for, if one is.
    pub(super) fn of(known: &Known, asked: &api::ScanRequest) -> Result<Option<Through>, Status> {
        if asked.index.is_empty() {
            return Ok(None);
        }
        let found =
            known.typed.as_ref().and_then(|typed| Some((typed, typed.index(&asked.index)?, typed.states?)));
        let Some((typed, (place, rows), states)) = found else {
            let names = known.typed.iter().flat_map(|typed| &typed.indexes).map(|rows| rows.name.as_str());
            let names: Vec<&str> = names.collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let what = format!("{} has no index {:?}; it has {there}", known.name, asked.index);
            return Err(fault::invalid("index", what));
        };
        if !asked.record_id.is_empty() {
            return Err(fault::invalid("record_id", "an index is of all records: expected none".into()));
        }
        let rows = rows.collection;
        Ok(Some(Through { typed: typed.clone(), place, states, rows, seen: None }))
    }

    /// Whether the index is complete, as the same one as when it was looked at first.
    pub(super) async fn look(&mut self, engine: &dyn Engine) -> Result<(), Status> {
        let states = States { engine, collection: self.states };
        let found = states.get(self.rows).await.map_err(|error| fault::engine(&error))?;
        let (state, version) = found.unwrap_or((State::at(Phase::Building), Version(0)));
        let same = *self.seen.get_or_insert(version) == version;
        if state.phase() == Phase::Ready && same {
            return Ok(());
        }
        let name = self.typed.indexes.get(self.place).map_or("", |rows| &rows.name);
        Err(fault::index_not_ready(name, &state))
    }

    /// The place of an item's entry.
    pub(super) fn place(&self, key: &ItemKey, item: &Item) -> Result<(Bytes, Bytes), Status> {
        let entries = self.typed.entries(key, &item.value).unwrap_or_default();
        let entry = entries.into_iter().nth(self.place);
        let entry = entry.ok_or_else(|| {
            Status::from(
                tenet_service::Fault::internal("The store failed.").cause("an index has what is no message"),
            )
        })?;
        Ok((entry.record.id, entry.key))
    }
}

/// What is said of the indexes of a collection.
pub(super) async fn describe(
    engine: &dyn Engine,
    known: &Known,
    items: u64,
) -> Result<Vec<api::IndexDescription>, Status> {
    let Some((typed, states)) = known.typed.as_ref().and_then(|typed| Some((typed, typed.states?))) else {
        return Ok(Vec::new());
    };
    let states = States { engine, collection: states };
    let mut said = Vec::with_capacity(typed.indexes.len());
    for rows in &typed.indexes {
        let state = states.get(rows.collection).await.map_err(|error| fault::engine(&error))?;
        let state = state.map_or_else(|| State::at(Phase::Building), |(state, _)| state);
        let ready = state.phase() == Phase::Ready;
        said.push(api::IndexDescription {
            name: rows.name.clone(),
            unique: rows.unique,
            state: state.phase().said().to_owned(),
            items_done: if ready { items.saturating_sub(state.left_out) } else { state.done },
            items_left_out: state.left_out,
            problem: state.problem,
        });
    }
    Ok(said)
}
