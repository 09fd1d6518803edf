//! What a checked object is: the sequential object that a history is compared with.

use crate::entry::{Entry, Numbered};
use std::fmt::{Debug, Display};
use std::hash::Hash;

/// An entry of a model's histories.
pub type EntryOf<M> = Entry<<M as Model>::Operation, <M as Model>::Answer>;

/// The same with its number in the history.
pub type NumberedOf<M> = Numbered<EntryOf<M>>;

/// A sequential object. The last three methods are prunings: a model that leaves them out is checked as truly, only slower.
pub trait Model {
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

    /// Rewrites the entries of one record, sorted by call, into fewer or more certain ones that are linearizable exactly
    /// where the given ones are.
    fn simplify(&self, entries: Vec<NumberedOf<Self>>) -> Vec<NumberedOf<Self>> {
        entries
    }
}
