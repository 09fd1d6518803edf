//! The operations of unknown outcome that a search may place, or leave out.

use super::taken::{Taken, Window};
use crate::model::{EntryOf, Model, Open};

/// How far back one is sought that can stand for another. A crash leaves as many open calls as there are clients, 64 in the store's runs; one that is not
/// found costs time, never truth.
const SOUGHT: usize = 256;

/// Whether one operation can stand for another.
type Alike<'m, M> = dyn Fn(&Open<EntryOf<M>>, &Open<EntryOf<M>>) -> bool + 'm;

/// The operations of unknown outcome, sorted by call.
pub struct Unknown<'a, M: Model> {
    open: &'a [Open<EntryOf<M>>],
    /// By operation: the one before it that asks for the same, see [`Unknown::may_take`].
    twin: Vec<Option<usize>>,
    /// By operation: the one before it that nobody was told of either way and that does the same to a state in which nobody is told.
    spare: Vec<Option<usize>>,
    taken: Taken,
}

impl<'a, M: Model> Unknown<'a, M> {
    /// Gathers them; pruned, those that are alike wait for each other.
    pub fn new(model: &M, open: &'a [Open<EntryOf<M>>], pruned: bool) -> Unknown<'a, M> {
        let before = |index: usize, alike: &Alike<M>| {
            let alike = |before: &usize| alike(&open[*before], &open[index]);
            if pruned { (0..index).rev().take(SOUGHT).find(alike) } else { None }
        };
        let twin = |first: &Open<EntryOf<M>>, second: &Open<EntryOf<M>>| {
            model.stands_for(&first.entry, &second.entry, false)
        };
        let spare = |first: &Open<EntryOf<M>>, second: &Open<EntryOf<M>>| {
            let untold = first.effects.iter().all(|effect| model.rank(effect).is_none());
            untold && model.stands_for(&first.entry, &second.entry, true)
        };
        Unknown {
            twin: (0..open.len()).map(|index| before(index, &twin)).collect(),
            spare: (0..open.len()).map(|index| before(index, &spare)).collect(),
            taken: Taken::new(open.len()),
            open,
        }
    }

    /// Those that are not placed and were called by `until_ns`, in the order of their calls.
    pub fn left(&self, until_ns: u64) -> Vec<usize> {
        let called = self.open.partition_point(|open| open.entry.call_ns <= until_ns);
        (0..called).filter(|index| !self.taken.contains(*index)).collect()
    }

    /// Whether the operation need not wait for one that is like it; `told` says that it would take effect with an answer.
    ///
    /// Of two that can do the same, the one called first goes first. Nothing is lost: neither returns, so where an order has the later
    /// one and not the earlier, or has it first, the two can change places.
    pub fn may_take(&self, index: usize, told: bool) -> bool {
        let first = |other: Option<usize>| other.is_none_or(|other| self.taken.contains(other));
        first(self.twin[index]) && (told || first(self.spare[index]))
    }

    /// Whether it is placed.
    pub fn is_taken(&self, index: usize) -> bool {
        self.taken.contains(index)
    }

    /// An operation as it was recorded.
    pub fn entry(&self, index: usize) -> &'a EntryOf<M> {
        &self.open[index].entry
    }

    /// The ways in which it may have taken effect.
    pub fn effects(&self, index: usize) -> &'a [EntryOf<M>] {
        &self.open[index].effects
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
