//! What clients ask of the store in a crash run, as it is written down and as it is sent.
//!
//! Record `pair` of the histories is two records of the store, so that commits over several records are among them: its items `0a` and `1a`
//! are item `a` of the records `p0` and `p1`.

use super::value;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tenet_history::{
    Action as Asked, Expected, LeaseAction, LeaseAnswer, LeaseOperation, RecordAnswer, RecordOperation,
};
use tenet_store::commit::{
    Action, Commit, Condition, Fence, Must, Outcome, RecordChange, Refusal, Token, Write,
};
use tenet_store::item::{UnixMs, Version};
use tenet_store::lease::Lease;
use tenet_store::name::{CollectionId, ItemKey, RecordKey};

/// A piece of a long value: its blob, its number and its bytes.
pub type Chunk = (u64, u32, Bytes);

/// Records of the histories; `fenced` is written under a lease.
pub const RECORDS: [&str; 8] = ["r0", "r1", "r2", "r3", "r4", "r5", "pair", "fenced"];
/// Their items.
pub const KEYS: [&str; 4] = ["a", "b", "c", "d"];
/// Those of `pair`.
pub const PAIR_KEYS: [&str; 4] = ["0a", "0b", "1a", "1b"];
/// Numbers that are added to.
pub const COUNTERS: [&str; 2] = ["c0", "c1"];
/// What a lease counts less than it is taken for, in nanoseconds: the store counts whole milliseconds from the last one on.
pub const LEASE_GRAIN_NS: u64 = 1_000_000;

/// An operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// Differs for all operations on one folder; repetitions have the same, and by it the same token.
    pub id: u64,
    /// The token of the lease under which it is done, and the lease.
    pub fence: Option<(String, u64)>,
    /// What is asked.
    pub what: What,
}

/// See [`Operation`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum What {
    /// Of a record.
    Record(RecordOperation),
    /// Add to a number.
    Add { counter: String, amount: i64 },
    /// Of a lease; the holder knows the version of its item.
    Lease { operation: LeaseOperation, version: u64 },
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Of a record.
    Record(RecordAnswer),
    /// A number was added to.
    Added { version: u64 },
    /// Of a lease, and the version of its item.
    Lease { answer: LeaseAnswer, version: u64 },
    /// The lease was no longer held: nothing happened.
    Fenced,
}

/// Where an item of the histories lies in the store.
pub fn place(record: &str, key: &str) -> (String, String) {
    match (record, key.split_at_checked(1)) {
        ("pair", Some((side, key))) => (format!("p{side}"), key.to_owned()),
        _ => (record.to_owned(), key.to_owned()),
    }
}

/// The way back.
pub fn unplace(record: &str, key: &str) -> (String, String) {
    match record.strip_prefix('p') {
        Some(side) => ("pair".to_owned(), format!("{side}{key}")),
        None => (record.to_owned(), key.to_owned()),
    }
}

/// A key of the store.
pub fn item_key(collection: CollectionId, record: &str, key: &str) -> ItemKey {
    let record = RecordKey { collection, id: Bytes::copy_from_slice(record.as_bytes()) };
    ItemKey { record, key: Bytes::copy_from_slice(key.as_bytes()) }
}

impl Operation {
    /// The operation as the histories have it: with the token by which repetitions are known.
    pub fn recorded(&self, operation: &RecordOperation) -> RecordOperation {
        operation.clone().with_token(&format!("t{}", self.id))
    }

    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        !matches!(
            &self.what,
            What::Record(RecordOperation { action: Asked::Get { .. } | Asked::Scan { .. }, .. })
        )
    }

    /// What is sent, and the chunks that are staged before; none for what only reads.
    pub fn commit(&self, collection: CollectionId, attempt: u64) -> Option<(Commit, Vec<Chunk>)> {
        let mut chunks = Vec::new();
        let changes = match &self.what {
            What::Record(RecordOperation { record, action: Asked::Write(write) }) => {
                let mut changes: BTreeMap<String, RecordChange> = BTreeMap::new();
                for condition in &write.conditions {
                    let must = match condition.expected {
                        Expected::Absent => Must::BeAbsent,
                        Expected::Version(version) => Must::Be(Version(version)),
                    };
                    let (change, key) = change_of(&mut changes, record, &condition.key);
                    change.conditions.push(Condition { key, must });
                }
                for asked in &write.changes {
                    let action = match asked.value {
                        None => Action::Delete,
                        Some(number) => {
                            let (value, staged) = value::stored(number, attempt);
                            chunks.extend(staged);
                            Action::Put(value)
                        }
                    };
                    let (change, key) = change_of(&mut changes, record, &asked.key);
                    change.writes.push(Write { key, action, ttl: None });
                }
                changes.into_values().collect()
            }
            What::Record(_) => return None,
            What::Add { counter, amount } => vec![of_item(counter, "n", None, Action::Add(*amount), None)],
            What::Lease { operation, version } => vec![lease_change(operation, *version)],
        };
        let token = Some(Token { time: UnixMs(1), nonce: u128::from(self.id) });
        let fence = self.fence.as_ref().map(|(lease, token)| Fence {
            lease: item_key(collection, lease, "").record,
            token: Version(*token),
        });
        Some((Commit { collection, token, fence, typed: None, changes }, chunks))
    }

    /// What the outcome of its commit means to the one who asked.
    pub fn answer(&self, commit: &Commit, outcome: &Outcome) -> Result<Answer, String> {
        let version = match outcome {
            Outcome::Done { version, .. } => version.0,
            Outcome::Refused(_) => 0,
        };
        Ok(match (&self.what, outcome) {
            (_, Outcome::Refused(Refusal::Fenced { .. })) if self.fence.is_some() => Answer::Fenced,
            (What::Record(_), Outcome::Done { version: Version(0), .. }) => {
                Answer::Record(RecordAnswer::Unchanged)
            }
            (What::Record(_), Outcome::Done { .. }) => Answer::Record(RecordAnswer::Written { version }),
            (What::Record(_), Outcome::Refused(Refusal::Condition { change, condition, found })) => {
                let at = commit.changes.get(*change);
                let key = at.and_then(|change| Some((change, change.conditions.get(*condition)?)));
                let (change, condition) =
                    key.ok_or("it was refused for a condition that it does not have")?;
                let record = String::from_utf8_lossy(&change.record);
                let (_, key) = unplace(&record, &String::from_utf8_lossy(&condition.key));
                let version = found.as_ref().map(|item| item.version.0);
                Answer::Record(RecordAnswer::Refused { found: Some((key.into(), version)) })
            }
            (What::Add { .. }, Outcome::Done { .. }) => Answer::Added { version },
            (What::Lease { operation, .. }, Outcome::Done { .. }) => {
                let answer = match operation.action {
                    LeaseAction::Acquire { .. } => LeaseAnswer::Granted { token: version },
                    _ => LeaseAnswer::Done,
                };
                Answer::Lease { answer, version }
            }
            (What::Lease { .. }, Outcome::Refused(Refusal::Condition { .. })) => {
                Answer::Lease { answer: LeaseAnswer::Refused, version }
            }
            (_, other) => return Err(format!("{:?} was answered with {other:?}", self.what)),
        })
    }
}

/// The change of the store's record in which an item lies, and the item's key there.
fn change_of<'a>(
    changes: &'a mut BTreeMap<String, RecordChange>,
    record: &str,
    key: &str,
) -> (&'a mut RecordChange, Bytes) {
    let (record, key) = place(record, key);
    let id = Bytes::copy_from_slice(record.as_bytes());
    let new = RecordChange { record: id, conditions: Vec::new(), writes: Vec::new() };
    (changes.entry(record).or_insert(new), Bytes::from(key))
}

fn of_item(
    record: &str,
    key: &str,
    must: Option<Must>,
    action: Action,
    ttl: Option<Duration>,
) -> RecordChange {
    let key = Bytes::copy_from_slice(key.as_bytes());
    RecordChange {
        record: Bytes::copy_from_slice(record.as_bytes()),
        conditions: must.map(|must| Condition { key: key.clone(), must }).into_iter().collect(),
        writes: vec![Write { key, action, ttl }],
    }
}

fn lease_change(operation: &LeaseOperation, version: u64) -> RecordChange {
    let hold = |ttl_ns: u64| Some(Duration::from_nanos(ttl_ns + LEASE_GRAIN_NS));
    let same = Some(Must::Be(Version(version)));
    let (must, action, ttl) = match &operation.action {
        LeaseAction::Acquire { holder, ttl_ns } => {
            (Some(Must::BeAbsent), Action::Put(Lease::value(holder, None)), hold(*ttl_ns))
        }
        LeaseAction::Renew { token, ttl_ns } => {
            (same, Action::Put(Lease::value("renewed", Some(Version(*token)))), hold(*ttl_ns))
        }
        LeaseAction::Release { .. } => (same, Action::Delete, None),
    };
    of_item(&operation.lease, "", must, action, ttl)
}
