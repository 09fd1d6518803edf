//! The waiting room: the queue of those who wait, each with the means to be given a place, and how many of each priority.
//!
//! A place may only be taken for the priority that will get it, so it must be known who is next before anybody leaves.

use std::time::Duration;
use tenet_resilience::Moment;
use tenet_resilience::limit::Priority;
use tenet_resilience::queue::{Key, Pushed, QueueRules, WaitQueue};
use tokio::sync::oneshot;

/// Gives a place to one who waits. Who is refused learns it from the end of its channel.
type Give = oneshot::Sender<()>;

/// Those who wait.
#[derive(Debug)]
pub(super) struct Room {
    queue: WaitQueue<(Priority, Give)>,
    /// How many wait, in the order of [`Priority::REFUSABLE`].
    waiting: [usize; Priority::REFUSABLE.len()],
}

impl Room {
    pub(super) fn new(rules: QueueRules) -> Room {
        Room { queue: WaitQueue::new(rules), waiting: [0; Priority::REFUSABLE.len()] }
    }

    /// Lets one wait; `None` when there is no seat for its like. Someone less important may have to make way.
    pub(super) fn push(&mut self, now: Moment, priority: Priority, give: Give) -> Option<Key> {
        let Pushed { key, evicted } = self.queue.push(now, priority, (priority, give)).ok()?;
        *self.count(priority) += 1;
        self.left(evicted);
        Some(key)
    }

    /// Sends those away whose time is over.
    pub(super) fn expire(&mut self, now: Moment) {
        while let Some(expired) = self.queue.expired(now) {
            self.left(Some(expired));
        }
    }

    /// The priority of who is next.
    pub(super) fn next_priority(&self) -> Option<Priority> {
        let mut lanes = Priority::REFUSABLE.into_iter().zip(self.waiting);
        lanes.find(|(_, waiting)| *waiting > 0).map(|(priority, _)| priority)
    }

    /// Who is next, and how long it has waited.
    pub(super) fn pop(&mut self, now: Moment) -> Option<(Give, Duration)> {
        let ((priority, give), waited) = self.queue.pop(now)?;
        *self.count(priority) -= 1;
        Some((give, waited))
    }

    /// Takes one out that has gone away.
    pub(super) fn remove(&mut self, key: Key) {
        let gone = self.queue.remove(key);
        self.left(gone);
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    fn left(&mut self, who: Option<(Priority, Give)>) {
        if let Some((priority, _give)) = who {
            *self.count(priority) -= 1;
        }
    }

    fn count(&mut self, priority: Priority) -> &mut usize {
        let at = Priority::REFUSABLE.iter().position(|lane| *lane == priority).unwrap_or(0);
        &mut self.waiting[at]
    }
}
