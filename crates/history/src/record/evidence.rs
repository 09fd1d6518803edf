//! What the answers of one record's history show, gathered for [`super::simplify`].

use super::RecordModel;
use super::operation::{Action, Expected, Key, RecordAnswer};
use crate::entry::Outcome;
use crate::model::EntryOf;
use std::collections::{HashMap, HashSet};

/// What the answers show.
#[derive(Default)]
pub struct Evidence {
    /// How many operations write a value to a key.
    writers: HashMap<(Key, u64), usize>,
    /// The reads that showed a value of a key.
    shown: HashMap<(Key, u64), Shown>,
    /// By key: the last return of an operation that a write of it may have decided without showing its value.
    swayed: HashMap<Key, u64>,
    /// The last return of a condition that an item be absent, and held.
    found_absent: HashMap<Key, u64>,
    /// The versions that answers gave to writes.
    certain: HashSet<u64>,
    /// All versions that an item surely had or may have had: given, shown, met by a refusal, or named by a condition that held.
    told: HashSet<u64>,
    /// Strict reads, with their returns: whom they found absent is asked rarely, and by key.
    reads: Vec<(u64, Action, HashSet<Key>)>,
}

struct Shown {
    version: u64,
    /// Whether reads showed it with different versions.
    differs: bool,
    first_ns: u64,
    last_ns: u64,
}

impl Evidence {
    /// Gathers what `entries` show.
    pub fn of<'a>(entries: impl Iterator<Item = &'a EntryOf<RecordModel>> + Clone) -> Evidence {
        let mut evidence = Evidence::default();
        for entry in entries.clone() {
            if let Some(RecordAnswer::Written { version }) = entry.answer() {
                evidence.certain.insert(*version);
            }
            evidence.add_told(entry);
        }
        let deletes = entries.clone().any(|entry| entry.is_unknown() && deletes(&entry.operation.action));
        for entry in entries {
            match &entry.outcome {
                Outcome::Answered { return_ns, answer } => {
                    evidence.add_reads(&entry.operation.action, answer, *return_ns, deletes);
                    evidence.add_write(&entry.operation.action, Some(answer), *return_ns);
                }
                Outcome::Unknown => evidence.add_write(&entry.operation.action, None, u64::MAX),
            }
        }
        evidence
    }

    /// The version and the first return of a read that showed `value` of `key`, where one operation alone writes it.
    pub fn only_writer_was_seen(&self, key: &Key, value: u64) -> Option<(u64, u64)> {
        let at = (key.clone(), value);
        let shown = self.shown.get(&at).filter(|shown| !shown.differs)?;
        (self.writers.get(&at) == Some(&1)).then_some((shown.version, shown.first_ns))
    }

    /// Whether an answer gave this version to a write.
    pub fn is_certain(&self, version: u64) -> bool {
        self.certain.contains(&version)
    }

    /// Whether an operation that returned at or after `call_ns` may have met what a write left in `key`: a value, or its absence.
    pub fn may_have_met(&self, key: &Key, value: Option<u64>, call_ns: u64) -> bool {
        let since = |last_ns: Option<&u64>| last_ns.is_some_and(|last_ns| *last_ns >= call_ns);
        since(self.swayed.get(key))
            || match value {
                Some(value) => since(self.shown.get(&(key.clone(), value)).map(|shown| &shown.last_ns)),
                None => {
                    since(self.found_absent.get(key))
                        || self.reads.iter().any(|(return_ns, action, shown)| {
                            *return_ns >= call_ns && action.looks_at(key) && !shown.contains(key)
                        })
                }
            }
    }

    fn add_told(&mut self, entry: &EntryOf<RecordModel>) {
        let action = &entry.operation.action;
        match (action, entry.answer()) {
            (_, Some(RecordAnswer::Written { version })) => {
                self.told.insert(*version);
            }
            (_, Some(RecordAnswer::Refused { found })) => {
                self.told.extend(found.iter().filter_map(|(_, version)| *version));
                return;
            }
            (_, Some(answer)) => self.told.extend(answer.shown(action).iter().map(|(_, seen)| seen.version)),
            (_, None) => {}
        }
        if let Action::Write(write) = action {
            for condition in &write.conditions {
                if let Expected::Version(version) = condition.expected {
                    self.told.insert(version);
                }
            }
        }
    }

    fn add_reads(&mut self, action: &Action, answer: &RecordAnswer, return_ns: u64, deletes: bool) {
        let items = answer.shown(action);
        if deletes && !matches!(action, Action::Write(_)) {
            let keys = items.iter().map(|(key, _)| (*key).clone()).collect();
            self.reads.push((return_ns, action.clone(), keys));
        }
        for (key, seen) in items {
            let new =
                Shown { version: seen.version, differs: false, first_ns: return_ns, last_ns: return_ns };
            let shown = self.shown.entry((key.clone(), seen.value)).or_insert(new);
            shown.differs |= shown.version != seen.version;
            shown.first_ns = shown.first_ns.min(return_ns);
            shown.last_ns = shown.last_ns.max(return_ns);
        }
    }

    /// Adds what a write shows by its conditions; one of unknown outcome may have met anything at any time.
    fn add_write(&mut self, action: &Action, answer: Option<&RecordAnswer>, return_ns: u64) {
        let Action::Write(write) = action else { return };
        for change in &write.changes {
            if let Some(value) = change.value {
                *self.writers.entry((change.key.clone(), value)).or_default() += 1;
            }
        }
        for condition in &write.conditions {
            let explained = match (answer, condition.expected) {
                (Some(RecordAnswer::Refused { found: Some((key, Some(version))) }), _) => {
                    *key == condition.key && self.is_certain(*version)
                }
                // No item need ever have had a version that nobody told.
                (Some(RecordAnswer::Refused { found: None }), Expected::Version(version)) => {
                    !self.told.contains(&version)
                }
                (Some(RecordAnswer::Refused { .. }), _) => false,
                (_, Expected::Version(version)) => self.is_certain(version),
                (_, Expected::Absent) => {
                    note(&mut self.found_absent, &condition.key, return_ns);
                    true
                }
            };
            if !explained {
                note(&mut self.swayed, &condition.key, return_ns);
            }
        }
    }
}

fn note(last: &mut HashMap<Key, u64>, key: &Key, return_ns: u64) {
    let last_ns = last.entry(key.clone()).or_default();
    *last_ns = return_ns.max(*last_ns);
}

fn deletes(action: &Action) -> bool {
    matches!(action, Action::Write(write) if write.changes.iter().any(|change| change.value.is_none()))
}
