//! What goes to the engine by itself, because nobody can join it: ranges, pages, chunks, changes. So many at a time, and of one record at most half of them.
//!
//! Who waits for another of the same record waits before the gate, where it is in nobody's way; of those at the gate the first to come is the first to go in.

use super::OwnerError;
use super::share::{Share, Shares};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Places of records before the gate; two that share one by chance share its half.
const PLACES: usize = 256;

/// See the module.
pub(super) struct Gate {
    at_a_time: Semaphore,
    records: Box<[Semaphore]>,
    shares: Shares,
    waiting: Semaphore,
    most: usize,
}

/// The right to ask the engine, until it is dropped.
pub(super) struct Pass<'a> {
    _at_a_time: SemaphorePermit<'a>,
    _record: Option<SemaphorePermit<'a>>,
    _waiting: SemaphorePermit<'a>,
    _share: Option<Share>,
}

impl Gate {
    /// Lets in so many at a time; `waiting` may want to, of one record `per_record` of them.
    pub(super) fn new(at_a_time: usize, waiting: usize, per_record: usize) -> Gate {
        let half = (at_a_time / 2).max(1);
        Gate {
            at_a_time: Semaphore::new(at_a_time.max(1)),
            records: (0..PLACES).map(|_| Semaphore::new(half)).collect(),
            shares: Shares::new(per_record, usize::MAX),
            waiting: Semaphore::new(waiting.max(1)),
            most: waiting.max(1),
        }
    }

    /// Waits to be let in, for a record or for more than one.
    pub(super) async fn enter(&self, record: Option<u64>) -> Result<Pass<'_>, OwnerError> {
        let crowded = OwnerError::Crowded { waiting: self.shares.calls() };
        let share = match record {
            None => None,
            Some(record) => Some(self.shares.take(record, 0).ok_or(crowded)?),
        };
        let full = |_| OwnerError::Full { waiting: self.most };
        let waiting = self.waiting.try_acquire().map_err(full)?;
        // Nobody closes them.
        let ended = |_| OwnerError::Ending;
        let of_record = match record {
            None => None,
            Some(record) => {
                let place = &self.records[record as usize % PLACES];
                Some(place.acquire().await.map_err(ended)?)
            }
        };
        let at_a_time = self.at_a_time.acquire().await.map_err(ended)?;
        Ok(Pass { _at_a_time: at_a_time, _record: of_record, _waiting: waiting, _share: share })
    }
}
