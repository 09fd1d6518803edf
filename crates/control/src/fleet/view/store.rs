//! The store, as all its processes together do it.

use serde::Serialize;

/// Counts are those of the window; what is held, and how much there is, is so now.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Store {
    /// The engine, as those that are up call it; empty if none is.
    pub(crate) engine: String,
    /// Processes that cannot reach the engine, and why.
    pub(crate) problems: Vec<(String, String)>,
    /// Bytes of items in memory.
    pub(crate) near_bytes: u64,
    pub(crate) operations: Vec<StoreOperation>,
    pub(crate) collections: Vec<StoreCollection>,
}

/// What the engine was asked.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct StoreOperation {
    pub(crate) operation: String,
    /// Steps.
    pub(crate) count: u64,
    pub(crate) p50: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) max: Option<u64>,
    /// What the steps carried: commits, keys. The mean, and the 99th percentile.
    pub(crate) carried_mean: Option<f64>,
    pub(crate) carried_p99: Option<u64>,
    /// Steps that failed by kind, most first.
    pub(crate) failures: Vec<(String, u64)>,
}

/// One collection.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct StoreCollection {
    pub(crate) namespace: String,
    pub(crate) collection: String,
    pub(crate) calls: Vec<StoreCalls>,
    /// All kinds together.
    pub(crate) p50: Option<u64>,
    pub(crate) p99: Option<u64>,
    /// Commits by what became of them, most first.
    pub(crate) commits: Vec<(String, u64)>,
    pub(crate) items_from_memory: u64,
    pub(crate) items_from_engine: u64,
    pub(crate) refused: u64,
    /// As measured last by any process.
    pub(crate) size: Option<StoreSize>,
    /// The hottest records, as the process sees them that sees each hottest: its name and the share of accesses.
    pub(crate) hot_records: Vec<(String, f64)>,
    pub(crate) indexes: Vec<StoreIndex>,
    pub(crate) watches: u64,
    pub(crate) leases: u64,
}

/// The calls of one kind.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct StoreCalls {
    pub(crate) kind: String,
    pub(crate) count: u64,
    pub(crate) failures: u64,
    pub(crate) p50: Option<u64>,
    pub(crate) p99: Option<u64>,
}

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct StoreSize {
    pub(crate) records: u64,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// How long ago it was measured.
    pub(crate) age_ms: u64,
}

/// How far an index is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct StoreIndex {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) items_done: u64,
    pub(crate) items_left_out: u64,
    pub(crate) problem: String,
}
