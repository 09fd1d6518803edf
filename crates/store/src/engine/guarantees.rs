//! What an engine gives: a row of the matrix in docs/store.md, and what collections are checked against at start-up.

/// Who may drive it at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// One process; a second one is refused.
    Exclusive,
    /// Any number of processes.
    Shared,
}

/// What an engine gives. The conformance suite tests each of them, and prints what it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarantees {
    /// Operations on one record are linearizable.
    pub linearizable_records: bool,
    /// A commit may change several records at once.
    pub atomic_across_records: bool,
    /// What was answered survives the end of the process and of the machine's power.
    pub durable: bool,
    /// Damage of what is stored is found when it is read.
    pub checksums: bool,
    /// Records of a collection can be read in the order of their ids.
    pub ordered_records: bool,
    /// Changes can be followed.
    pub change_feed: bool,
    /// It can be copied while it serves, as it was at one moment.
    pub consistent_backup: bool,
    /// Who may drive it.
    pub sharing: Sharing,
}
