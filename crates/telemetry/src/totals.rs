//! What has been measured since the start: the cumulative side, for `/metrics`.

use crate::key::Key;
use crate::labels::{Labels, NONE, OTHER, OTHER_NAME, codes_of_snapshot, mapped};
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

/// Services with a histogram of queue times; as many as one process reports.
const QUEUE_TIMES_MAX: usize = 1024;

/// What is counted of one combination of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that ended.
    pub requests: u64,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
    /// Attempts the requests caused.
    pub attempts: u64,
    /// How many requests were hedged.
    pub hedges: u64,
    /// How many a hedge answered.
    pub hedges_won: u64,
}

impl Counts {
    /// Adds other requests of the same labels.
    pub(crate) fn add(&mut self, other: &Counts) {
        let add = |held: &mut u64, more: u64| *held = held.saturating_add(more);
        add(&mut self.requests, other.requests);
        add(&mut self.request_bytes, other.request_bytes);
        add(&mut self.response_bytes, other.response_bytes);
        add(&mut self.attempts, other.attempts);
        add(&mut self.hedges, other.hedges);
        add(&mut self.hedges_won, other.hedges_won);
    }
}

/// Everything since the start.
#[derive(Default)]
pub struct Totals {
    labels: Labels,
    series: HashMap<u128, Counts>,
    /// By endpoint and code. Sorted, so that the text is the same whenever the numbers are.
    histograms: BTreeMap<(u32, Code), Sketch>,
    /// How long calls waited for admission, by service.
    queue_times: BTreeMap<String, Sketch>,
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

    /// How long calls waited for admission, by service, in nanoseconds.
    pub fn queue_times(&self) -> impl Iterator<Item = (&str, &Sketch)> {
        self.queue_times.iter().map(|(service, sketch)| (service.as_str(), sketch))
    }

    /// Adds how long calls to a service waited in one second.
    pub(crate) fn add_queue_time(&mut self, service: &str, waited: &Sketch) {
        if let Some(held) = self.queue_times.get_mut(service) {
            held.merge(waited);
        } else {
            let room = self.queue_times.len() < QUEUE_TIMES_MAX;
            let service = if room { service } else { OTHER_NAME };
            self.queue_times.entry(service.to_owned()).or_default().merge(waited);
        }
    }

    /// Adds records whose key is already numbered by [`Totals::labels`].
    pub(crate) fn add(&mut self, key: Key, counts: &Counts, latency: &Sketch) {
        self.counts(key).add(counts);

        let room = self.histograms.len() < HISTOGRAMS_MAX;
        let known = room || self.histograms.contains_key(&(key.endpoint, key.code));
        let endpoint = if known { key.endpoint } else { OTHER };
        self.histograms.entry((endpoint, key.code)).or_default().merge(latency);
    }

    /// Adds one second of a peer. A row that is no possible sketch is left out and the first such error is told,
    /// after all the others were added.
    pub fn add_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), PartsError> {
        let mut result = Ok(());
        for upstream in &snapshot.upstreams {
            match upstream.queue_time.as_ref().map(sketch_of_wire) {
                Some(Ok(waited)) => self.add_queue_time(&upstream.service, &waited),
                Some(Err(error)) => result = result.and(Err(error)),
                None => {}
            }
        }
        let Some(labels) = &snapshot.labels else { return result };
        let mapping = self.labels.of_snapshot(labels);
        let codes = codes_of_snapshot(labels);
        for row in &snapshot.rows {
            let key = Key {
                endpoint: mapped(&mapping.endpoints, row.endpoint),
                code: codes.get(row.code as usize).copied().unwrap_or(Code::Unknown),
                consumer: mapped(&mapping.consumers, row.consumer),
                version: mapped(&mapping.versions, row.version),
                zone: mapped(&mapping.zones, row.zone) as u16,
            };
            match row.latency.as_ref().map(sketch_of_wire) {
                Some(Ok(sketch)) => {
                    let counts = Counts {
                        requests: sketch.count(),
                        request_bytes: row.request_bytes,
                        response_bytes: row.response_bytes,
                        attempts: row.attempts,
                        hedges: row.hedges,
                        hedges_won: row.hedges_won,
                    };
                    self.add(key, &counts, &sketch);
                }
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
            let key = Key { endpoint: consumer, code: Code::Ok, consumer, version: 0, zone: 0 };
            totals.add(key, &Counts { requests: 1, ..Counts::default() }, &one);
        }
        let series = totals.series();
        assert!(series.len() <= 2 * SERIES_MAX + Code::COUNT);
        assert_eq!(series.iter().map(|(_, counts)| counts.requests).sum::<u64>(), u64::from(many));
        assert_eq!(totals.histograms().map(|(_, _, sketch)| sketch.count()).sum::<u64>(), u64::from(many));
        assert!(totals.histograms().count() <= HISTOGRAMS_MAX + Code::COUNT);
        assert!(totals.folded() > 0);
    }

    #[test]
    fn queue_times_stay_bounded_and_nothing_is_lost() {
        let mut totals = Totals::new();
        let one: Sketch = [5].into_iter().collect();
        (0..2 * QUEUE_TIMES_MAX).for_each(|service| totals.add_queue_time(&service.to_string(), &one));
        assert_eq!(totals.queue_times().count(), QUEUE_TIMES_MAX + 1);
        let told: u64 = totals.queue_times().map(|(_, waited)| waited.count()).sum();
        assert_eq!(told, 2 * QUEUE_TIMES_MAX as u64);
    }
}
