//! The rows of the matrix: what [`Guarantees`] says, one by one.

use crate::engine::{Guarantees, Sharing};

/// One thing an engine may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guarantee {
    /// Operations on one record are linearizable.
    LinearizableRecords,
    /// A commit may change several records at once.
    AtomicAcrossRecords,
    /// What was answered survives the end of the process.
    Durable,
    /// Damage of what is stored is found when it is read.
    Checksums,
    /// Records of a collection can be read in the order of their ids.
    OrderedRecords,
    /// Changes can be followed.
    ChangeFeed,
    /// It can be copied while it serves.
    ConsistentBackup,
    /// Who may drive it: any number of processes, or one with all others refused.
    Sharing,
}

impl Guarantee {
    /// All of them, in the order of the matrix.
    pub const ALL: [Guarantee; 8] = [
        Guarantee::LinearizableRecords,
        Guarantee::AtomicAcrossRecords,
        Guarantee::Durable,
        Guarantee::Checksums,
        Guarantee::OrderedRecords,
        Guarantee::ChangeFeed,
        Guarantee::ConsistentBackup,
        Guarantee::Sharing,
    ];

    /// As the matrix says it.
    pub fn name(self) -> &'static str {
        match self {
            Guarantee::LinearizableRecords => "linearizable records",
            Guarantee::AtomicAcrossRecords => "atomic across records",
            Guarantee::Durable => "durable",
            Guarantee::Checksums => "checksums",
            Guarantee::OrderedRecords => "ordered records",
            Guarantee::ChangeFeed => "change feed",
            Guarantee::ConsistentBackup => "consistent backup",
            Guarantee::Sharing => "sharing",
        }
    }

    /// Whether `claims` claim it. Sharing is always claimed: one way or the other.
    pub fn is_claimed(self, claims: &Guarantees) -> bool {
        match self {
            Guarantee::LinearizableRecords => claims.linearizable_records,
            Guarantee::AtomicAcrossRecords => claims.atomic_across_records,
            Guarantee::Durable => claims.durable,
            Guarantee::Checksums => claims.checksums,
            Guarantee::OrderedRecords => claims.ordered_records,
            Guarantee::ChangeFeed => claims.change_feed,
            Guarantee::ConsistentBackup => claims.consistent_backup,
            Guarantee::Sharing => true,
        }
    }

    /// What `claims` say of it.
    pub fn claim(self, claims: &Guarantees) -> &'static str {
        match (self, claims.sharing) {
            (Guarantee::Sharing, Sharing::Exclusive) => "one process",
            (Guarantee::Sharing, Sharing::Shared) => "any number of processes",
            _ if self.is_claimed(claims) => "yes",
            _ => "no",
        }
    }
}
