//! One step of filling an index, and of removing one.

use crate::catalogue::Known;
use crate::commit::{Action, Commit, NotUnique, Outcome, RecordChange, Refusal, Write};
use crate::engine::{Bound, EngineError, Page, Scan, ScanOf};
use crate::item::{Item, Version};
use crate::name::{CollectionId, ItemKey};
use crate::typed::{Address, Phase, State, States, Typed};
use bytes::Bytes;
use std::sync::Arc;

/// Most rows of a step: one commit of the engine, some 10 ms on the embedded one, which writes nothing else meanwhile.
const STEP: usize = 256;
/// Most bytes of values in one.
const STEP_BYTES: usize = 1 << 20;

/// What is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filling {
    /// Nothing.
    Done,
    /// Something that cannot be done: see what is said of the index.
    Stuck,
    /// Something.
    More,
}

/// Enters the next items of a collection in its index.
pub(super) async fn fill(
    states: States<'_>,
    known: &Known,
    place: usize,
    state: State,
    version: Version,
) -> Result<Filling, EngineError> {
    let Some((typed, rows)) = known.typed.as_ref().and_then(|typed| Some((typed, typed.indexes.get(place)?)))
    else {
        return Ok(Filling::Done);
    };
    let page = next(states, known.id, &state).await?;
    let (entered, left_out): (Vec<_>, Vec<_>) =
        page.items.iter().partition(|(key, item)| typed.entries(key, &item.value).is_some());
    let commits = entered.iter().map(|(key, item)| enter(known.id, typed, key, item)).collect();
    for outcome in states.engine.commit(commits).await? {
        match outcome {
            Outcome::Done { .. } => {}
            // The values may be those of another of its indexes; then that one says the same.
            Outcome::Refused(Refusal::NotUnique(taken)) => {
                let NotUnique { index, item, holder } = *taken;
                let (item, holder) = (typed.show(&Address::of(&item)), typed.show(&holder));
                let problem =
                    format!("{item} and {holder} have the same values in the unique index {index:?}");
                states.set(rows.collection, Some(version), Some(&State { problem, ..state })).await?;
                return Ok(Filling::Stuck);
            }
            // What is known of the collection is about to change.
            Outcome::Refused(_) => return Ok(Filling::Done),
        }
    }
    let now = State {
        done: state.done + page.items.len() as u64,
        left_out: state.left_out + left_out.len() as u64,
        problem: String::new(),
        ..after(state, &page)
    };
    let now = if page.more {
        now
    } else {
        State { phase: Phase::Ready.into(), record: None, key: Bytes::new(), ..now }
    };
    states.set(rows.collection, Some(version), Some(&now)).await?;
    Ok(if page.more { Filling::More } else { Filling::Done })
}

/// Removes the next entries of an index that left the schema, or that has to be filled from the start.
pub(super) async fn remove(
    states: States<'_>,
    rows: CollectionId,
    wanted: bool,
    state: State,
    version: Version,
) -> Result<Filling, EngineError> {
    let page = next(states, rows, &state).await?;
    let removal = |(key, _): &(ItemKey, Item)| {
        let write = Write { key: key.key.clone(), action: Action::Delete, ttl: None };
        let change =
            RecordChange { record: key.record.id.clone(), conditions: Vec::new(), writes: vec![write] };
        Commit::of(rows, None, vec![change])
    };
    states.engine.commit(page.items.iter().map(removal).collect()).await?;
    let now = match (page.more, wanted) {
        (true, _) => Some(State { done: state.done + page.items.len() as u64, ..after(state, &page) }),
        (false, true) => Some(State::at(Phase::Building)),
        (false, false) => None,
    };
    states.set(rows, Some(version), now.as_ref()).await?;
    Ok(if now.is_some() { Filling::More } else { Filling::Done })
}

/// The rows after those that were looked at.
async fn next(states: States<'_>, collection: CollectionId, state: &State) -> Result<Page, EngineError> {
    let from = state.record.clone().map(|record| Bound { record, key: crate::name::next(&state.key).into() });
    let of = ScanOf::Collection(collection);
    states.engine.scan(Scan { of, from, to: None, reverse: false, items: STEP, bytes: STEP_BYTES }).await
}

/// The state with a page behind it.
fn after(state: State, page: &Page) -> State {
    match page.items.last() {
        None => state,
        Some((last, _)) => State { record: Some(last.record.id.clone()), key: last.key.clone(), ..state },
    }
}

/// Enters an item as it was read; one that changed meanwhile was entered by who changed it.
fn enter(collection: CollectionId, typed: &Arc<Typed>, key: &ItemKey, item: &Item) -> Commit {
    let action = Action::Index(item.value.clone());
    let write = Write { key: key.key.clone(), action, ttl: None };
    let change = RecordChange { record: key.record.id.clone(), conditions: Vec::new(), writes: vec![write] };
    Commit { collection, token: None, fence: None, typed: Some(typed.clone()), changes: vec![change] }
}
