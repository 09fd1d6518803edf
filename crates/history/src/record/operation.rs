//! What clients ask of a record and what they are told.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The name of a record or of an item in it. Shared, because states of a search are copied by the thousand.
pub type Key = Arc<str>;

/// An idempotency token: operations that carry the same one are repetitions of one write.
pub type Token = Arc<str>;

/// An operation on one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordOperation {
    /// Which record.
    pub record: Key,
    /// What to do.
    pub action: Action,
}

/// What to do with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Change items, all or none.
    Write(Write),
    /// Read one item.
    Get {
        /// Which.
        key: Key,
        /// How old the answer may be, in nanoseconds; none for a strict read. See [`crate::check_aged_reads`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_age_ns: Option<u64>,
    },
    /// Read the items from one key up to, and without, another.
    Scan {
        /// The first key; none for the record's first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Key>,
        /// The key to stop before; none to go to the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Key>,
        /// As for `Get`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_age_ns: Option<u64>,
    },
}

/// A write: a put, a delete, a compare-and-set or a mutate, which differ only in how many conditions and changes they have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// What must hold, all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What changes, all at once.
    pub changes: Vec<Change>,
    /// Its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// What an item must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Which item.
    pub key: Key,
    /// What it must be.
    pub expected: Expected,
}

/// What a condition asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The item is there with this version.
    Version(u64),
    /// The item is not there.
    Absent,
}

/// What becomes of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Which item.
    pub key: Key,
    /// The id of its value; none where it is deleted.
    pub value: Option<u64>,
}

/// An item as a read shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The id of its value.
    pub value: u64,
    /// The version of the write that put it there.
    pub version: u64,
}

/// What a record answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RecordAnswer {
    /// The write took effect, now or when its token was first used.
    Written {
        /// The version it was given.
        version: u64,
    },
    /// Everything it would have deleted was absent already, and it changes nothing else: no version was used. The same for a repetition of it. A store
    /// may also give such a write a version.
    Unchanged,
    /// A condition did not hold, and nothing changed. A refusal leaves no trace: the same token may be written later.
    Refused {
        /// The item whose condition failed and the version it had, none where it was absent; where the store says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<(Key, Option<u64>)>,
    },
    /// One item, or that it is absent.
    Item(Option<Seen>),
    /// The items of a scan, sorted by key.
    Items(Vec<(Key, Seen)>),
}

impl RecordOperation {
    /// Sets an item.
    pub fn put(record: &str, key: &str, value: u64) -> RecordOperation {
        RecordOperation::mutate(record, &[], &[(key, Some(value))])
    }

    /// Deletes an item; one that is absent stays so.
    pub fn delete(record: &str, key: &str) -> RecordOperation {
        RecordOperation::mutate(record, &[], &[(key, None)])
    }

    /// Sets an item where it is as expected.
    pub fn compare_and_set(record: &str, key: &str, expected: Expected, value: u64) -> RecordOperation {
        RecordOperation::mutate(record, &[(key, expected)], &[(key, Some(value))])
    }

    /// Changes items, all of them where all conditions hold.
    pub fn mutate(
        record: &str,
        conditions: &[(&str, Expected)],
        changes: &[(&str, Option<u64>)],
    ) -> RecordOperation {
        let condition =
            |(key, expected): &(&str, Expected)| Condition { key: (*key).into(), expected: *expected };
        let change = |(key, value): &(&str, Option<u64>)| Change { key: (*key).into(), value: *value };
        let write = Write {
            conditions: conditions.iter().map(condition).collect(),
            changes: changes.iter().map(change).collect(),
            token: None,
        };
        RecordOperation { record: record.into(), action: Action::Write(write) }
    }

    /// Reads one item.
    pub fn get(record: &str, key: &str) -> RecordOperation {
        RecordOperation { record: record.into(), action: Action::Get { key: key.into(), max_age_ns: None } }
    }

    /// Reads all items.
    pub fn scan(record: &str) -> RecordOperation {
        RecordOperation::scan_range(record, None, None)
    }

    /// Reads the items from `from` up to, and without, `to`.
    pub fn scan_range(record: &str, from: Option<&str>, to: Option<&str>) -> RecordOperation {
        let action = Action::Scan { from: from.map(Key::from), to: to.map(Key::from), max_age_ns: None };
        RecordOperation { record: record.into(), action }
    }

    /// Gives a write its token; a read has none and stays as it is.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> RecordOperation {
        if let Action::Write(write) = &mut self.action {
            write.token = Some(token.into());
        }
        self
    }

    /// Lets a read be as old as `age_ns`; a write stays as it is.
    #[must_use]
    pub fn with_max_age(mut self, age_ns: u64) -> RecordOperation {
        match &mut self.action {
            Action::Get { max_age_ns, .. } | Action::Scan { max_age_ns, .. } => *max_age_ns = Some(age_ns),
            Action::Write(_) => {}
        }
        self
    }
}

impl Action {
    /// The age a read accepts, in nanoseconds.
    pub fn max_age_ns(&self) -> Option<u64> {
        match self {
            Action::Get { max_age_ns, .. } | Action::Scan { max_age_ns, .. } => *max_age_ns,
            Action::Write(_) => None,
        }
    }

    /// Whether a read looks at the item `key`.
    pub(crate) fn looks_at(&self, key: &str) -> bool {
        match self {
            Action::Write(_) => false,
            Action::Get { key: wanted, .. } => **wanted == *key,
            Action::Scan { from, to, .. } => in_range(key, from.as_ref(), to.as_ref()),
        }
    }
}

impl RecordAnswer {
    /// The items a read showed, of the keys `action` names.
    pub(crate) fn shown<'a>(&'a self, action: &'a Action) -> Vec<(&'a Key, Seen)> {
        match (self, action) {
            (RecordAnswer::Item(Some(seen)), Action::Get { key, .. }) => vec![(key, *seen)],
            (RecordAnswer::Items(items), _) => items.iter().map(|(key, seen)| (key, *seen)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether `key` lies from `from` up to, and without, `to`.
pub fn in_range(key: &str, from: Option<&Key>, to: Option<&Key>) -> bool {
    from.is_none_or(|from| **from <= *key) && to.is_none_or(|to| *key < **to)
}
