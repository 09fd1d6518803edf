//! What is measured of each operation of the engine.

use super::series::Series;
use crate::engine::EngineError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the engine is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Clock,
    Read,
    Commit,
    Scan,
    Changes,
    Stage,
    Chunk,
    Declare,
    Upkeep,
    Size,
}

impl Operation {
    /// All, in the order of their numbers.
    pub(crate) const ALL: [Operation; 10] = [
        Operation::Clock,
        Operation::Read,
        Operation::Commit,
        Operation::Scan,
        Operation::Changes,
        Operation::Stage,
        Operation::Chunk,
        Operation::Declare,
        Operation::Upkeep,
        Operation::Size,
    ];

    /// As the label says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::Clock => "clock",
            Operation::Read => "read",
            Operation::Commit => "commit",
            Operation::Scan => "scan",
            Operation::Changes => "changes",
            Operation::Stage => "stage",
            Operation::Chunk => "chunk",
            Operation::Declare => "declare",
            Operation::Upkeep => "upkeep",
            Operation::Size => "size",
        }
    }
}

/// The kinds of failure, as the label says them.
pub(super) const KINDS: [&str; 6] = ["unavailable", "unknown", "full", "damaged", "too_old", "broken"];

fn kind(error: &EngineError) -> usize {
    match error {
        EngineError::Unavailable(_) => 0,
        EngineError::Unknown(_) => 1,
        EngineError::Full(_) => 2,
        EngineError::Corrupt { .. } => 3,
        EngineError::TooOld { .. } => 4,
        EngineError::NoCollection(_) | EngineError::Owned { .. } | EngineError::Broken(_) => 5,
    }
}

/// One operation.
#[derive(Default)]
pub(super) struct OperationRow {
    pub(super) latency_ns: Series,
    pub(super) sizes: Series,
    failures: [AtomicU64; KINDS.len()],
}

impl OperationRow {
    pub(super) fn count(&self, took: Duration, size: Option<usize>, error: Option<&EngineError>) {
        self.latency_ns.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        if let Some(size) = size {
            self.sizes.record(size as u64);
        }
        if let Some(error) = error {
            self.failures[kind(error)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each of [`KINDS`] happened.
    pub(super) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.into_iter().zip(self.failures.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}
