//! A register: one value, read, written, compared and set. Nothing in its answers tells the order of writes.

use crate::entry::Outcome;
use crate::model::{EntryOf, Model, NumberedOf, Problem};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A register by number, 0 at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct RegisterModel;

/// An operation on one register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterOperation {
    /// Which register.
    pub register: u32,
    /// What to do.
    pub action: RegisterAction,
}

/// What to do with a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterAction {
    /// Read it.
    Read,
    /// Write a value.
    Write(u64),
    /// Write `to` where it is `from`.
    CompareAndSet {
        /// What it must be.
        from: u64,
        /// What it becomes.
        to: u64,
    },
}

/// What a register answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterAnswer {
    /// The value read.
    Value(u64),
    /// Written, or compared and set.
    Done,
    /// It was not what it had to be.
    Refused,
}

impl Model for RegisterModel {
    type Record = u32;
    type Operation = RegisterOperation;
    type Answer = RegisterAnswer;
    type State = u64;

    fn record(&self, operation: &RegisterOperation) -> Option<u32> {
        Some(operation.register)
    }

    fn start(&self) -> u64 {
        0
    }

    fn step(&self, state: &u64, entry: &EntryOf<Self>) -> Option<u64> {
        use RegisterAction::{CompareAndSet, Read, Write};
        use RegisterAnswer::{Done, Refused, Value};
        match (&entry.operation.action, entry.answer()) {
            (Read, None) => Some(*state),
            (Read, Some(Value(value))) => (value == state).then_some(*state),
            (Write(value), None | Some(Done)) => Some(*value),
            (CompareAndSet { from, to }, None | Some(Done)) => (from == state).then_some(*to),
            (CompareAndSet { from, .. }, Some(Refused)) => (from != state).then_some(*state),
            _ => None,
        }
    }

    fn only_reads(&self, entry: &EntryOf<Self>) -> bool {
        entry.operation.action == RegisterAction::Read || entry.answer() == Some(&RegisterAnswer::Refused)
    }

    /// A write of unknown outcome whose value somebody read, and that nobody else wrote, took effect, and before that read
    /// returned: every order has it before the read. It gets that return.
    ///
    /// One whose value nobody can have noticed is left out. Of an order that has it, take it away: until the next write the register
    /// then holds the value before. Whoever looked in between was told the value (no read was), succeeded in comparing with it (no
    /// comparison names it) or was refused by it, so no refusal may have returned after its call. None
    /// looked, so all answers stay. Compare-and-set counts as a write here for its `to`; where its effect can be noticed in other
    /// ways, the rules above keep it.
    fn simplify(&self, entries: Vec<NumberedOf<Self>>) -> Problem<Self> {
        let evidence = Evidence::of(&entries);
        let mut kept = entries;
        kept.retain_mut(|numbered| {
            let entry = &mut numbered.entry;
            let (Outcome::Unknown, Some(value)) = (&entry.outcome, written(&entry.operation)) else {
                return true;
            };
            if let Some(&return_ns) = evidence.read.get(&value) {
                // Zero is there from the start, so that reading it proves no write of it.
                if value != 0 && evidence.writers.get(&value) == Some(&1) && return_ns >= entry.call_ns {
                    entry.outcome = Outcome::Answered { return_ns, answer: RegisterAnswer::Done };
                }
                return true;
            }
            evidence.compared.contains(&value) || evidence.last_refusal_ns >= Some(entry.call_ns)
        });
        Problem::of(self, kept)
    }
}

fn written(operation: &RegisterOperation) -> Option<u64> {
    match operation.action {
        RegisterAction::Write(value) | RegisterAction::CompareAndSet { to: value, .. } => Some(value),
        RegisterAction::Read => None,
    }
}

/// What the answers of a history show.
#[derive(Default)]
struct Evidence {
    /// By value read: the first return of such a read.
    read: HashMap<u64, u64>,
    /// By value: how many operations write it.
    writers: HashMap<u64, usize>,
    /// Values that some comparison names.
    compared: HashSet<u64>,
    last_refusal_ns: Option<u64>,
}

impl Evidence {
    fn of(entries: &[NumberedOf<RegisterModel>]) -> Evidence {
        let mut evidence = Evidence::default();
        for entry in entries.iter().map(|numbered| &numbered.entry) {
            if let Some(value) = written(&entry.operation) {
                *evidence.writers.entry(value).or_default() += 1;
            }
            if let RegisterAction::CompareAndSet { from, .. } = entry.operation.action {
                evidence.compared.insert(from);
            }
            match entry.outcome {
                Outcome::Answered { return_ns, answer: RegisterAnswer::Value(value) } => {
                    let first = evidence.read.entry(value).or_insert(return_ns);
                    *first = return_ns.min(*first);
                }
                Outcome::Answered { return_ns, answer: RegisterAnswer::Refused } => {
                    evidence.last_refusal_ns = evidence.last_refusal_ns.max(Some(return_ns));
                }
                _ => {}
            }
        }
        evidence
    }
}

impl fmt::Display for RegisterOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            RegisterAction::Read => f.write_str("read"),
            RegisterAction::Write(value) => write!(f, "write {value}"),
            RegisterAction::CompareAndSet { from, to } => write!(f, "set {to} where {from}"),
        }
    }
}

impl fmt::Display for RegisterAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterAnswer::Value(value) => write!(f, "{value}"),
            RegisterAnswer::Done => f.write_str("done"),
            RegisterAnswer::Refused => f.write_str("refused"),
        }
    }
}
