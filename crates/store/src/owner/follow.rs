//! Those who follow the log of changes from the same place read it together: at the end of a log that is where nearly all of them are.
//!
//! Who comes while others of its place wait to be let in joins them. Once the engine is being asked nobody joins any more, so what was
//! written before somebody came is in what he gets.

use super::gate::Gate;
use super::{OwnerError, failed};
use crate::engine::{Changes, Cursor, Engine};
use crate::name::CollectionId;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which changes: of a collection, from here on, so many.
type Place = (CollectionId, Cursor, usize);
type Answer = Result<Arc<Changes>, OwnerError>;
type Reading = BoxFuture<'static, Answer>;

/// Places that may be left by all who waited there before they are looked for.
const LEFT: usize = 256;

/// See the module.
pub(super) struct Followers {
    engine: Arc<dyn Engine>,
    gate: Gate,
    waiting: Mutex<HashMap<Place, WeakShared<Reading>>>,
}

impl Followers {
    /// The log of this engine, behind this gate.
    pub(super) fn new(engine: Arc<dyn Engine>, gate: Gate) -> Arc<Followers> {
        Arc::new(Followers { engine, gate, waiting: Mutex::default() })
    }

    /// Changes from a place on.
    pub(super) async fn changes(self: &Arc<Followers>, place: Place) -> Answer {
        let reading = self.join(place);
        reading.await
    }

    fn join(self: &Arc<Followers>, place: Place) -> Shared<Reading> {
        let mut waiting = self.waiting();
        if let Some(reading) = waiting.get(&place).and_then(WeakShared::upgrade) {
            return reading;
        }
        if waiting.len() >= LEFT {
            waiting.retain(|_, reading| reading.upgrade().is_some());
        }
        let reading = self.clone().read(place).boxed().shared();
        waiting.extend(reading.downgrade().map(|reading| (place, reading)));
        reading
    }

    async fn read(self: Arc<Followers>, place: Place) -> Answer {
        let pass = self.gate.enter(None).await;
        self.waiting().remove(&place);
        let _pass = pass?;
        let (collection, from, limit) = place;
        self.engine.changes(collection, from, limit).await.map(Arc::new).map_err(failed)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Place, WeakShared<Reading>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
