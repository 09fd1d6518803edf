//! Which operations of unknown outcome may be of use before the next certain one.
//!
//! An operation that nobody is told of can only take items away, or put something there that nobody sees. So what it is of use for is known
//! by keys: it removes what a waiting operation must find absent, or it changes what a waiting refusal must not find as its conditions ask, or it
//! helps another one of use: by making its condition hold, or by mending what that one breaks on the way. Beside these, one whose condition
//! the next write ends, or of whose changes the next write covers only some, has its last occasion.

use super::RecordModel;
use super::demands::write_of;
use super::operation::{Action, Change, Condition, Expected, Key, RecordAnswer, Seen, Write, in_range};
use super::state::{Holds, Item, RecordState};
use super::versions::Version;
use crate::model::EntryOf;
use std::collections::HashSet;

type Record = EntryOf<RecordModel>;

/// Keys whose change is of use.
#[derive(Default)]
struct Uses<'a> {
    /// Where what is there must go.
    removal: HashSet<&'a Key>,
    /// Where any change may help.
    any: HashSet<&'a Key>,
}

/// By operation of `open`: see [`crate::Model::wanted`].
pub fn wanted<'a>(state: &'a RecordState, waiting: &[&'a Record], open: &[&'a Record]) -> Vec<bool> {
    let mut uses = Uses::default();
    let mut wanted = vec![false; open.len()];
    let writes = || open.iter().enumerate().filter_map(|(index, entry)| Some((index, write_of(entry)?)));
    for entry in waiting {
        uses.add(state, entry);
        let Some(next) = write_of(entry).filter(|_| entry.answer().is_none_or(changes)) else { continue };
        for (index, write) in writes().filter(|(_, write)| has_last_occasion(write, next)) {
            wanted[index] = true;
            uses.add_needs(write);
        }
    }
    let mut more = true;
    while std::mem::take(&mut more) {
        for (index, write) in writes() {
            if !wanted[index] && write.changes.iter().any(|change| uses.helps(change)) {
                wanted[index] = true;
                uses.add_needs(write);
                more = true;
            }
        }
    }
    wanted
}

fn changes(answer: &RecordAnswer) -> bool {
    matches!(answer, RecordAnswer::Written { .. })
}

/// Whether `write` cannot take effect as well behind `next`, and is not covered by it either.
fn has_last_occasion(write: &Write, next: &Write) -> bool {
    let covers = |key: &Key| next.changes.iter().any(|change| change.key == *key);
    let touches = write.conditions.iter().any(|condition| covers(&condition.key))
        || write.changes.iter().any(|change| covers(&change.key));
    touches && !write.changes.iter().all(|change| covers(&change.key))
}

fn is(item: Item, seen: Seen) -> bool {
    item.value == seen.value && item.version == Version::Known(seen.version)
}

impl<'a> Uses<'a> {
    fn helps(&self, change: &Change) -> bool {
        self.any.contains(&change.key) || change.value.is_none() && self.removal.contains(&change.key)
    }

    /// What an operation of use needs and may break.
    fn add_needs(&mut self, write: &'a Write) {
        for condition in &write.conditions {
            if condition.expected == Expected::Absent {
                self.removal.insert(&condition.key);
            }
        }
        if let [_] = write.changes[..] {
            return;
        }
        for change in &write.changes {
            if !self.removal.contains(&change.key) {
                self.any.insert(&change.key);
            }
        }
    }

    /// What would make `entry` possible in `state`, where it is not and something of this kind can.
    fn add(&mut self, state: &'a RecordState, entry: &'a Record) {
        let there = |key: &Key| state.find(key).is_some();
        match (&entry.operation.action, entry.answer()) {
            (Action::Get { key, .. }, Some(RecordAnswer::Item(None))) if there(key) => {
                self.removal.insert(key);
            }
            // What it shows must be there already: whoever puts that is told of.
            (Action::Scan { from, to, .. }, Some(RecordAnswer::Items(shown)))
                if shown.iter().all(|(key, seen)| state.find(key).is_some_and(|item| is(item, *seen))) =>
            {
                let keys = state.items.iter().map(|(key, _)| key);
                let hidden = keys.filter(|key| {
                    in_range(key, from.as_ref(), to.as_ref()) && shown.iter().all(|(shown, _)| shown != *key)
                });
                self.removal.extend(hidden);
            }
            (Action::Write(write), Some(RecordAnswer::Refused { found: None }))
                if write.conditions.iter().all(|condition| state.holds(condition) == Holds::Yes) =>
            {
                self.any.extend(write.conditions.iter().map(|condition| &condition.key));
            }
            (Action::Write(_), Some(RecordAnswer::Refused { found: Some((key, None)) })) if there(key) => {
                self.removal.insert(key);
            }
            (Action::Write(write), answer) if !matches!(answer, Some(RecordAnswer::Refused { .. })) => {
                self.add_absent(state, &write.conditions);
                if matches!(answer, Some(RecordAnswer::Unchanged)) {
                    let keys = write.changes.iter().map(|change| &change.key);
                    self.removal.extend(keys.filter(|key| there(key)));
                }
            }
            _ => {}
        }
    }

    fn add_absent(&mut self, state: &RecordState, conditions: &'a [Condition]) {
        let absent = conditions.iter().filter(|condition| condition.expected == Expected::Absent);
        self.removal.extend(absent.map(|condition| &condition.key).filter(|key| state.find(key).is_some()));
    }
}
