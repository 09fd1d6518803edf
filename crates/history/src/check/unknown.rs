//! The operations of unknown outcome that a search may place, or leave out.

use super::taken::{Taken, Window};
use crate::model::{EntryOf, Model, NumberedOf};

/// The operations of unknown outcome, sorted by call.
pub struct Unknown<'a, M: Model> {
    entries: Vec<&'a EntryOf<M>>,
    /// By operation: the one before it that asks for the same, see [`Unknown::candidates`].
    twin: Vec<Option<usize>>,
    taken: Taken,
}

impl<'a, M: Model> Unknown<'a, M> {
    /// Gathers them. Pruned, those that only read are left out (they change nothing and told nobody anything), and
    /// twins wait for each other.
    pub fn new(model: &M, entries: &'a [NumberedOf<M>], pruned: bool) -> Unknown<'a, M> {
        let entries: Vec<_> = entries
            .iter()
            .map(|numbered| &numbered.entry)
            .filter(|entry| entry.is_unknown() && !(pruned && model.only_reads(entry)))
            .collect();
        let twin = (0..entries.len())
            .map(|index| {
                let same = |before: &usize| entries[*before].operation == entries[index].operation;
                if pruned { (0..index).rev().take(TWINS_SOUGHT).find(same) } else { None }
            })
            .collect();
        Unknown { taken: Taken::new(entries.len()), twin, entries }
    }

    /// Those that may be placed before `until_ns`, in the order of their calls.
    ///
    /// Of two that ask for the same, the one called first goes first. Nothing is lost: neither returns, so where an
    /// order has the later one and not the earlier, or has it first, the two can change places.
    pub fn candidates(&self, until_ns: u64) -> Vec<usize> {
        let called = self.entries.partition_point(|entry| entry.call_ns <= until_ns);
        let free = |index: &usize| !self.taken.contains(*index);
        let first = |index: &usize| self.twin[*index].is_none_or(|twin| self.taken.contains(twin));
        (0..called).filter(free).filter(first).collect()
    }

    /// An operation.
    pub fn entry(&self, index: usize) -> &'a EntryOf<M> {
        self.entries[index]
    }

    /// Notes that it took effect.
    pub fn take(&mut self, index: usize) {
        self.taken.insert(index);
    }

    /// Notes that it did not.
    pub fn put_back(&mut self, index: usize) {
        self.taken.remove(index);
    }

    /// Which took effect.
    pub fn window(&self) -> Window {
        self.taken.window()
    }
}

/// How far back a twin is sought. A crash leaves as many open calls as there are clients, 64 in the store's runs; a twin that is not
/// found costs time, never truth.
const TWINS_SOUGHT: usize = 256;
