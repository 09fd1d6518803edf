//! Histories of a true object: operations that take effect at a chosen moment between their call and their return.

use std::collections::{BTreeMap, HashMap};
use tenet_history::{
    Action, Change, Entry, Expected, Key, Outcome, RecordAnswer, RecordOperation, Seen, Token, Write,
};

/// An entry of a record's history.
pub type RecordEntry = Entry<RecordOperation, RecordAnswer>;

/// An operation before it runs.
#[derive(Clone, Debug)]
pub struct Plan {
    pub client: u32,
    pub call_ns: u64,
    pub point_ns: u64,
    pub return_ns: u64,
    pub operation: RecordOperation,
    pub fate: Fate,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// It takes effect and nobody learns of it.
    AppliedUnknown,
    /// It never arrives and nobody learns of it.
    LostUnknown,
}

/// How far versions are apart, so that wrong ones fit between.
pub const STRIDE: u64 = 10;

/// A store of records that is right.
#[derive(Default)]
pub struct Store {
    records: HashMap<Key, Record>,
}

#[derive(Default)]
struct Record {
    items: BTreeMap<Key, Seen>,
    version: u64,
    tokens: HashMap<Token, u64>,
}

impl Store {
    /// What the store answers.
    pub fn run(&mut self, operation: &RecordOperation) -> RecordAnswer {
        let record = self.records.entry(operation.record.clone()).or_default();
        match &operation.action {
            Action::Get { key, .. } => RecordAnswer::Item(record.items.get(key).copied()),
            Action::Scan { from, to, .. } => {
                let within = |key: &Key| {
                    from.as_ref().is_none_or(|from| from <= key) && to.as_ref().is_none_or(|to| key < to)
                };
                let items = record.items.iter().filter(|(key, _)| within(key));
                RecordAnswer::Items(items.map(|(key, seen)| (key.clone(), *seen)).collect())
            }
            Action::Write(write) => record.write(write),
        }
    }

    /// The version of an item, for clients that guess well.
    pub fn version(&self, record: &Key, key: &Key) -> Option<u64> {
        Some(self.records.get(record)?.items.get(key)?.version)
    }
}

impl Record {
    fn write(&mut self, write: &Write) -> RecordAnswer {
        if let Some(version) = write.token.as_ref().and_then(|token| self.tokens.get(token)) {
            return RecordAnswer::Written { version: *version };
        }
        for condition in &write.conditions {
            let version = self.items.get(&condition.key).map(|seen| seen.version);
            let holds = match condition.expected {
                Expected::Absent => version.is_none(),
                Expected::Version(expected) => version == Some(expected),
            };
            if !holds {
                // Every other refusal says what it met, as stores differ in this.
                let found = (condition.key.len() + write.changes.len()).is_multiple_of(2);
                return RecordAnswer::Refused { found: found.then(|| (condition.key.clone(), version)) };
            }
        }
        // Every other write that changes nothing has no version, as stores differ in this, too.
        let nothing = write.changes.iter().all(|c| c.value.is_none() && !self.items.contains_key(&c.key));
        if nothing && write.token.is_none() && (self.version / STRIDE).is_multiple_of(2) {
            return RecordAnswer::Unchanged;
        }
        self.version += STRIDE;
        for Change { key, value } in &write.changes {
            match value {
                Some(value) => self.items.insert(key.clone(), Seen { value: *value, version: self.version }),
                None => self.items.remove(key),
            };
        }
        if let Some(token) = &write.token {
            self.tokens.insert(token.clone(), self.version);
        }
        RecordAnswer::Written { version: self.version }
    }
}

/// Runs the plans in the order of their moments. A condition on version 0 is one of a client that knows the present version.
pub fn run(mut plans: Vec<Plan>) -> Vec<RecordEntry> {
    plans.sort_by_key(|plan| plan.point_ns);
    let mut store = Store::default();
    let run = plans.into_iter().map(|mut plan| {
        if let Action::Write(write) = &mut plan.operation.action {
            for condition in &mut write.conditions {
                if condition.expected == Expected::Version(0) {
                    let version = store.version(&plan.operation.record, &condition.key);
                    condition.expected = version.map_or(Expected::Absent, Expected::Version);
                }
            }
        }
        let outcome = match plan.fate {
            Fate::LostUnknown => Outcome::Unknown,
            Fate::AppliedUnknown => {
                store.run(&plan.operation);
                Outcome::Unknown
            }
            Fate::Answered => {
                Outcome::Answered { return_ns: plan.return_ns, answer: store.run(&plan.operation) }
            }
        };
        Entry { client: plan.client, call_ns: plan.call_ns, operation: plan.operation, outcome }
    });
    run.collect()
}

/// A small generator of numbers for histories too long for a property (Steele, Lea & Flood 2014, "SplitMix").
pub struct Dice(pub u64);

impl Dice {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
