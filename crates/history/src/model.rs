//! What a checked object is: the sequential object that a history is compared with.

use crate::entry::{Entry, Numbered};
use std::fmt::{Debug, Display};
use std::hash::Hash;

/// An entry of a model's histories.
pub type EntryOf<M> = Entry<<M as Model>::Operation, <M as Model>::Answer>;

/// The same with its number in the history.
pub type NumberedOf<M> = Numbered<EntryOf<M>>;

/// A sequential object. All that have a body are prunings: a model that leaves them out is checked as truly, only slower.
pub trait Model: Sized {
    /// What histories are split by: each record has a state of its own, and no operation touches two.
    type Record: Clone + Ord + Display;
    /// What a client asks for.
    type Operation: Clone + Eq + Display;
    /// What it is told.
    type Answer: Clone + Display;
    /// The object between two operations. It may stand for several (a version that nobody has told yet): then a
    /// step from it must be possible exactly where it is possible from one of them, and keep those.
    type State: Clone + Eq + Hash + Debug + Display;

    /// The record an operation touches; none where this model does not judge it (reads that accept an age).
    fn record(&self, operation: &Self::Operation) -> Option<Self::Record>;

    /// Every record before the first operation.
    fn start(&self) -> Self::State;

    /// The state after `entry` took effect in `state`; none where its answer is impossible there. An unknown outcome
    /// has no answer: the step then is what the operation does when it takes effect, whatever it would have answered.
    fn step(&self, state: &Self::State, entry: &EntryOf<Self>) -> Option<Self::State>;

    /// Whether `entry` changes no state, wherever it stands. Such an operation is placed as soon as it is possible and
    /// leaves the state as it was. Nothing is lost: take any order that has it later. Moved to the front it is possible there,
    /// real time allows it (it was a candidate), and all others find the state they found before. A step that
    /// narrows what the state stands for leaves another state, and is a choice like any other.
    fn only_reads(&self, entry: &EntryOf<Self>) -> bool {
        let _ = entry;
        false
    }

    /// The place of `entry` among the operations of its record, where its answer tells it (the version of a write). Operations
    /// take effect in the order of their ranks, and one of each rank before any of a later one; several of one
    /// rank are repetitions of which one had effect.
    fn rank(&self, entry: &EntryOf<Self>) -> Option<u64> {
        let _ = entry;
        None
    }

    /// What the search is given of one record's `entries`, sorted by call: as many certain outcomes and as few ways out as the history
    /// leaves, in a form that has an order exactly where the entries have one.
    fn simplify(&self, entries: Vec<NumberedOf<Self>>) -> Problem<Self> {
        Problem::of(self, entries)
    }

    /// The record before the first operation, for what [`Model::simplify`] made.
    fn simplified_start(&self) -> Self::State {
        self.start()
    }

    /// Which of `open` may be of use before the next certain operation, in `state`. `waiting` are the operations of which one is placed
    /// next: what stands there must only be offered where it can make one of them possible that is not, alone or together with
    /// others of `open`, or where it can no longer take effect as well behind one of them.
    ///
    /// Nothing is lost by leaving out the others: take any order, take away operations of unknown outcome while an order is left, and move each that
    /// remains as far back as it can go. What still stands before an operation is of use before it in one of the two ways.
    fn wanted(&self, state: &Self::State, waiting: &[&EntryOf<Self>], open: &[&EntryOf<Self>]) -> Vec<bool> {
        let _ = (state, waiting);
        vec![true; open.len()]
    }

    /// Whether the first of two operations of unknown outcome, called no later, can always stand for the second where the second
    /// takes effect as it is given here, in states of [`Model::simplified_start`]. `spare` says that the first can take effect in no other way.
    fn stands_for(&self, first: &EntryOf<Self>, second: &EntryOf<Self>, spare: bool) -> bool {
        let _ = spare;
        first.operation == second.operation
    }
}

/// What a search has to order.
pub struct Problem<M: Model> {
    /// Operations that were answered.
    pub certain: Vec<NumberedOf<M>>,
    /// Operations of unknown outcome that may be needed, sorted by call.
    pub open: Vec<Open<EntryOf<M>>>,
    /// Ranks that one of `open` must have taken, because answers show them and no certain operation has them.
    pub ranks: Vec<u64>,
}

/// An operation of unknown outcome.
#[derive(Clone, Debug)]
pub struct Open<E> {
    /// As it was recorded.
    pub entry: E,
    /// How it may have taken effect: with an answer of that rank, or with none, which nobody was ever told. Not having taken effect is always a
    /// choice beside these.
    pub effects: Vec<E>,
}

impl<M: Model> Problem<M> {
    /// Entries as they are, without those of unknown outcome that only read: they change nothing and told nobody anything.
    pub fn of(model: &M, entries: Vec<NumberedOf<M>>) -> Problem<M> {
        let mut problem = Problem { certain: Vec::new(), open: Vec::new(), ranks: Vec::new() };
        for numbered in entries {
            if !numbered.entry.is_unknown() {
                problem.certain.push(numbered);
            } else if !model.only_reads(&numbered.entry) {
                let effects = vec![numbered.entry.clone()];
                problem.open.push(Open { entry: numbered.entry, effects });
            }
        }
        problem
    }
}
