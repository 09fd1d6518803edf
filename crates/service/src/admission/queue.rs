//! The waiting room: who waits for a place, in which order they get one, and whose time is over.
//!
//! In normal times first come, first served. When the room has not been empty for longer than a short interval the service is
//! overloaded: then those that have waited longest are the ones least likely to be still wanted, so the last to come is the
//! first to be served, and waiting has a short limit (adaptive LIFO and controlled delay, Maurer, "Fail at Scale", ACM Queue
//! 2015). Higher priorities always come first.

use crate::methods::Priority;
use std::collections::VecDeque;
use std::time::Duration;
use tenet_resilience::Moment;

/// How long the room may be in use before that counts as overload (CoDel's interval).
const INTERVAL: Duration = Duration::from_millis(100);
/// How long anyone waits under overload.
const OVERLOAD_TIME: Duration = Duration::from_millis(20);

/// Names one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(Priority, u64);

/// One who waits.
#[derive(Debug)]
struct Waiting<T> {
    number: u64,
    since: Moment,
    item: T,
}

/// A waiting room with a lane for each priority.
#[derive(Debug)]
pub(crate) struct WaitQueue<T> {
    capacity: usize,
    patience: Duration,
    lanes: [VecDeque<Waiting<T>>; 3],
    next_number: u64,
    /// Since when the room has not been empty.
    in_use_since: Option<Moment>,
}

/// What [`WaitQueue::pop`] found.
#[derive(Debug)]
pub(crate) struct Popped<T> {
    /// Who is next, and how long it waited.
    pub(crate) admit: Option<(T, Duration)>,
    /// Those whose time is over.
    pub(crate) expired: Vec<T>,
}

/// The lanes in the order they are served.
const ORDER: [Priority; 3] = [Priority::Critical, Priority::Normal, Priority::Sheddable];

/// The lane of a priority; who is exempt never waits, and would count as the highest.
fn lane(priority: Priority) -> usize {
    ORDER.iter().position(|lane| *lane == priority).unwrap_or(0)
}

impl<T> WaitQueue<T> {
    /// A room for `capacity` who wait at most `patience`.
    pub(crate) fn new(capacity: usize, patience: Duration) -> WaitQueue<T> {
        let lanes = std::array::from_fn(|_| VecDeque::new());
        WaitQueue { capacity, patience, lanes, next_number: 0, in_use_since: None }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// Lets `item` wait. In a full room the longest-waiting one of a lower priority leaves for it and is returned.
    ///
    /// # Errors
    /// The item, when the room is full of its like.
    pub(crate) fn push(&mut self, now: Moment, priority: Priority, item: T) -> Result<(Key, Option<T>), T> {
        let mut evicted = None;
        if self.len() >= self.capacity {
            let lower = (lane(priority) + 1..ORDER.len()).rev().find(|lane| !self.lanes[*lane].is_empty());
            match lower.and_then(|lane| self.lanes[lane].pop_front()) {
                Some(waiting) => evicted = Some(waiting.item),
                None => return Err(item),
            }
        }
        self.in_use_since.get_or_insert(now);
        self.next_number += 1;
        let number = self.next_number;
        self.lanes[lane(priority)].push_back(Waiting { number, since: now, item });
        Ok((Key(priority, number), evicted))
    }

    /// Takes out who is next, if `admit` has a place for its priority, and those before it whose time is over.
    pub(crate) fn pop(&mut self, now: Moment, admit: impl FnOnce(Priority) -> bool) -> Popped<T> {
        let overloaded = self.in_use_since.is_some_and(|since| now.since(since) > INTERVAL);
        let patience = if overloaded { self.patience.min(OVERLOAD_TIME) } else { self.patience };
        let mut expired = Vec::new();
        let mut next = None;
        for (lane, priority) in self.lanes.iter_mut().zip(ORDER) {
            // Each lane is in the order of arrival, so those whose time is over stand in front.
            while lane.front().is_some_and(|first| now.since(first.since) > patience) {
                expired.extend(lane.pop_front().map(|waiting| waiting.item));
            }
            if !lane.is_empty() {
                if admit(priority) {
                    next = if overloaded { lane.pop_back() } else { lane.pop_front() };
                }
                break;
            }
        }
        self.empty_again();
        Popped { admit: next.map(|waiting| (waiting.item, now.since(waiting.since))), expired }
    }

    /// Takes out one who no longer waits; `None` when it has left already.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let lane = &mut self.lanes[lane(key.0)];
        let at = lane.binary_search_by_key(&key.1, |waiting| waiting.number).ok()?;
        let waiting = lane.remove(at);
        self.empty_again();
        waiting.map(|waiting| waiting.item)
    }

    fn empty_again(&mut self) {
        if self.len() == 0 {
            self.in_use_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Critical, Normal, Sheddable};

    fn at(ms: u64) -> Moment {
        Moment::from_start(Duration::from_millis(ms))
    }

    fn room(capacity: usize) -> WaitQueue<u32> {
        WaitQueue::new(capacity, Duration::from_millis(500))
    }

    #[test]
    fn priorities_first_then_order_of_arrival_and_the_last_first_under_overload() {
        let mut room = room(10);
        for (ms, priority, item) in [(0, Normal, 1), (1, Sheddable, 2), (2, Critical, 3), (3, Normal, 4)] {
            room.push(at(ms), priority, item).unwrap();
        }
        assert_eq!(room.pop(at(5), |priority| priority != Critical).admit, None);
        assert_eq!(room.pop(at(5), |_| true).admit.unwrap().0, 3);
        assert_eq!(room.pop(at(5), |_| true).admit, Some((1, Duration::from_millis(5))));
        room.push(at(99), Normal, 5).unwrap();
        room.push(at(100), Normal, 6).unwrap();
        let popped = room.pop(at(101), |_| true);
        assert_eq!((popped.admit.unwrap().0, popped.expired), (6, vec![4]));
        let popped = room.pop(at(119), |_| true);
        assert_eq!((popped.admit.unwrap().0, popped.expired), (5, vec![]));
        let popped = room.pop(at(119), |_| true);
        assert_eq!((popped.admit, popped.expired), (None, vec![2]));
        assert_eq!(room.len(), 0);
    }

    #[test]
    fn a_full_room_makes_way_for_higher_priorities_only() {
        let mut room = room(2);
        let (key, _) = room.push(at(0), Sheddable, 1).unwrap();
        room.push(at(0), Normal, 2).unwrap();
        assert_eq!(room.push(at(0), Sheddable, 3), Err(3));
        assert_eq!(room.push(at(0), Normal, 4).unwrap().1, Some(1));
        assert_eq!(room.push(at(0), Normal, 5), Err(5));
        assert_eq!(room.push(at(0), Critical, 6).unwrap().1, Some(2));
        assert_eq!(room.remove(key), None);
        assert_eq!(room.len(), 2);
    }

    #[test]
    fn who_leaves_is_gone() {
        let mut room = room(4);
        let keys: Vec<Key> = (0..3).map(|item| room.push(at(0), Normal, item).unwrap().0).collect();
        assert_eq!(room.remove(keys[1]), Some(1));
        assert_eq!(room.remove(keys[1]), None);
        assert_eq!(room.pop(at(0), |_| true).admit.unwrap().0, 0);
        assert_eq!(room.pop(at(0), |_| true).admit.unwrap().0, 2);
    }
}
