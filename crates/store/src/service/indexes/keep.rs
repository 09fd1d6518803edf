//! The work on indexes, in the background, as long as the store is served.

use super::fill::{Filling, fill, remove};
use crate::catalogue::Known;
use crate::engine::EngineError;
use crate::metrics::IndexRow;
use crate::name::CollectionId;
use crate::service::StoreService;
use crate::typed::{Phase, State, States};
use crate::upkeep::{rounds, unlike};
use std::collections::HashMap;
use std::time::Duration;

/// Between two looks at what there is to do.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two steps: those who write get their turn.
const BREATH: Duration = Duration::from_millis(5);
/// After a step that found what cannot be entered: a service must change its data first.
const STUCK_PAUSE: Duration = Duration::from_secs(5);

impl StoreService {
    /// Enters what was there before an index was, and removes what is left of indexes that are no longer, in steps of bounded size, until it is
    /// dropped. Each step says durably how far it is, so that another process goes on there; several may do it at once.
    pub async fn keep_indexes(&self) {
        let round = || async {
            Ok(match self.index_step().await? {
                Filling::More => BREATH,
                Filling::Done => unlike(PAUSE),
                Filling::Stuck => STUCK_PAUSE,
            })
        };
        rounds("indexes stay as they are for now", round).await;
    }

    /// Does one step on each index that is not as it should be; whether there is more to do.
    ///
    /// # Errors
    /// The engine did not answer: what was not done is done with a later step.
    pub async fn index_step(&self) -> Result<Filling, EngineError> {
        let catalogue = self.catalogue_kept();
        let engine = self.owner.engine().as_ref();
        let mut left = Filling::Done;
        let mut looked_at: HashMap<CollectionId, Vec<IndexRow>> = HashMap::new();
        for collection in catalogue.states() {
            let states = States { engine, collection };
            for (rows, state, version) in states.all().await? {
                let known = catalogue.indexed(rows);
                if let Some((known, place)) = known {
                    looked_at.entry(known.id).or_default().extend(row(known, place, &state));
                }
                let done = match (state.phase(), known) {
                    (Phase::Ready, _) => Filling::Done,
                    (Phase::Building, Some((known, place))) => {
                        fill(states, known, place, state, version).await?
                    }
                    // Another process knows the collection it is of, or nobody does any more.
                    (Phase::Building, None) => Filling::Done,
                    (Phase::Removing, known) => remove(states, rows, known.is_some(), state, version).await?,
                };
                left = left.max(done);
            }
        }
        let mut is_lost = false;
        for known in catalogue.all() {
            let indexes = looked_at.remove(&known.id).unwrap_or_default();
            let wanted = known.typed.as_ref().map_or(0, |typed| typed.indexes.len());
            is_lost |= indexes.iter().filter(|index| index.phase != Phase::Removing.said()).count() < wanted;
            self.owner.metrics().of(known.id, |row| row.set_indexes(indexes));
        }
        if is_lost {
            // What is served here is being removed, or gone: it may be elsewhere by now.
            self.follow_indexes().await?;
        }
        Ok(left)
    }
}

/// What is told of an index.
fn row(known: &Known, place: usize, state: &State) -> Option<IndexRow> {
    Some(IndexRow {
        name: known.typed.as_ref()?.indexes.get(place)?.name.clone(),
        phase: state.phase().said(),
        done: state.done,
        left_out: state.left_out,
        problem: state.problem.clone(),
    })
}
