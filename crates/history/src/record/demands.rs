//! Versions that answers show and that no answer gave to a write: one of unknown outcome must have had each.

use super::RecordModel;
use super::operation::{Action, Expected, Key, RecordAnswer, Write};
use crate::model::{EntryOf, NumberedOf};
use std::collections::{BTreeMap, HashMap, HashSet};

/// By version: the operations of unknown outcome that may have had it, by index, and by when they must have had it.
#[derive(Default)]
pub struct Demands {
    pub of: BTreeMap<u64, Demand>,
}

/// What is shown of one version.
#[derive(Default)]
pub struct Demand {
    /// The items it was shown with, and their values where they were shown, too.
    shown: HashMap<Key, Option<u64>>,
    /// Whether an item was shown with two values of it.
    differs: bool,
    /// When the first that was told of it returned, or the first whose version is greater.
    pub before_ns: u64,
    /// Who may have written it.
    pub candidates: Vec<usize>,
}

/// The write of an entry.
pub fn write_of(entry: &EntryOf<RecordModel>) -> Option<&Write> {
    match &entry.operation.action {
        Action::Write(write) => Some(write),
        _ => None,
    }
}

impl Demands {
    /// Gathers them, and who can have met each: it put every item that was shown with the version, with the value that was shown, and was
    /// called before anybody was told of it, or of a later one.
    pub fn of(entries: &[NumberedOf<RecordModel>]) -> Demands {
        let mut demands = Demands::default();
        let mut given: BTreeMap<u64, u64> = BTreeMap::new();
        for entry in entries.iter().map(|numbered| &numbered.entry) {
            let Some(return_ns) = entry.return_ns() else { continue };
            if let Some(RecordAnswer::Written { version }) = entry.answer() {
                let first_ns = given.entry(*version).or_insert(return_ns);
                *first_ns = return_ns.min(*first_ns);
            }
            demands.note(entry, return_ns);
        }
        demands.of.retain(|version, _| !given.contains_key(version));
        demands.bound(&given);
        demands.seek(entries);
        demands
    }

    fn note(&mut self, entry: &EntryOf<RecordModel>, return_ns: u64) {
        let action = &entry.operation.action;
        match entry.answer() {
            None => {}
            Some(RecordAnswer::Written { .. } | RecordAnswer::Unchanged) => {
                for condition in write_of(entry).into_iter().flat_map(|write| &write.conditions) {
                    if let Expected::Version(version) = condition.expected {
                        self.add(version, &condition.key, None, return_ns);
                    }
                }
            }
            Some(RecordAnswer::Refused { found: Some((key, Some(version))) }) => {
                self.add(*version, key, None, return_ns);
            }
            Some(RecordAnswer::Refused { .. }) => {}
            Some(answer) => {
                for (key, seen) in answer.shown(action) {
                    self.add(seen.version, key, Some(seen.value), return_ns);
                }
            }
        }
    }

    fn add(&mut self, version: u64, key: &Key, value: Option<u64>, return_ns: u64) {
        let demand =
            self.of.entry(version).or_insert_with(|| Demand { before_ns: u64::MAX, ..Demand::default() });
        demand.before_ns = demand.before_ns.min(return_ns);
        let shown = demand.shown.entry(key.clone()).or_default();
        demand.differs |= shown.is_some() && value.is_some() && *shown != value;
        *shown = shown.or(value);
    }

    /// A version is there before any greater one is.
    fn bound(&mut self, given: &BTreeMap<u64, u64>) {
        let mut given = given.iter().rev().peekable();
        let mut before_ns = u64::MAX;
        for (version, demand) in self.of.iter_mut().rev() {
            while let Some((_, return_ns)) = given.next_if(|(greater, _)| *greater > version) {
                before_ns = before_ns.min(*return_ns);
            }
            before_ns = before_ns.min(demand.before_ns);
            demand.before_ns = before_ns;
        }
    }

    fn seek(&mut self, entries: &[NumberedOf<RecordModel>]) {
        if self.of.is_empty() {
            return;
        }
        let mut by_key: HashMap<&Key, Vec<usize>> = HashMap::new();
        let mut by_value: HashMap<(&Key, u64), Vec<usize>> = HashMap::new();
        for (index, numbered) in entries.iter().enumerate().filter(|(_, n)| n.entry.is_unknown()) {
            for change in write_of(&numbered.entry).into_iter().flat_map(|write| &write.changes) {
                if let Some(value) = change.value {
                    by_key.entry(&change.key).or_default().push(index);
                    by_value.entry((&change.key, value)).or_default().push(index);
                }
            }
        }
        for demand in self.of.values_mut().filter(|demand| !demand.differs) {
            let of_value = demand.shown.iter().find_map(|(key, value)| Some((key, (*value)?)));
            let writers = match (of_value, demand.shown.keys().next()) {
                (Some(shown), _) => by_value.get(&shown),
                (None, Some(key)) => by_key.get(key),
                (None, None) => None,
            };
            let writers = writers.into_iter().flatten().copied();
            demand.candidates = writers
                .filter(|index| {
                    let entry = &entries[*index].entry;
                    entry.call_ns <= demand.before_ns
                        && write_of(entry).is_some_and(|write| writes_all(write, &demand.shown))
                })
                .collect();
        }
    }

    /// Takes the versions that one operation alone can have had, with that operation, and then has no other; `may` says of which operations this
    /// is to be settled. Exact: whoever must have had one version had none of the others.
    pub fn settle(&mut self, may: impl Fn(usize) -> bool) -> Vec<(usize, u64, u64)> {
        let mut of_writer: HashMap<usize, Vec<u64>> = HashMap::new();
        for (version, demand) in &self.of {
            for writer in &demand.candidates {
                of_writer.entry(*writer).or_default().push(*version);
            }
        }
        let mut settled = Vec::new();
        let mut taken = HashSet::new();
        let mut work: Vec<u64> = self.of.keys().copied().collect();
        while let Some(version) = work.pop() {
            let Some(demand) = self.of.get(&version) else { continue };
            let [writer] = demand.candidates[..] else { continue };
            if !may(writer) || !taken.insert(writer) {
                continue;
            }
            settled.push((writer, version, demand.before_ns));
            self.of.remove(&version);
            for other in of_writer.get(&writer).into_iter().flatten() {
                if let Some(demand) = self.of.get_mut(other) {
                    demand.candidates.retain(|candidate| *candidate != writer);
                    work.push(*other);
                }
            }
        }
        settled
    }
}

/// Whether `write` puts all of these.
fn writes_all(write: &Write, shown: &HashMap<Key, Option<u64>>) -> bool {
    shown.iter().all(|(key, value)| {
        let puts = |wanted: Option<u64>| move |put: u64| wanted.is_none_or(|wanted| wanted == put);
        write.changes.iter().any(|change| change.key == *key && change.value.is_some_and(puts(*value)))
    })
}
