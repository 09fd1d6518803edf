//! Objects without any symbol, for exhaustion: a record whose unknown versions are numbers, a lease whose moments are numbers.
//! They share nothing with the models they are compared with.

use std::collections::{BTreeMap, BTreeSet};
use tenet_history::{
    Action, Entry, Expected, LeaseAction, LeaseAnswer, LeaseOperation, Outcome, RecordAnswer, Write,
};

use super::brute::has_order;
use super::generate::RecordEntry;

/// A version: a number somebody named and, for those that nobody named, a place behind it.
type Version = (u64, u32);

/// A version that was named; there is room before the smallest, too.
fn known(version: u64) -> Version {
    (version + 1, 0)
}

#[derive(Clone, Default)]
struct Record {
    items: BTreeMap<String, (u64, Version)>,
    last: Option<Version>,
    /// None: the write changed nothing and had no version.
    tokens: BTreeMap<String, Option<Version>>,
}

/// Whether the history of one record has an order.
pub fn record_has_order(entries: &[RecordEntry]) -> bool {
    let named = named_versions(entries);
    has_order(entries, &Record::default(), &|record, entry| record.next(entry, &named))
}

fn named_versions(entries: &[RecordEntry]) -> BTreeSet<u64> {
    let mut named = BTreeSet::new();
    for entry in entries {
        match entry.answer() {
            Some(RecordAnswer::Item(seen)) => named.extend(seen.map(|seen| seen.version)),
            Some(RecordAnswer::Items(items)) => named.extend(items.iter().map(|(_, seen)| seen.version)),
            Some(RecordAnswer::Refused { found: Some((_, version)) }) => named.extend(*version),
            Some(RecordAnswer::Written { version }) => named.extend([*version]),
            _ => {}
        }
        if let Action::Write(write) = &entry.operation.action {
            for condition in &write.conditions {
                if let Expected::Version(version) = condition.expected {
                    named.insert(version);
                }
            }
        }
    }
    named
}

impl Record {
    fn next(&self, entry: &RecordEntry, named: &BTreeSet<u64>) -> Vec<Record> {
        let possible = match (&entry.operation.action, entry.answer()) {
            (Action::Write(write), answer) => return self.written(write, answer, named),
            (Action::Get { .. } | Action::Scan { .. }, None) => true,
            (Action::Get { key, .. }, Some(RecordAnswer::Item(seen))) => {
                self.items.get(&**key).copied() == seen.map(|seen| (seen.value, known(seen.version)))
            }
            (Action::Scan { from, to, .. }, Some(RecordAnswer::Items(seen))) => {
                let shown: Vec<_> = seen
                    .iter()
                    .map(|(key, seen)| (key.to_string(), (seen.value, known(seen.version))))
                    .collect();
                let within = |key: &str| {
                    from.as_ref().is_none_or(|from| **from <= *key)
                        && to.as_ref().is_none_or(|to| *key < **to)
                };
                let have: Vec<_> =
                    self.items.iter().filter(|(key, _)| within(key)).map(|(k, v)| (k.clone(), *v)).collect();
                shown == have
            }
            _ => false,
        };
        if possible { vec![self.clone()] } else { vec![] }
    }

    fn written(&self, write: &Write, answer: Option<&RecordAnswer>, named: &BTreeSet<u64>) -> Vec<Record> {
        let first = write.token.as_ref().and_then(|token| self.tokens.get(&**token)).copied();
        let holds = write.conditions.iter().all(|condition| {
            let version = self.items.get(&*condition.key).map(|(_, version)| *version);
            match condition.expected {
                Expected::Absent => version.is_none(),
                Expected::Version(expected) => version == Some(known(expected)),
            }
        });
        let nothing =
            holds && write.changes.iter().all(|c| c.value.is_none() && !self.items.contains_key(&*c.key));
        let versions = match (first, answer) {
            (Some(Some(first)), Some(RecordAnswer::Written { version })) if first == known(*version) => {
                return vec![self.clone()];
            }
            (Some(None), Some(RecordAnswer::Unchanged)) | (Some(_), None) => return vec![self.clone()],
            (None, Some(RecordAnswer::Unchanged)) if nothing => return vec![self.after_nothing(write)],
            (None, Some(RecordAnswer::Refused { found })) => {
                let met = found.as_ref().is_none_or(|(key, version)| {
                    let met = self.items.get(&**key).map(|(_, version)| *version);
                    let failed = write.conditions.iter().any(|condition| {
                        condition.key == *key
                            && match condition.expected {
                                Expected::Absent => met.is_some(),
                                Expected::Version(expected) => met != Some(known(expected)),
                            }
                    });
                    met == version.map(known) && failed
                });
                return if met && !holds { vec![self.clone()] } else { vec![] };
            }
            (None, Some(RecordAnswer::Written { version })) if holds => vec![known(*version)],
            (None, None) if holds => {
                let behind = self.last.map_or((0, 1), |(version, place)| (version, place + 1));
                named.iter().map(|version| known(*version)).chain([behind]).collect()
            }
            _ => vec![],
        };
        let versions = versions.into_iter().filter(|version| Some(*version) > self.last);
        let mut next: Vec<Record> = versions.map(|version| self.after(write, version)).collect();
        if nothing && answer.is_none() && first.is_none() {
            next.push(self.after_nothing(write));
        }
        next
    }

    fn after_nothing(&self, write: &Write) -> Record {
        let mut record = self.clone();
        if let Some(token) = &write.token {
            record.tokens.insert(token.to_string(), None);
        }
        record
    }

    fn after(&self, write: &Write, version: Version) -> Record {
        let mut record = self.clone();
        record.last = Some(version);
        for change in &write.changes {
            match change.value {
                Some(value) => record.items.insert(change.key.to_string(), (value, version)),
                None => record.items.remove(&*change.key),
            };
        }
        if let Some(token) = &write.token {
            record.tokens.insert(token.to_string(), Some(version));
        }
        record
    }
}

type LeaseEntry = Entry<LeaseOperation, LeaseAnswer>;

#[derive(Clone, Default)]
struct Lease {
    now: u64,
    last: Option<u64>,
    held: Option<(String, Option<u64>, u64)>,
}

/// Whether the history of one lease has an order, by trying every moment up to `end_ns`.
pub fn lease_has_order(entries: &[LeaseEntry], late_ns: u64, end_ns: u64) -> bool {
    has_order(entries, &Lease::default(), &|lease, entry| {
        let return_ns = match entry.outcome {
            Outcome::Answered { return_ns, .. } => return_ns,
            Outcome::Unknown => end_ns,
        };
        let moments = entry.call_ns.max(lease.now)..=return_ns;
        moments.filter_map(|now| lease.next(now, entry, late_ns)).collect()
    })
}

impl Lease {
    fn next(&self, now: u64, entry: &LeaseEntry, late_ns: u64) -> Option<Lease> {
        let mut next = Lease { now, ..self.clone() };
        let mine = |token: u64| self.held.as_ref().filter(|(_, held, _)| *held == Some(token));
        match (&entry.operation.action, entry.answer()) {
            (LeaseAction::Acquire { holder, ttl_ns }, Some(LeaseAnswer::Granted { .. }) | None) => {
                let token = match entry.answer() {
                    Some(LeaseAnswer::Granted { token }) => Some(*token),
                    _ => None,
                };
                let free =
                    self.held.as_ref().is_none_or(|(held, _, until)| *held == **holder || *until <= now);
                let grows = token.is_none() || token > self.last;
                next.last = token.max(self.last);
                next.held = Some((holder.to_string(), token, now + ttl_ns));
                (free && grows).then_some(next)
            }
            (LeaseAction::Acquire { .. }, Some(LeaseAnswer::Refused)) => {
                let held = self.held.as_ref().is_some_and(|(_, _, until)| now < until + late_ns);
                held.then_some(next)
            }
            (LeaseAction::Renew { token, ttl_ns }, Some(LeaseAnswer::Done) | None) => {
                let (holder, token, _) = mine(*token)?.clone();
                next.held = Some((holder, token, now + ttl_ns));
                Some(next)
            }
            (LeaseAction::Release { token }, Some(LeaseAnswer::Done) | None) => {
                mine(*token)?;
                next.held = None;
                Some(next)
            }
            (
                LeaseAction::Renew { token, .. } | LeaseAction::Release { token },
                Some(LeaseAnswer::Refused),
            ) => mine(*token).is_none_or(|(_, _, until)| *until <= now).then_some(next),
            _ => None,
        }
    }
}
