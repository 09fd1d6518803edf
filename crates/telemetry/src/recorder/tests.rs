//! Tests of the recorder against a plain map.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use tenet_error::Code;

fn sample(key: Key, latency_ns: u64) -> Sample {
    Sample {
        key,
        latency_ns,
        request_bytes: 3,
        response_bytes: 5,
        attempts: 2,
        hedged: true,
        hedge_won: false,
    }
}

fn any_key() -> impl Strategy<Value = Key> {
    (0..40u32, 0..Code::COUNT, 0..20u32, 0..3u32, 0..4u16).prop_map(
        |(endpoint, code, consumer, version, zone)| Key {
            endpoint,
            code: Code::from_index(code).unwrap(),
            consumer,
            version,
            zone,
        },
    )
}

proptest! {
    #[test]
    fn a_recorder_is_a_map_of_sketches(samples in prop::collection::vec((any_key(), any::<u64>()), 0..3000)) {
        let mut recorder = Recorder::new(0);
        let mut expected: HashMap<Key, Sketch> = HashMap::new();
        for (key, latency_ns) in samples {
            recorder.record(&sample(key, latency_ns));
            expected.entry(key).or_default().record(latency_ns);
        }
        let delta = recorder.take();
        prop_assert_eq!(delta.rows.len(), expected.len());
        for row in delta.rows {
            prop_assert_eq!(&row.latency, &expected[&row.key]);
            prop_assert_eq!(row.request_bytes, 3 * row.latency.count());
            prop_assert_eq!(row.response_bytes, 5 * row.latency.count());
            prop_assert_eq!(row.attempts, 2 * row.latency.count());
            prop_assert_eq!((row.hedges, row.hedges_won), (row.latency.count(), 0));
        }
        prop_assert!(recorder.take().is_empty());
    }
}

#[test]
fn counters_and_gauges_are_taken_as_changes() {
    let mut recorder = Recorder::new(1);
    recorder.count(CounterId::Panics, 2);
    recorder.gauge(GaugeId::InFlight, 3);
    recorder.gauge(GaugeId::InFlight, -1);
    let delta = recorder.take();
    assert_eq!(delta.counters, [(CounterId::Panics, 2)]);
    assert_eq!(delta.gauges, [(GaugeId::InFlight, 2)]);
    recorder.gauge(GaugeId::InFlight, -2);
    assert_eq!(recorder.take().gauges, [(GaugeId::InFlight, -2)]);
}

#[test]
fn a_caller_who_chooses_labels_does_not_choose_our_memory() {
    let mut recorder = Recorder::new(0);
    let many = 4 * ROWS_MAX as u32;
    for label in 0..many {
        let key = Key { endpoint: label % 5000, code: Code::Ok, consumer: label, version: 0, zone: 0 };
        recorder.record(&sample(key, 1));
    }
    let delta = recorder.take();
    assert!(delta.rows.len() <= ROWS_MAX);
    assert_eq!(delta.rows.iter().map(|row| row.latency.count()).sum::<u64>(), u64::from(many));
    assert_eq!(delta.counters[0].0, CounterId::SeriesFolded);
}

#[test]
fn idle_rows_give_their_memory_back_and_come_again() {
    let mut recorder = Recorder::new(0);
    let (idle, busy) = (Key::unrouted(Code::Flood), Key::unrouted(Code::Ok));
    recorder.record(&sample(idle, 1));
    for _ in 0..=IDLE_TAKES_MAX {
        recorder.record(&sample(busy, 1));
        recorder.take();
    }
    assert_eq!(recorder.rows.len(), 1);
    recorder.record(&sample(idle, 9));
    recorder.record(&sample(busy, 9));
    assert_eq!(recorder.take().rows.len(), 2);
}
