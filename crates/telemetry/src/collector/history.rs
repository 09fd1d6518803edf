//! The closed seconds that are still remembered, for followers that come late or were away.

use std::collections::VecDeque;
use std::sync::Arc;
use tenet_api::telemetry::v1::Snapshot;

/// Seconds remembered: a quarter of an hour, as long as the console's charts reach back.
pub const HISTORY_SECONDS: usize = 900;

/// Buckets remembered over all seconds, at 12 bytes each: 48 MiB. A process with so many busy endpoints that it
/// matters remembers less time, not more memory.
const HISTORY_BUCKETS_MAX: usize = 4 << 20;

/// What a row weighs besides its buckets, in buckets.
const ROW_WEIGHT: usize = 12;

/// How many rows an instance, a service or a collection weighs: they carry a dozen numbers and words.
const WIDE_ROWS: usize = 2;

#[derive(Default)]
pub(super) struct History {
    seconds: VecDeque<Arc<Snapshot>>,
    weight: usize,
}

fn weight(snapshot: &Snapshot) -> usize {
    let latencies = snapshot.rows.iter().filter_map(|row| row.latency.as_ref());
    let queue_times = snapshot.upstreams.iter().filter_map(|upstream| upstream.queue_time.as_ref());
    let store = snapshot.store.as_ref();
    let operations = store.into_iter().flat_map(|store| &store.operations);
    let steps = operations.flat_map(|operation| operation.latency.iter().chain(&operation.sizes));
    let collections = store.into_iter().flat_map(|store| &store.collections);
    let calls = collections.clone().flat_map(|of| &of.calls).filter_map(|calls| calls.latency.as_ref());
    let sketches = latencies.chain(queue_times).chain(steps).chain(calls);
    let buckets: usize = sketches.map(|sketch| sketch.counts.len()).sum();
    let plain = snapshot.rows.len() + snapshot.events.len();
    let wide = snapshot.instances.len() + snapshot.upstreams.len() + collections.count();
    buckets + ROW_WEIGHT * (plain + WIDE_ROWS * wide)
}

impl History {
    pub(super) fn push(&mut self, snapshot: Arc<Snapshot>) {
        self.weight += weight(&snapshot);
        self.seconds.push_back(snapshot);
        while self.seconds.len() > HISTORY_SECONDS
            || (self.weight > HISTORY_BUCKETS_MAX && self.seconds.len() > 1)
        {
            if let Some(oldest) = self.seconds.pop_front() {
                self.weight -= weight(&oldest);
            }
        }
    }

    /// What came after this sequence number.
    pub(super) fn since(&self, sequence: u64) -> Vec<Arc<Snapshot>> {
        let start = self.seconds.partition_point(|snapshot| snapshot.sequence <= sequence);
        self.seconds.range(start..).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_api::telemetry::v1::{Row, Sketch};

    fn second(sequence: u64, buckets: usize) -> Arc<Snapshot> {
        let latency = Some(Sketch { counts: vec![1; buckets], ..Sketch::default() });
        Arc::new(Snapshot { sequence, rows: vec![Row { latency, ..Row::default() }], ..Snapshot::default() })
    }

    #[test]
    fn the_oldest_go_first_and_the_rest_is_told_in_order() {
        let mut history = History::default();
        (1..=HISTORY_SECONDS as u64 + 5).for_each(|sequence| history.push(second(sequence, 1)));
        let all = history.since(0);
        assert_eq!((all.len(), all[0].sequence), (HISTORY_SECONDS, 6));
        let last: Vec<_> = history.since(903).iter().map(|snapshot| snapshot.sequence).collect();
        assert_eq!(last, [904, 905]);
        assert!(history.since(u64::MAX).is_empty());
    }

    #[test]
    fn heavy_seconds_are_remembered_for_a_shorter_time() {
        let mut history = History::default();
        (1..=100).for_each(|sequence| history.push(second(sequence, 100_000)));
        assert_eq!(history.since(0).len(), HISTORY_BUCKETS_MAX / (100_000 + ROW_WEIGHT));
    }
}
