//! The counts: one run of slots, whole octaves from the lowest to the highest that was ever touched.
//!
//! Latencies of one endpoint span few octaves, so a run beats both a full table (16 KiB each) and a map (a look-up
//! per value). It grows by whole octaves, so that a recorder stops allocating once it has seen its usual range.

use crate::slot::SLOTS;

/// Slots added at a time when the run grows.
const STEP: usize = 32;

#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    /// Slot of `counts[0]`, a multiple of [`STEP`].
    first: usize,
    counts: Vec<u64>,
}

impl Window {
    pub(crate) const fn new() -> Window {
        Window { first: 0, counts: Vec::new() }
    }

    #[inline]
    pub(crate) fn add(&mut self, slot: usize, count: u64) {
        // Below `first` the difference wraps to something no run is long enough for: one comparison, not two.
        let index = slot.wrapping_sub(self.first);
        match self.counts.get_mut(index) {
            Some(held) => *held = held.saturating_add(count),
            None => self.grow_and_add(slot, count),
        }
    }

    #[cold]
    fn grow_and_add(&mut self, slot: usize, count: u64) {
        debug_assert!(slot < SLOTS);
        let floor = slot / STEP * STEP;
        if self.counts.is_empty() {
            self.first = floor;
        } else if floor < self.first {
            let missing = self.first - floor;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = floor;
        }
        let end = floor + STEP - self.first;
        if self.counts.len() < end {
            self.counts.resize(end, 0);
        }
        self.counts[slot - self.first] += count;
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
    }

    pub(crate) fn filled(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let first = self.first;
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(move |(i, count)| (first + i, *count))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }
}
