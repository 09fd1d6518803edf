//! A record of the store: items by key, each with a value and the version of the write that put it there.
//!
//! A version is the record's: it grows with every write that took effect and is one for all items of that write. It
//! orders the writes of a history, which makes its check nearly linear. Values are ids (a number, a hash): a
//! history is easiest to judge where no two writes put the same.
//!
//! Where one mutate may touch several records, name them together as one record: splitting a history is only right where
//! no operation touches two parts.
//!
//! Versions are compared, not counted: between two of them there is always room for a write that nobody saw.

mod demands;
mod display;
mod evidence;
mod operation;
mod simplify;
mod state;
mod versions;
mod wanted;

pub use operation::{
    Action, Change, Condition, Expected, Key, RecordAnswer, RecordOperation, Seen, Token, Write,
};
pub use state::RecordState;

pub(crate) use simplify::settle;

use crate::model::{EntryOf, Model, NumberedOf, Problem};

/// The model of a record, empty at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordModel;

impl Model for RecordModel {
    type Record = Key;
    type Operation = RecordOperation;
    type Answer = RecordAnswer;
    type State = RecordState;

    fn record(&self, operation: &RecordOperation) -> Option<Key> {
        let aged = operation.action.max_age_ns().is_some();
        (!aged).then(|| operation.record.clone())
    }

    fn start(&self) -> RecordState {
        RecordState::default()
    }

    fn step(&self, state: &RecordState, entry: &EntryOf<Self>) -> Option<RecordState> {
        let mut next = state.clone();
        next.apply(&entry.operation.action, entry.answer()).then_some(next)
    }

    /// Reads, and writes that were refused or changed nothing.
    fn only_reads(&self, entry: &EntryOf<Self>) -> bool {
        let write = matches!(entry.operation.action, Action::Write(_));
        !write || matches!(entry.answer(), Some(RecordAnswer::Refused { .. } | RecordAnswer::Unchanged))
    }

    fn rank(&self, entry: &EntryOf<Self>) -> Option<u64> {
        match entry.answer() {
            Some(RecordAnswer::Written { version }) => Some(*version),
            _ => None,
        }
    }

    fn simplify(&self, entries: Vec<NumberedOf<Self>>) -> Problem<Self> {
        simplify::simplify(entries)
    }

    fn simplified_start(&self) -> RecordState {
        RecordState::silent()
    }

    fn wanted(&self, state: &RecordState, waiting: &[&EntryOf<Self>], open: &[&EntryOf<Self>]) -> Vec<bool> {
        wanted::wanted(state, waiting, open)
    }

    /// Where nobody is told of either, values do not matter.
    fn stands_for(&self, first: &EntryOf<Self>, second: &EntryOf<Self>, spare: bool) -> bool {
        match (&first.operation.action, &second.operation.action) {
            (Action::Write(one), Action::Write(two)) if spare => {
                let like = |(one, two): (&Change, &Change)| {
                    one.key == two.key && one.value.is_some() == two.value.is_some()
                };
                one.token == two.token
                    && one.conditions == two.conditions
                    && one.changes.len() == two.changes.len()
                    && one.changes.iter().zip(&two.changes).all(like)
            }
            _ => first.operation == second.operation,
        }
    }
}
