//! What the answers of one record's history show of writes that nobody was told a version of, gathered for [`super::simplify`].

use super::RecordModel;
use super::demands::write_of;
use super::operation::{Action, Change, Expected, Key, RecordAnswer};
use crate::entry::Outcome;
use crate::model::{EntryOf, NumberedOf};
use std::collections::{HashMap, HashSet};

/// What the answers show.
#[derive(Default)]
pub struct Evidence {
    /// All versions that an item surely had or may have had: given, shown, met by a refusal, or named by a condition that held.
    told: HashSet<u64>,
    /// By key: the last return of a refusal that something put there would explain.
    puts: HashMap<Key, u64>,
    /// By key: the last return of an operation that a removal would explain.
    removals: HashMap<Key, u64>,
    /// Strict reads, with their returns: whom they found absent is asked rarely, and by key.
    reads: Vec<(u64, Action, HashSet<Key>)>,
}

impl Evidence {
    /// Gathers what `entries` show.
    pub fn of(entries: &[NumberedOf<RecordModel>]) -> Evidence {
        let mut evidence = Evidence::default();
        entries.iter().for_each(|numbered| evidence.add_told(&numbered.entry));
        let deletes = entries.iter().any(|numbered| numbered.entry.is_unknown() && deletes(&numbered.entry));
        for entry in entries.iter().map(|numbered| &numbered.entry) {
            match &entry.outcome {
                Outcome::Answered { return_ns, answer } => {
                    let read = !matches!(entry.operation.action, Action::Write(_));
                    if read && deletes {
                        let items = answer.shown(&entry.operation.action);
                        let keys = items.iter().map(|(key, _)| (*key).clone()).collect();
                        evidence.reads.push((*return_ns, entry.operation.action.clone(), keys));
                    }
                    evidence.add_write(entry, Some(answer), *return_ns);
                }
                // It may have looked at any time.
                Outcome::Unknown => evidence.add_write(entry, None, u64::MAX),
            }
        }
        evidence
    }

    /// Whether an operation that returned at or after `call_ns` may have met what a write called then left behind: that something is there of
    /// which nobody is told, or that something is not.
    pub fn may_have_met(&self, change: &Change, call_ns: u64) -> bool {
        let since =
            |last: &HashMap<Key, u64>| last.get(&change.key).is_some_and(|last_ns| *last_ns >= call_ns);
        match change.value {
            Some(_) => since(&self.puts),
            None => {
                since(&self.removals)
                    || self.reads.iter().any(|(return_ns, action, shown)| {
                        *return_ns >= call_ns && action.looks_at(&change.key) && !shown.contains(&change.key)
                    })
            }
        }
    }

    fn add_told(&mut self, entry: &EntryOf<RecordModel>) {
        let action = &entry.operation.action;
        match entry.answer() {
            Some(RecordAnswer::Written { version }) => {
                self.told.insert(*version);
            }
            Some(RecordAnswer::Refused { found }) => {
                self.told.extend(found.iter().filter_map(|(_, version)| *version));
                return;
            }
            Some(answer) => self.told.extend(answer.shown(action).iter().map(|(_, seen)| seen.version)),
            None => {}
        }
        for condition in write_of(entry).into_iter().flat_map(|write| &write.conditions) {
            if let Expected::Version(version) = condition.expected {
                self.told.insert(version);
            }
        }
    }

    /// Adds what a write shows by its conditions.
    fn add_write(&mut self, entry: &EntryOf<RecordModel>, answer: Option<&RecordAnswer>, return_ns: u64) {
        let Some(write) = write_of(entry) else { return };
        match answer {
            Some(RecordAnswer::Refused { found: Some((key, None)) }) => {
                note(&mut self.removals, key, return_ns)
            }
            Some(RecordAnswer::Refused { found: Some((_, Some(_))) }) => {}
            Some(RecordAnswer::Refused { found: None }) => {
                let never = |expected| matches!(expected, Expected::Version(version) if !self.told.contains(&version));
                // No item need ever have had a version that nobody told: it is refused whatever stands there.
                if write.conditions.iter().any(|condition| never(condition.expected)) {
                    return;
                }
                for condition in &write.conditions {
                    note(&mut self.puts, &condition.key, return_ns);
                    if matches!(condition.expected, Expected::Version(_)) {
                        note(&mut self.removals, &condition.key, return_ns);
                    }
                }
            }
            // It was carried out, or may have been.
            _ => {
                for condition in &write.conditions {
                    if condition.expected == Expected::Absent {
                        note(&mut self.removals, &condition.key, return_ns);
                    }
                }
                if matches!(answer, Some(RecordAnswer::Unchanged)) {
                    write.changes.iter().for_each(|change| note(&mut self.removals, &change.key, return_ns));
                }
            }
        }
    }
}

fn note(last: &mut HashMap<Key, u64>, key: &Key, return_ns: u64) {
    let last_ns = last.entry(key.clone()).or_default();
    *last_ns = return_ns.max(*last_ns);
}

fn deletes(entry: &EntryOf<RecordModel>) -> bool {
    write_of(entry).is_some_and(|write| write.changes.iter().any(|change| change.value.is_none()))
}
