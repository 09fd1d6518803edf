//! Lanes: bounded queues, each with one task that takes as much as waits.
//!
//! A record has one lane, in which it may take a [share](super::share) of the places, and in which records take [turns](super::fair): so who comes for another
//! record finds room, and waits for one call at most of each that is asked for much.

use super::OwnerError;
use super::fair::Fair;
use super::share::{Share, Shares};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};

/// Queues of what was asked.
pub(super) struct Lanes<T> {
    lanes: Arc<[Lane<T>]>,
    shares: Shares,
    waiting: usize,
}

struct Lane<T> {
    sender: mpsc::UnboundedSender<Queued<T>>,
    /// What bounds it: how many more may wait.
    places: Arc<Semaphore>,
}

/// What waits in a lane, and the place and the share of its record that it has until it is taken.
struct Queued<T> {
    record: u64,
    asked: T,
    _place: OwnedSemaphorePermit,
    _share: Share,
}

/// The end of a lane where it is taken from.
pub(super) struct Waiting<T> {
    came: mpsc::UnboundedReceiver<Queued<T>>,
    fair: Fair<Queued<T>>,
}

impl<T> Waiting<T> {
    /// The next, as long as anybody can ask.
    pub(super) async fn next(&mut self) -> Option<T> {
        if let Some(asked) = self.next_now() {
            return Some(asked);
        }
        self.came.recv().await.map(|queued| queued.asked)
    }

    /// The next that is there already.
    pub(super) fn next_now(&mut self) -> Option<T> {
        while let Ok(queued) = self.came.try_recv() {
            self.fair.push(queued.record, queued);
        }
        self.fair.pop().map(|queued| queued.asked)
    }
}

impl<T> Clone for Lanes<T> {
    fn clone(&self) -> Lanes<T> {
        Lanes { lanes: self.lanes.clone(), shares: self.shares.clone(), waiting: self.waiting }
    }
}

impl<T: Send + 'static> Lanes<T> {
    /// Starts `count` lanes, in each of which so many wait, by these shares; `run` makes the task of each from its end.
    pub(super) fn start<F: Future<Output = ()> + Send + 'static>(
        count: usize,
        waiting: usize,
        shares: Shares,
        mut run: impl FnMut(Waiting<T>) -> F,
    ) -> Lanes<T> {
        let waiting = waiting.max(1);
        let lane = |_| {
            let (sender, came) = mpsc::unbounded_channel();
            tokio::spawn(run(Waiting { came, fair: Fair::default() }));
            Lane { sender, places: Arc::new(Semaphore::new(waiting)) }
        };
        Lanes { lanes: (0..count.max(1)).map(lane).collect(), shares, waiting }
    }

    /// Puts what weighs so much into the lane of a record, or says that there is no room.
    pub(super) fn send(&self, record: u64, weight: usize, asked: T) -> Result<(), OwnerError> {
        let lane = &self.lanes[record as usize % self.lanes.len()];
        let share = self.shares.take(record / self.lanes.len() as u64, weight);
        let share = share.ok_or(OwnerError::Crowded { waiting: self.shares.calls() })?;
        let place = lane.places.clone().try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => OwnerError::Full { waiting: self.waiting },
            TryAcquireError::Closed => OwnerError::Ending,
        })?;
        let queued = Queued { record, asked, _place: place, _share: share };
        lane.sender.send(queued).map_err(|_| OwnerError::Ending)
    }
}
