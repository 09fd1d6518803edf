//! Lanes: bounded queues, each with one task that takes as much as waits.

use super::OwnerError;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};
use tokio::sync::mpsc;

/// Which lane a record belongs to differs from process to process: nobody can fill one on purpose.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A number for a record's id.
pub(super) fn hash(record: &[u8]) -> usize {
    HASHER.hash_one(record) as usize
}

/// Queues of what was asked.
pub(super) struct Lanes<T>(Arc<[mpsc::Sender<T>]>);

impl<T> Clone for Lanes<T> {
    fn clone(&self) -> Lanes<T> {
        Lanes(self.0.clone())
    }
}

impl<T: Send + 'static> Lanes<T> {
    /// Starts `count` lanes; `run` makes the task of each from its queue.
    pub(super) fn start<F: Future<Output = ()> + Send + 'static>(
        count: usize,
        waiting: usize,
        mut run: impl FnMut(mpsc::Receiver<T>) -> F,
    ) -> Lanes<T> {
        let lane = |_| {
            let (sender, receiver) = mpsc::channel(waiting.max(1));
            tokio::spawn(run(receiver));
            sender
        };
        Lanes((0..count.max(1)).map(lane).collect())
    }

    /// Puts it into the lane of `hash`, or says that there is no room.
    pub(super) fn send(&self, hash: usize, asked: T) -> Result<(), OwnerError> {
        let lane = &self.0[hash % self.0.len()];
        lane.try_send(asked).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => OwnerError::Full { waiting: lane.max_capacity() },
            mpsc::error::TrySendError::Closed(_) => OwnerError::Ending,
        })
    }
}
