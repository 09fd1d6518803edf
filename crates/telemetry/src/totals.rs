//! What has been measured since the start: the cumulative side, for `/metrics`.

use crate::key::Key;
use crate::labels::{Labels, NONE, OTHER, codes_of_snapshot, mapped};
use crate::wire::sketch_of_wire;
use std::collections::{BTreeMap, HashMap};
use tenet_api::telemetry::v1::Snapshot;
use tenet_error::Code;
use tenet_sketch::{PartsError, Sketch};

/// Combinations of labels kept; a scrape of more than this takes a collector longer than its interval.
/// Beyond it a record keeps its endpoint and code, and its consumer becomes `(other)`.
pub const SERIES_MAX: usize = 20_000;

/// Combinations of endpoint and code that have a latency histogram, each up to 16 KiB.
pub const HISTOGRAMS_MAX: usize = 4_000;

/// Requests and bytes of one combination of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that ended.
    pub requests: u64,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
}

/// Everything since the start.
#[derive(Default)]
pub struct Totals {
    labels: Labels,
    series: HashMap<u128, Counts>,
    /// By endpoint and code. Sorted, so that the text is the same whenever the numbers are.
    histograms: BTreeMap<(u32, Code), Sketch>,
    folded: u64,
}

impl Totals {
    /// Nothing yet.
    pub fn new() -> Totals {
        Totals::default()
    }

    /// The names of what the keys hold.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// For those who number labels before they add.
    pub(crate) fn labels_mut(&mut self) -> &mut Labels {
        &mut self.labels
    }

    /// How many records were filed under `(other)` for want of room.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// Requests by all labels, in the order of endpoint, code, consumer, version and zone.
    pub fn series(&self) -> Vec<(Key, Counts)> {
        let mut series: Vec<_> =
            self.series.iter().map(|(key, counts)| (Key::unpack(*key), *counts)).collect();
        series.sort_unstable_by_key(|(key, _)| (key.endpoint, key.code, key.consumer, key.version, key.zone));
        series
    }

    /// Latency by endpoint and code.
    pub fn histograms(&self) -> impl Iterator<Item = (u32, Code, &Sketch)> {
        self.histograms.iter().map(|((endpoint, code), sketch)| (*endpoint, *code, sketch))
    }

    /// Adds records whose key is already numbered by [`Totals::labels`].
    pub(crate) fn add(&mut self, key: Key, request_bytes: u64, response_bytes: u64, latency: &Sketch) {
        let counts = self.counts(key);
        counts.requests += latency.count();
        counts.request_bytes = counts.request_bytes.saturating_add(request_bytes);
        counts.response_bytes = counts.response_bytes.saturating_add(response_bytes);

        let room = self.histograms.len() < HISTOGRAMS_MAX;
        let known = room || self.histograms.contains_key(&(key.endpoint, key.code));
        let endpoint = if known { key.endpoint } else { OTHER };
        self.histograms.entry((endpoint, key.code)).or_default().merge(latency);
    }

    /// Adds one second of a peer. A row that is no possible sketch is left out and the first such error is told,
    /// after all the others were added.
    pub fn add_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), PartsError> {
        let Some(labels) = &snapshot.labels else { return Ok(()) };
        let mapping = self.labels.of_snapshot(labels);
        let codes = codes_of_snapshot(labels);
        let mut result = Ok(());
        for row in &snapshot.rows {
            let key = Key {
                endpoint: mapped(&mapping.endpoints, row.endpoint),
                code: codes.get(row.code as usize).copied().unwrap_or(Code::Unknown),
                consumer: mapped(&mapping.consumers, row.consumer),
                version: mapped(&mapping.versions, row.version),
                zone: mapped(&mapping.zones, row.zone) as u16,
            };
            match row.latency.as_ref().map(sketch_of_wire) {
                Some(Ok(sketch)) => self.add(key, row.request_bytes, row.response_bytes, &sketch),
                Some(Err(error)) => result = result.and(Err(error)),
                None => {}
            }
        }
        result
    }

    fn counts(&mut self, key: Key) -> &mut Counts {
        let packed = key.pack();
        if self.series.len() < SERIES_MAX || self.series.contains_key(&packed) {
            return self.series.entry(packed).or_default();
        }
        self.folded += 1;
        let without_consumer = Key { consumer: OTHER, version: NONE, zone: 0, ..key };
        let packed = without_consumer.pack();
        // A second bound of the same size for these; what exceeds that loses its endpoint too. Codes are few.
        if self.series.len() < 2 * SERIES_MAX || self.series.contains_key(&packed) {
            return self.series.entry(packed).or_default();
        }
        self.series.entry(Key { endpoint: OTHER, ..without_consumer }.pack()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_stay_bounded_and_nothing_is_lost() {
        let mut totals = Totals::new();
        let one: Sketch = [5].into_iter().collect();
        let many = 3 * SERIES_MAX as u32;
        for consumer in 0..many {
            totals.add(Key { endpoint: consumer, code: Code::Ok, consumer, version: 0, zone: 0 }, 1, 2, &one);
        }
        let series = totals.series();
        assert!(series.len() <= 2 * SERIES_MAX + Code::COUNT);
        assert_eq!(series.iter().map(|(_, counts)| counts.requests).sum::<u64>(), u64::from(many));
        assert_eq!(totals.histograms().map(|(_, _, sketch)| sketch.count()).sum::<u64>(), u64::from(many));
        assert!(totals.histograms().count() <= HISTOGRAMS_MAX + Code::COUNT);
        assert!(totals.folded() > 0);
    }
}
