//! What was said by all lives on one folder, put together: histories, changes that the log told, what is still open.

use super::look::Items;
use super::operation::{Answer, Operation, What};
use super::wire::{Lines, Message, Told};
use std::collections::{BTreeMap, HashMap, HashSet};
use tenet_history::{Entry, LeaseAnswer, LeaseOperation, Outcome, RecordAnswer, RecordOperation};

/// Everything that was said.
#[derive(Default)]
pub struct Account {
    pub records: Vec<Option<Entry<RecordOperation, RecordAnswer>>>,
    pub leases: Vec<Entry<LeaseOperation, LeaseAnswer>>,
    /// By the operation's number: what it adds to which counter, and what it was answered each time.
    pub adds: BTreeMap<u64, Add>,
    /// By token of the lease: the versions of the writes that it was the fence of.
    pub fenced: Vec<(String, u64, u64)>,
    /// Reads of the log of changes, in order.
    pub feeds: Vec<(u64, bool, Vec<Told>)>,
    /// Up to where the log was read.
    pub cursor: u64,
    /// The last look at everything.
    pub seen: Option<(Items, BTreeMap<String, i64>)>,
    /// The greatest version that was acknowledged.
    pub last_version: u64,
    pub answered: u64,
    pub problems: Vec<String>,
    calls: HashMap<(u64, u64), (Operation, Slot)>,
    /// Writes that were asked for and never answered.
    open: BTreeMap<u64, Operation>,
    done: HashSet<u64>,
}

/// An addition.
pub struct Add {
    pub counter: String,
    pub amount: i64,
    pub versions: Vec<u64>,
}

#[derive(Clone, Copy)]
enum Slot {
    Record(usize),
    Lease(usize),
    Add,
}

/// Where a life got to.
#[derive(Default)]
pub struct Got {
    pub opened_us: Option<u64>,
    pub working: bool,
    pub done: bool,
    /// Answers since it worked.
    pub answers: u64,
    /// Writes that were open when it ended, more than when it began.
    pub in_flight: i64,
    /// Answers to repetitions.
    pub repeated: u64,
}

impl Account {
    /// Takes what a life says.
    pub fn take(&mut self, life: u64, message: Message, got: &mut Got) {
        match message {
            Message::Opened { last_version, took_us } => {
                got.opened_us = Some(took_us);
                if last_version < self.last_version {
                    self.problems.push(format!(
                        "life {life} begins at version {last_version}, and {} was acknowledged",
                        self.last_version
                    ));
                }
            }
            Message::Call { call, client, at_ns, operation } => {
                got.in_flight += i64::from(operation.writes());
                self.call(life, call, client, at_ns, operation);
            }
            Message::Answer { call, at_ns, answer } => {
                got.answers += u64::from(got.working);
                if let Some((operation, slot)) = self.calls.remove(&(life, call)) {
                    got.in_flight -= i64::from(operation.writes());
                    got.repeated += u64::from(!got.working && operation.writes());
                    self.answer(&operation, slot, at_ns, answer);
                }
            }
            Message::Never { call } => {
                if let Some((operation, slot)) = self.calls.remove(&(life, call)) {
                    got.in_flight -= i64::from(operation.writes());
                    self.never(slot);
                }
            }
            Message::Seen { items, counters } => self.seen = Some((items, counters)),
            Message::Feed { at_ns, whole, told, next } => {
                self.cursor = next;
                self.feeds.push((at_ns, whole, told));
            }
            Message::Trouble { what } => self.problems.push(format!("life {life}: {what}")),
            Message::Working => got.working = true,
            Message::Done => got.done = true,
        }
    }

    /// Takes all that was said into memory since; where the life got to, which was `working` or looking.
    pub fn take_all(&mut self, life: u64, lines: &Lines, working: bool) -> Result<Got, String> {
        let mut got = Got { working, ..Got::default() };
        for line in lines.take().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let message = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            self.take(life, message, &mut got);
        }
        Ok(got)
    }

    /// Writes whose answer nobody has, and that may be repeated.
    pub fn open(&self) -> impl Iterator<Item = &Operation> {
        self.open.values()
    }

    fn call(&mut self, life: u64, call: u64, client: u32, call_ns: u64, operation: Operation) {
        let slot = match &operation.what {
            What::Record(asked) => {
                let recorded = operation.recorded(asked);
                let entry = Entry { client, call_ns, operation: recorded, outcome: Outcome::Unknown };
                self.records.push(Some(entry));
                Slot::Record(self.records.len() - 1)
            }
            What::Lease { operation, .. } => {
                let operation = operation.clone();
                self.leases.push(Entry { client, call_ns, operation, outcome: Outcome::Unknown });
                Slot::Lease(self.leases.len() - 1)
            }
            What::Add { counter, amount } => {
                let add = Add { counter: counter.clone(), amount: *amount, versions: Vec::new() };
                self.adds.entry(operation.id).or_insert(add);
                Slot::Add
            }
        };
        if operation.writes() && !matches!(slot, Slot::Lease(_)) && !self.done.contains(&operation.id) {
            self.open.insert(operation.id, operation.clone());
        }
        self.calls.insert((life, call), (operation, slot));
    }

    fn answer(&mut self, operation: &Operation, slot: Slot, return_ns: u64, answer: Answer) {
        self.answered += u64::from(operation.writes());
        self.open.remove(&operation.id);
        self.done.insert(operation.id);
        let version = match &answer {
            Answer::Record(RecordAnswer::Written { version }) | Answer::Added { version } => *version,
            _ => 0,
        };
        self.last_version = self.last_version.max(version);
        match (slot, answer) {
            (_, Answer::Fenced) => self.never(slot),
            (Slot::Record(at), Answer::Record(answer)) => {
                if let (Some((lease, token)), true) = (&operation.fence, version > 0) {
                    self.fenced.push((lease.clone(), version, *token));
                }
                if let Some(entry) = &mut self.records[at] {
                    let return_ns = return_ns.max(entry.call_ns);
                    entry.outcome = Outcome::Answered { return_ns, answer };
                }
            }
            (Slot::Lease(at), Answer::Lease { answer, .. }) => {
                let entry = &mut self.leases[at];
                let return_ns = return_ns.max(entry.call_ns);
                entry.outcome = Outcome::Answered { return_ns, answer };
            }
            (Slot::Add, Answer::Added { version }) => {
                if let Some(add) = self.adds.get_mut(&operation.id) {
                    add.versions.push(version);
                }
            }
            (_, answer) => self.problems.push(format!("{operation:?} was answered with {answer:?}")),
        }
    }

    /// Takes a call out: it surely did not happen.
    fn never(&mut self, slot: Slot) {
        if let Slot::Record(at) = slot {
            self.records[at] = None;
        }
    }
}
