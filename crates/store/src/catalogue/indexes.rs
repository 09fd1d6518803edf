//! What becomes of indexes when collections are declared.
//!
//! The order matters, because another process may write meanwhile, and this one may end at any point. An index that left the schema is
//! marked before the layout without it is in force: nothing can then be written without it while it counts as complete. One that came is
//! marked after the layout with it is: what is entered from then on need not be looked for. One that comes back while its rows are being removed
//! gets fresh ones, a generation later.

use super::Known;
use crate::engine::{Collection, Engine, EngineError, Scan, ScanOf};
use crate::name::{CollectionId, CollectionName, Name};
use crate::typed::{
    IndexRows, Phase, State, States, Typed, generation_of, index_of, layout, rows_name, states_name,
};
use std::sync::Arc;
use std::time::Duration;
use tenet_collection::{Index, Schema};

/// The indexes that an engine has.
pub(super) struct Indexes<'e> {
    engine: &'e dyn Engine,
    there: Vec<(CollectionId, Collection)>,
}

impl<'e> Indexes<'e> {
    pub(super) async fn of(engine: &'e dyn Engine) -> Result<Indexes<'e>, EngineError> {
        Ok(Indexes { engine, there: engine.collections().await? })
    }

    /// Where it is kept how far the indexes of a namespace are; made where it is `wanted`.
    pub(super) async fn states(
        &self,
        namespace: &Name,
        wanted: bool,
    ) -> Result<Option<CollectionId>, EngineError> {
        let name = states_name(namespace);
        let there = self.there.iter().find(|(_, known)| known.name == name).map(|(id, _)| *id);
        if there.is_some() || !wanted {
            return Ok(there);
        }
        self.declare(name).await.map(Some)
    }

    /// Before a layout is in force: where the entries of each index lie. What is no longer in the schema is going to be removed.
    pub(super) async fn begin(
        &self,
        states: Option<CollectionId>,
        of: &CollectionName,
        schema: Option<&Arc<Schema>>,
    ) -> Result<Option<Typed>, EngineError> {
        let stays = |name: &CollectionName| {
            let mut all = schema.iter().flat_map(|schema| &schema.indexes);
            all.any(|index| generation_of(of, index, name).is_some())
        };
        self.leave(states, of, |_, name| stays(name)).await?;
        let Some(schema) = schema else { return Ok(None) };
        let (mut indexes, mut names) = (Vec::new(), Vec::new());
        for index in &schema.indexes {
            let name = rows_name(of, index, self.generation(states, of, index).await?);
            let collection = self.declare(name.clone()).await?;
            indexes.push(IndexRows { name: index.name.clone(), collection, unique: index.unique });
            names.push(name);
        }
        let states = states.filter(|_| !indexes.is_empty());
        Ok(Some(Typed { layout: layout(&names), schema: schema.clone(), indexes, states }))
    }

    /// Which rows an index has from now on: the latest there are, or fresh ones where those are being removed. What is left of them
    /// could otherwise refuse values that nobody has any more.
    async fn generation(
        &self,
        states: Option<CollectionId>,
        of: &CollectionName,
        index: &Index,
    ) -> Result<u32, EngineError> {
        let Some((generation, rows)) = self.latest(of, index) else { return Ok(0) };
        let Some(collection) = states else { return Ok(generation) };
        let state = States { engine: self.engine, collection }.get(rows).await?;
        let leaves = state.is_some_and(|(state, _)| state.phase() == Phase::Removing);
        Ok(if leaves { generation.saturating_add(1) } else { generation })
    }

    /// The latest rows of an index that there are.
    fn latest(&self, of: &CollectionName, index: &Index) -> Option<(u32, CollectionId)> {
        let rows =
            self.there.iter().filter_map(|(id, known)| Some((generation_of(of, index, &known.name)?, *id)));
        rows.max()
    }

    /// A collection whose indexes have other rows by the layout that is in force: another process saw them leave and come back once more.
    /// None: it is as it is known, or the layout is one of another schema.
    pub(super) fn in_force(&self, known: &Known) -> Option<Typed> {
        let typed = known.typed.as_ref()?;
        let (_, collection) = self.there.iter().find(|(id, _)| *id == known.id)?;
        if collection.layout == typed.layout {
            return None;
        }
        let (mut indexes, mut names) = (Vec::new(), Vec::new());
        for index in &typed.schema.indexes {
            let (generation, collection) = self.latest(&known.name, index)?;
            indexes.push(IndexRows { name: index.name.clone(), collection, unique: index.unique });
            names.push(rows_name(&known.name, index, generation));
        }
        let now = Typed { layout: layout(&names), indexes, ..Typed::clone(typed) };
        (now.layout == collection.layout).then_some(now)
    }

    /// Marks the rows of indexes that do not stay: they are going to be removed.
    async fn leave(
        &self,
        states: Option<CollectionId>,
        of: &CollectionName,
        stays: impl Fn(CollectionId, &CollectionName) -> bool,
    ) -> Result<(), EngineError> {
        let Some(collection) = states else { return Ok(()) };
        let states = States { engine: self.engine, collection };
        let left = self.there.iter().filter(|(_, known)| index_of(of, &known.name).is_some());
        for (rows, _) in left.filter(|(rows, known)| !stays(*rows, &known.name)) {
            let empty = self.is_empty(*rows).await?;
            let removing = |now: Option<&State>| match now {
                None if empty => None,
                Some(state) if state.phase() == Phase::Removing => None,
                _ => Some(State::at(Phase::Removing)),
            };
            states.change(*rows, removing).await?;
        }
        Ok(())
    }

    /// After the layout is in force: what was never begun, begins. What left is marked once more: until now another process could have
    /// filled it again.
    pub(super) async fn end(&self, states: Option<CollectionId>, known: &Known) -> Result<(), EngineError> {
        let own = |rows| known.typed.iter().flat_map(|typed| &typed.indexes).any(|of| of.collection == rows);
        self.leave(states, &known.name, |rows, _| own(rows)).await?;
        let Some((typed, states)) = known.typed.as_ref().and_then(|typed| Some((typed, typed.states?)))
        else {
            return Ok(());
        };
        let collection = known.id;
        let states = States { engine: self.engine, collection: states };
        for rows in &typed.indexes {
            if states.get(rows.collection).await?.is_some() {
                continue;
            }
            let first = if !self.is_empty(rows.collection).await? {
                // What is entered may be of a time when not everything was.
                Phase::Removing
            } else if self.is_empty(collection).await? {
                Phase::Ready
            } else {
                Phase::Building
            };
            states.change(rows.collection, |now| now.is_none().then(|| State::at(first))).await?;
        }
        Ok(())
    }

    async fn declare(&self, name: CollectionName) -> Result<CollectionId, EngineError> {
        let there = self.there.iter().find(|(_, known)| known.name == name);
        match there {
            Some((id, _)) => Ok(*id),
            None => self.engine.declare(Collection { name, retention: Duration::ZERO, layout: 0 }).await,
        }
    }

    async fn is_empty(&self, collection: CollectionId) -> Result<bool, EngineError> {
        let of = ScanOf::Collection(collection);
        let scan = Scan { of, from: None, to: None, reverse: false, items: 1, bytes: 1 };
        Ok(self.engine.scan(scan).await?.items.is_empty())
    }
}
