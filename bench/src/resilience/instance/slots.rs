//! A queue before k slots, reckoned ahead: when a call comes it is known when it will end.
//!
//! Slots are free at times that were reckoned and not when a timer happened to fire, so the capacity is k ÷ work exactly.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

/// First come, first served.
pub struct Slots {
    /// When each slot that was ever taken is free.
    free: BinaryHeap<Reverse<Instant>>,
    count: usize,
    /// When the calls that waited will begin or began; never earlier than the one before.
    begins: VecDeque<Instant>,
    queue: usize,
}

impl Slots {
    /// `count` slots, and a queue of so many calls before them.
    pub fn new(count: usize, queue: usize) -> Slots {
        Slots { free: BinaryHeap::new(), count, begins: VecDeque::new(), queue }
    }

    /// When a call that comes at `now` and takes `work` will end; `None` where the queue is full.
    pub fn take(&mut self, now: Instant, work: Duration) -> Option<Instant> {
        while self.begins.front().is_some_and(|begin| *begin <= now) {
            self.begins.pop_front();
        }
        if self.begins.len() >= self.queue {
            return None;
        }
        let free = if self.free.len() < self.count { None } else { self.free.pop() };
        let begin = free.map_or(now, |Reverse(free)| free.max(now));
        if begin > now {
            self.begins.push_back(begin);
        }
        let end = begin + work;
        self.free.push(Reverse(end));
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;
    use std::time::{Duration, Instant};

    fn ends(slots: usize, queue: usize, calls: &[(u64, u64)]) -> Vec<Option<u64>> {
        let begin = Instant::now();
        let mut slots = Slots::new(slots, queue);
        let ms = Duration::from_millis;
        calls
            .iter()
            .map(|(at, work)| slots.take(begin + ms(*at), ms(*work)))
            .map(|end| end.map(|end| u64::try_from((end - begin).as_millis()).unwrap()))
            .collect()
    }

    #[test]
    fn calls_begin_when_a_slot_is_free() {
        for (slots, queue, calls, expected) in [
            (2, 9, &[(0, 20), (0, 20), (5, 20), (50, 20)][..], &[Some(20), Some(20), Some(40), Some(70)][..]),
            // A slow call holds one slot, the other goes on.
            (2, 9, &[(0, 120), (0, 20), (0, 20), (0, 20)], &[Some(120), Some(20), Some(40), Some(60)]),
            // One may wait; when it has begun another may.
            (1, 1, &[(0, 20), (0, 20), (0, 20), (20, 20)], &[Some(20), Some(40), None, Some(60)]),
        ] {
            assert_eq!(ends(slots, queue, calls), expected);
        }
    }

    #[test]
    fn an_overrun_queue_is_served_at_capacity() {
        let calls: Vec<_> = (0..2000).map(|index| (index / 2, 20)).collect();
        let ends = ends(8, 1024, &calls);
        let done = ends.iter().flatten().filter(|end| (501..=1500).contains(*end)).count();
        assert_eq!(done, 8 * 1000 / 20);
    }
}
