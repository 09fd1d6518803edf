//! What clients did and saw, with times: a history.

use crate::item::Version;
use std::collections::BTreeMap;

/// The records that clients share: few, so that they meet.
pub(super) const RECORDS: [&str; 3] = ["r0", "r1", "r2"];
/// The keys of each.
pub(super) const KEYS: [&str; 3] = ["", "a", "b"];

/// An item as a client saw it: its value, which no two writes share, and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub value: u64,
    pub version: Version,
}

/// What a record held, by key. Keys that were not looked at are not in it; those that were, and were not there, are `None`.
pub(super) type View = BTreeMap<&'static str, Option<Seen>>;

/// What a condition asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Version(Version),
    Absent,
}

/// What a client asked of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it or nothing; `None` removes.
    Write { condition: Option<(&'static str, Expected)>, changes: BTreeMap<&'static str, Option<u64>> },
    /// These keys, by point reads or by scan.
    Read,
}

/// What it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The version of what was written; 0 where nothing was.
    Written(Version),
    /// The condition did not hold, and this was found.
    Refused(Option<Seen>),
    /// What was there.
    Saw(View),
}

/// One call of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub client: u32,
    pub record: &'static str,
    /// Nanoseconds since the run began, read before anything was sent.
    pub call_ns: u64,
    /// The same, read after the answer.
    pub return_ns: u64,
    pub asked: Asked,
    pub told: Told,
}
