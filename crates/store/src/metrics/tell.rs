//! The same as a message, once a second, for who follows the process.

use super::Metrics;
use super::collection::{CollectionRow, IndexRow};
use tenet_api::telemetry::v1 as wire;
use tenet_sketch::Sketch;
use tenet_telemetry::sketch_to_wire;

impl Metrics {
    /// What was done since this was asked last, and what is so now; `near_bytes` is what the near cache holds. The engine is not asked anything. To be
    /// called from one place: what came meanwhile is told once.
    pub fn tell(&self, near_bytes: u64) -> wire::Store {
        let operations = super::Operation::ALL.into_iter().zip(&self.operations);
        let operation = |(operation, row): (super::Operation, &super::OperationRow)| wire::StoreOperation {
            operation: operation.name().to_owned(),
            latency: told(&row.latency_ns.take()),
            sizes: told(&row.sizes.take()),
            failures: tallies(row.failures()),
        };
        let happened = |row: &wire::StoreOperation| row.latency.is_some() || !row.failures.is_empty();
        wire::Store {
            engine: self.engine.to_owned(),
            near_bytes,
            operations: operations.map(operation).filter(happened).collect(),
            collections: self.by_name().iter().map(|row| self.collection(row)).collect(),
            problem: self.problem().unwrap_or_default(),
        }
    }

    fn collection(&self, row: &CollectionRow) -> wire::StoreCollection {
        let (items_from_memory, items_from_engine, refused) = row.counts();
        let calls = row.calls.kinds().map(|(call, of)| wire::StoreCalls {
            kind: call.name().to_owned(),
            latency: told(&of.latency_ns.take()),
            failures: of.failures(),
        });
        let happened = |calls: &wire::StoreCalls| calls.latency.is_some() || calls.failures > 0;
        let size = row.size().map(|(size, at)| wire::StoreSize {
            records: size.records,
            items: size.items,
            bytes: size.bytes,
            age_ms: u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        let hot = row
            .hottest()
            .into_iter()
            .map(|hot| wire::HotRecord { name: self.record_name(row, &hot.record), share: hot.share });
        wire::StoreCollection {
            namespace: row.name.namespace.to_string(),
            collection: row.name.collection.to_string(),
            calls: calls.filter(happened).collect(),
            commits: tallies(row.outcomes()),
            items_from_memory,
            items_from_engine,
            refused,
            size,
            hot_records: hot.collect(),
            indexes: row.indexes().into_iter().map(index).collect(),
            watches: row.held.watches(),
            leases: row.held.leases_held(),
        }
    }
}

fn index(row: IndexRow) -> wire::StoreIndex {
    let IndexRow { name, phase, done, left_out, problem } = row;
    wire::StoreIndex { name, state: phase.to_owned(), items_done: done, items_left_out: left_out, problem }
}

fn told(sketch: &Sketch) -> Option<wire::Sketch> {
    (sketch.count() > 0).then(|| sketch_to_wire(sketch))
}

fn tallies(counts: impl Iterator<Item = (&'static str, u64)>) -> Vec<wire::Tally> {
    let some = counts.filter(|(_, count)| *count > 0);
    some.map(|(name, count)| wire::Tally { name: name.to_owned(), count }).collect()
}
