//! What an engine must answer, written a second time and as plainly as possible: it shares no code with [`crate::decide`], so that a mistake
//! there is not made here as well.
//!
//! Versions are the engine's to choose. The model takes them from its answers and asks that they grow; everything else it knows by itself. Its
//! time is counted in half units: times to live end between the whole ones, at which the clock stands.

mod told;

use super::problem::{Checked, holds, same};
use crate::commit::{Action, Commit, Must, Outcome, RecordChange, Refusal, Token};
use crate::item::{Item, Value, Version};
use crate::lease::Lease;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use told::Told;

/// Where an item is: its record's id and its key.
pub(super) type Place = (Bytes, Bytes);

/// An item as the model knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub value: Value,
    pub version: Version,
    /// Its time to live, and the half unit from which on it is gone.
    ends: Option<(Duration, u64)>,
}

/// One collection, and the tokens of its writes.
#[derive(Debug)]
pub(super) struct Model {
    items: BTreeMap<Place, Held>,
    tokens: BTreeMap<Token, Version>,
    /// The greatest version of each record.
    last: BTreeMap<Bytes, Version>,
    told: Told,
    now: u64,
    unit: Duration,
}

impl Model {
    /// Empty; `unit` is what [`Model::pass`] lets pass.
    pub fn new(unit: Duration) -> Model {
        Model {
            items: BTreeMap::new(),
            tokens: BTreeMap::new(),
            last: BTreeMap::new(),
            told: Told::default(),
            now: 0,
            unit,
        }
    }

    /// A unit of time passes.
    pub fn pass(&mut self) {
        self.now += 2;
    }

    /// What was over is removed, and told.
    pub fn upkeep(&mut self) {
        let over: Vec<Place> =
            self.items.iter().filter(|(_, held)| !self.lives(held)).map(|(place, _)| place.clone()).collect();
        for (record, key) in over {
            self.items.remove(&(record.clone(), key.clone()));
            self.told.removal(&record, key);
        }
    }

    /// The item that is there.
    pub fn get(&self, record: &Bytes, key: &Bytes) -> Option<&Held> {
        self.items.get(&(record.clone(), key.clone())).filter(|held| self.lives(held))
    }

    /// Everything that is there, in order.
    pub fn all(&self) -> impl Iterator<Item = (&Place, &Held)> {
        self.items.iter().filter(|(_, held)| self.lives(held))
    }

    /// Everything the feed has to tell.
    pub fn told(&self) -> &Told {
        &self.told
    }

    fn lives(&self, held: &Held) -> bool {
        held.ends.is_none_or(|(_, end)| self.now < end)
    }

    /// Compares `outcome` with what `commit` comes to, and lets it happen.
    pub fn commit(&mut self, commit: &Commit, outcome: &Outcome) -> Checked {
        if let Some(version) = commit.token.and_then(|token| self.tokens.get(&token)) {
            return same(
                "a token that was seen",
                outcome,
                &Outcome::Done { version: *version, replayed: true },
            );
        }
        if let Some(refusal) = self.refusal(commit) {
            return refusal.is_told_by(outcome);
        }
        let version = super::site::version_of(outcome)?;
        let writes = self.changes(commit);
        same("whether there is a version", &(version > Version(0)), &!writes.is_empty())?;
        let records: BTreeSet<Bytes> = writes.iter().map(|((record, _), _)| record.clone()).collect();
        for record in records {
            let last = self.last.insert(record.clone(), version).unwrap_or_default();
            holds(format!("version {version:?} of {record:?} after {last:?}"), version > last)?;
        }
        for ((record, key), held) in writes {
            self.told.change(&record, key.clone(), held.as_ref().map(|(value, _)| value.clone()), version);
            match held {
                Some((value, ends)) => drop(self.items.insert((record, key), Held { value, version, ends })),
                None => drop(self.items.remove(&(record, key))),
            }
        }
        self.tokens.extend(commit.token.map(|token| (token, version)));
        Ok(())
    }

    /// Why it may not happen.
    fn refusal(&self, commit: &Commit) -> Option<Why> {
        if let Some(fence) = &commit.fence {
            let lease = self.get(&fence.lease.id, &Bytes::new()).and_then(lease_of);
            if lease != Some(fence.token) {
                return Some(Why::Fenced(lease));
            }
        }
        for (change, of) in commit.changes.iter().enumerate() {
            for (condition, asked) in of.conditions.iter().enumerate() {
                let found = self.get(&of.record, &asked.key);
                let met = match (asked.must, found) {
                    (Must::BeAbsent, None) | (Must::BePresent, Some(_)) => true,
                    (Must::Be(version), Some(held)) => held.version == version,
                    _ => false,
                };
                if !met {
                    return Some(Why::Condition { change, condition, found: found.cloned() });
                }
            }
        }
        let mut sums = commit.changes.iter().flat_map(|of| of.writes.iter().map(move |write| (of, write)));
        sums.find_map(|(of, write)| match write.action {
            Action::Add(amount) if self.sum(of, &write.key, amount).is_none() => {
                Some(Why::NoNumber(of.record.clone(), write.key.clone()))
            }
            _ => None,
        })
    }

    fn sum(&self, of: &RecordChange, key: &Bytes, amount: i64) -> Option<i64> {
        match self.get(&of.record, key).map(|held| &held.value) {
            None => Some(amount),
            Some(Value::Inline(bytes)) if bytes.len() == 8 => {
                let before = bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
                before.cast_signed().checked_add(amount)
            }
            Some(_) => None,
        }
    }

    /// What each write makes of its item; removals of nothing are none.
    #[allow(clippy::type_complexity)] // A place, and what is there then: the value and its end.
    fn changes(&self, commit: &Commit) -> Vec<(Place, Option<(Value, Option<(Duration, u64)>)>)> {
        let mut changes = Vec::new();
        for of in &commit.changes {
            for write in &of.writes {
                let value = match &write.action {
                    Action::Delete if self.get(&of.record, &write.key).is_none() => continue,
                    Action::Delete => None,
                    Action::Index(_) => continue,
                    Action::Put(value) => Some(value.clone()),
                    Action::Add(amount) => self
                        .sum(of, &write.key, *amount)
                        .map(|sum| Value::Inline(Bytes::copy_from_slice(&sum.to_be_bytes()))),
                };
                let halves = |ttl: Duration| (ttl.as_millis() * 2 / self.unit.as_millis()) as u64;
                let ends = write.ttl.map(|ttl| (ttl, self.now + halves(ttl)));
                changes.push(((of.record.clone(), write.key.clone()), value.map(|value| (value, ends))));
            }
        }
        changes
    }
}

impl Held {
    /// Compares an item with it.
    pub fn is(&self, what: &str, item: &Item) -> Checked {
        same(
            format!("{what}: value and version"),
            &(&item.value, item.version),
            &(&self.value, self.version),
        )?;
        let end = self.ends.map(|(ttl, _)| item.updated.after(ttl));
        same(format!("{what}: its end"), &item.expires, &end)
    }
}

/// The token a lease is held with.
pub(super) fn lease_of(held: &Held) -> Option<Version> {
    let Held { value, version, .. } = held.clone();
    let item = Item { value, version, updated: crate::item::UnixMs(0), expires: None };
    Lease::read(&item).map(|lease| lease.token)
}

/// Why a commit may not happen.
#[derive(Debug)]
enum Why {
    Fenced(Option<Version>),
    Condition { change: usize, condition: usize, found: Option<Held> },
    NoNumber(Bytes, Bytes),
}

impl Why {
    fn is_told_by(&self, outcome: &Outcome) -> Checked {
        match (self, outcome) {
            (Why::Fenced(expected), Outcome::Refused(Refusal::Fenced { current })) => {
                same("the token the lease is held with", current, expected)
            }
            (
                Why::Condition { change, condition, found: expected },
                Outcome::Refused(Refusal::Condition { change: c, condition: n, found }),
            ) => {
                same("the condition that fails", &(c, n), &(change, condition))?;
                match (expected, found) {
                    (Some(held), Some(item)) => held.is("the item that was found", item),
                    (expected, found) => same("what was found", &found.is_some(), &expected.is_some()),
                }
            }
            (Why::NoNumber(record, key), Outcome::Refused(Refusal::NotANumber { item, .. })) => {
                same("what is no number", &(&item.record.id, &item.key), &(record, key))
            }
            (expected, found) => holds(format!("expected {expected:?}, found {found:?}"), false),
        }
    }
}
