//! Tests of the fleet over snapshots made by collectors.

use super::*;
use std::sync::Arc;
use std::time::Duration;
use tenet_error::Code;
use tenet_telemetry::{
    CapacityView, Collector, CounterId, EndpointName, Event, EventKind, GaugeId, InstanceView, Key, Names,
    ProcessInfo, Recorder, Sample, UpstreamView,
};

/// Noon of some day: all times in these tests are near it.
const NOON: u64 = 1_700_000_000;

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOON + second)
}

fn second(second: u64) -> i64 {
    (NOON + second) as i64
}

/// One made-up gateway with two endpoints of one group and one of none.
struct Gateway {
    collector: Collector,
    names: Arc<Names>,
    recorder: Recorder,
}

impl Gateway {
    fn new(name: &str, started: u64) -> Gateway {
        let endpoint = |name: &str, group: &str| EndpointName {
            name: name.into(),
            method: String::new(),
            group: group.into(),
            service: "s".into(),
        };
        let mut names = Names::new();
        names.endpoints.extend([endpoint("GET /a", "g"), endpoint("GET /b", "g"), endpoint("GET /c", "")]);
        let process = ProcessInfo {
            name: name.into(),
            role: "gateway".into(),
            zone: "a".into(),
            release: "r".into(),
            epoch: 1,
            version: "0".into(),
            started: at(started),
        };
        Gateway { collector: Collector::new(process), names: Arc::new(names), recorder: Recorder::new(0) }
    }

    fn record(&mut self, endpoint: u32, code: Code, latency_ns: u64) {
        let key = Key { endpoint, code, consumer: 0, version: 0, zone: 0 };
        self.recorder.record(&Sample {
            key,
            latency_ns,
            request_bytes: 1,
            response_bytes: 2,
            attempts: 1,
            hedged: false,
            hedge_won: false,
        });
    }

    /// Closes the second and gives it.
    fn close(&mut self, second: u64) -> Snapshot {
        self.collector.submit(&self.names, self.recorder.take());
        self.collector.tick(at(second));
        Snapshot::clone(&self.collector.snapshot())
    }
}

fn fleet() -> Fleet {
    Fleet::new("feed".into(), &["one".to_owned(), "two".to_owned()])
}

/// Exact nearest-rank percentile.
fn exact(mut values: Vec<u64>, q: f64) -> u64 {
    values.sort_unstable();
    values[((q * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1]
}

#[test]
fn percentiles_are_those_of_all_requests_of_all_gateways() {
    let fleet = fleet();
    let (mut one, mut two) = (Gateway::new("g1", 0), Gateway::new("g2", 0));
    let mut raw = Vec::new();
    for s in 1..=3 {
        // The gateways differ by three orders of magnitude: an average of their percentiles would be far off.
        for i in 1..=200u64 {
            one.record(1, Code::Ok, i * 1_000);
            two.record(1, Code::Ok, i * 1_000_000);
            raw.extend([i * 1_000, i * 1_000_000]);
        }
        fleet.absorb("one", one.close(s), at(s));
        fleet.absorb("two", two.close(s), at(s));
    }
    let live = fleet.live(second(3), 10, 0);
    let endpoint = serde_json::to_value(&live.endpoints[0]).unwrap();
    assert_eq!((endpoint["count"].as_u64(), endpoint["name"].as_str()), (Some(1200), Some("GET /a")));
    for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        let (told, raw) = (endpoint[name].as_f64().unwrap(), exact(raw.clone(), q) as f64);
        assert!((told - raw).abs() <= raw * 0.011 + 1.0, "{name}: {told} for {raw}");
    }
    assert_eq!((live.total.min, live.total.max), (Some(1_000), Some(200_000_000)));
    assert_eq!(live.total.now.count, 400);
    let one_second = fleet.live(second(3), 1, 0);
    assert_eq!((one_second.total.count, one_second.total.rate), (400, 400.0));
}

#[test]
fn groups_sum_their_endpoints_and_errors_are_told_by_blame() {
    let fleet = fleet();
    let mut one = Gateway::new("g1", 0);
    one.record(1, Code::Ok, 10);
    one.record(2, Code::NotFound, 10);
    one.record(2, Code::DeadlineExceeded, 10);
    one.record(3, Code::Ok, 10);
    one.record(0, Code::MalformedRequest, 10);
    fleet.absorb("one", one.close(1), at(1));
    let live = fleet.live(second(1), 1, 0);
    let group = &live.groups[0];
    assert_eq!((group.name.as_str(), group.numbers.count), ("g", 3));
    assert_eq!((group.numbers.refused, group.numbers.failed), (1, 1));
    let mut codes = live.total.codes.clone();
    codes.sort_unstable();
    let expected = [("GATEWAY_DEADLINE_EXCEEDED", 1), ("MALFORMED_REQUEST", 1), ("NOT_FOUND", 1), ("OK", 2)];
    assert_eq!(codes, expected);
    assert_eq!((live.groups.len(), live.endpoints.len()), (1, 4));
}

#[test]
fn a_second_counts_once_and_a_new_run_counts_anew() {
    let fleet = fleet();
    let mut one = Gateway::new("g1", 0);
    one.record(1, Code::Ok, 10);
    let first = one.close(1);
    fleet.absorb("one", first.clone(), at(1));
    fleet.absorb("one", first, at(1));
    assert_eq!(fleet.live(second(1), 10, 0).total.count, 1);
    // Restarted: its numbers begin at 1 again.
    let mut again = Gateway::new("g1", 2);
    again.record(1, Code::Ok, 10);
    fleet.absorb("one", again.close(3), at(3));
    assert_eq!(fleet.live(second(3), 10, 0).total.count, 2);
    let mut text = String::new();
    fleet.openmetrics(&mut text);
    assert!(text.contains("service=\"s\",code=\"OK\"} 2\n"), "{text}");
}

#[test]
fn what_comes_late_finds_its_second() {
    let fleet = fleet();
    let (mut one, mut two) = (Gateway::new("g1", 0), Gateway::new("g2", 0));
    let past: Vec<_> = (1..=30)
        .map(|s| {
            two.record(2, Code::Ok, 20);
            two.close(s)
        })
        .collect();
    for s in 1..=30 {
        one.record(1, Code::Ok, 10);
        fleet.absorb("one", one.close(s), at(s));
    }
    past.into_iter().for_each(|snapshot| fleet.absorb("two", snapshot, at(30)));
    let history = fleet.history(&Subject::Total, second(30)).unwrap();
    assert_eq!(history.seconds, (1..=30).map(second).collect::<Vec<_>>());
    assert_eq!(history.count, [2; 30]);
    assert_eq!(history.max, [Some(20); 30]);
    assert!(fleet.history(&Subject::Group("nobody".into()), second(30)).is_none());
}

#[test]
fn the_ring_keeps_a_quarter_of_an_hour_and_is_not_fooled_by_clocks() {
    let fleet = fleet();
    let mut one = Gateway::new("g1", 0);
    for s in 1..=1000 {
        one.record(1, Code::Ok, 10);
        fleet.absorb("one", one.close(s), at(s));
    }
    let history = fleet.history(&Subject::Total, second(1000)).unwrap();
    assert_eq!((history.seconds.len(), history.seconds[0]), (900, second(101)));
    // A process whose clock is an hour ahead, and one that is an hour behind.
    let (mut ahead, mut behind) = (Gateway::new("g2", 0), Gateway::new("g3", 0));
    ahead.record(1, Code::Ok, 10);
    behind.record(1, Code::Ok, 10);
    fleet.absorb("two", ahead.close(4600), at(1000));
    fleet.absorb("three", behind.close(0), at(1000));
    let history = fleet.history(&Subject::Total, second(1000)).unwrap();
    assert_eq!((history.seconds.len(), history.count.last()), (900, Some(&2)));
    // After a long silence the ring starts afresh instead of filling the hours between.
    one.record(1, Code::Ok, 10);
    fleet.absorb("one", one.close(90_000), at(90_000));
    assert_eq!(fleet.history(&Subject::Total, second(90_000)).unwrap().count, [1]);
}

#[test]
fn a_process_that_closes_near_the_border_fills_every_second_once() {
    let fleet = fleet();
    let mut one = Gateway::new("g1", 0);
    for s in 1..=20 {
        one.record(1, Code::Ok, 10);
        let mut snapshot = one.close(s);
        snapshot.closed_unix_ms += if s % 2 == 0 { 230 } else { 270 };
        fleet.absorb("one", snapshot, at(s + 1));
    }
    let history = fleet.history(&Subject::Total, second(22)).unwrap();
    assert_eq!(history.count, [1; 20]);
}

#[test]
fn instances_are_seen_through_all_gateways_that_are_up() {
    let fleet = fleet();
    let instance = |healthy| InstanceView {
        service: "s".into(),
        id: "s-1".into(),
        address: "127.0.0.1:1".into(),
        zone: "b".into(),
        healthy,
        open_connections: 2,
        in_flight: 3,
        ..InstanceView::default()
    };
    for (address, healthy) in [("one", true), ("two", false)] {
        let mut gateway = Gateway::new(address, 0);
        gateway.collector.set_instances(vec![instance(healthy)]);
        gateway.collector.set_gauge(GaugeId::Connections, 7);
        fleet.absorb(address, gateway.close(1), at(1));
    }
    let live = fleet.live(second(1), 1, 0);
    let seen: Vec<_> =
        live.instances.iter().map(|i| (i.seen_by, i.healthy_by, i.open_connections, i.in_flight)).collect();
    assert_eq!(seen, [(2, 1, 4, 6)]);
    assert_eq!(live.processes[0].connections, 7);

    fleet.lost("two", "connection refused");
    let live = fleet.live(second(2), 1, 0);
    assert_eq!((live.instances[0].seen_by, live.instances[0].healthy_by), (1, 1));
    let two = &live.processes[1];
    assert_eq!((two.name.as_str(), two.up, two.why.as_str()), ("two", false, "connection refused"));
    assert_eq!((two.connections, two.resident_bytes), (0, 0));
}

#[test]
fn processes_of_the_store_come_and_go_with_what_gateways_know_and_no_second_counts_twice() {
    let fleet = fleet();
    let mut gateway = Gateway::new("g1", 0);
    let mut know = |second: u64, addresses: &[&str]| {
        let instance = |address: &&str| InstanceView {
            service: "store".into(),
            id: format!("store-{address}"),
            address: (*address).into(),
            ..InstanceView::default()
        };
        gateway.collector.set_instances(addresses.iter().map(instance).collect());
        fleet.absorb("one", gateway.close(second), at(second));
        let change = fleet.look_for_stores(at(second));
        (change.came, change.left)
    };
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(fleet.look_for_stores(at(0)), Change::default(), "no gateway has told anything");
    assert_eq!(know(1, &["a", "b"]), (named(&["a", "b"]), vec![]));
    assert_eq!(know(2, &["a", "b"]), (vec![], vec![]));
    let shown = || {
        let live = fleet.live(second(9), 1, 0);
        let stores = live.processes.iter().filter(|process| process.role == "store");
        stores.map(|process| (process.name.clone(), process.up)).collect::<Vec<_>>()
    };
    assert_eq!(shown(), [("store-a".to_owned(), false), ("store-b".to_owned(), false)]);
    let mut store = Gateway::new("store-1", 0);
    store.record(1, Code::Ok, 10);
    let told = store.close(2);
    fleet.absorb("a", told.clone(), at(2));
    assert_eq!(know(3, &["b"]), (vec![], named(&["a"])));
    assert_eq!(shown(), [("store-b".to_owned(), false)]);
    // It comes back, and tells what it told before.
    assert_eq!(know(4, &["a", "b"]), (named(&["a"]), vec![]));
    fleet.absorb("a", told, at(4));
    assert_eq!(fleet.live(second(4), 10, 0).total.count, 1);
    // While no gateway can be reached, nobody knows better.
    fleet.lost("one", "connection refused");
    assert_eq!(fleet.look_for_stores(at(5)), Change::default());
}

#[test]
fn call_trees_are_added_up_over_the_gateways_that_are_up() {
    let fleet = fleet();
    for (address, calls, extra, ceiling) in [("one", 40, 3, 4), ("two", 10, 30, 6)] {
        let mut gateway = Gateway::new(address, 0);
        gateway.collector.count(CounterId::TreeCalls, calls);
        gateway.collector.count(CounterId::TreeExtraAttempts, extra);
        gateway.collector.set_gauge(GaugeId::TreeCeiling, ceiling);
        fleet.absorb(address, gateway.close(1), at(1));
    }
    let trees = |calls, extra_attempts, ceiling| view::Trees { calls, extra_attempts, ceiling };
    assert_eq!(fleet.live(second(1), 1, 0).trees, trees(50, 33, 6));
    fleet.lost("two", "connection refused");
    assert_eq!(fleet.live(second(2), 1, 0).trees, trees(40, 3, 4));
}

#[test]
fn upstreams_are_added_up_over_the_window_and_states_over_the_gateways() {
    let fleet = fleet();
    let view = |calls: u64, share: f64| UpstreamView {
        service: "s".into(),
        calls,
        attempts: calls + calls / 5,
        retries: vec![(Code::ConnectionLost, calls / 10), (Code::ServiceUnavailable, calls / 20)],
        hedges: calls / 20,
        hedges_won: calls / 50,
        shed: [0, 0, calls / 10],
        budget_left: 10,
        limit: 32,
        in_flight: 4,
        queue_time: [calls * 1000].into_iter().collect(),
        ejected: 1,
        panic: share < 1.0,
        capacity: Some(CapacityView { share, lost: "zone b".into(), ..CapacityView::default() }),
        ..UpstreamView::default()
    };
    let (mut one, mut two) = (Gateway::new("g1", 0), Gateway::new("g2", 0));
    for s in 1..=3 {
        one.collector.set_upstreams(vec![view(s * 100, 1.4)]);
        two.collector.set_upstreams(vec![view(1000 + s * 200, 0.8)]);
        let (first, second) = (one.close(s), two.close(s));
        fleet.absorb("one", first, at(s));
        // The second gateway was followed from its second second on: what it did before is not known.
        if s > 1 {
            fleet.absorb("two", second, at(s));
        }
    }
    let told = |window| {
        let mut upstreams = fleet.live(second(3), window, 0).upstreams;
        assert_eq!(upstreams.len(), 1);
        upstreams.remove(0)
    };
    let all = told(10);
    assert_eq!((all.calls, all.attempts, all.hedges, all.hedges_won), (500, 600, 25, 10));
    assert_eq!(all.retries, [("CONNECTION_LOST".to_owned(), 50), ("UNAVAILABLE".to_owned(), 25)]);
    assert_eq!((all.shed, all.retries_refused), (vec![("sheddable".to_owned(), 50)], vec![]));
    assert_eq!((all.budget_left, all.limit, all.in_flight, all.ejected, all.panic_by), (20, 64, 8, 1, 1));
    // 100, 200 and 300 µs waited behind one gateway, 1.4 and 1.6 ms behind the other.
    assert!(all.queue_p99.is_some_and(|ns| (1_580_000..1_620_000).contains(&ns)), "{:?}", all.queue_p99);
    let capacity = all.capacity.unwrap();
    assert_eq!((capacity.share, capacity.process.as_str()), (0.8, "g2"));
    assert_eq!((told(1).calls, told(2).calls), (300, 400));

    // Restarted, its counters begin again; the other is gone, and with it what it saw.
    let mut again = Gateway::new("g1", 4);
    again.collector.set_upstreams(vec![view(50, 1.2)]);
    fleet.absorb("one", again.close(4), at(4));
    fleet.lost("two", "connection refused");
    let live = fleet.live(second(4), 1, 0);
    let now = &live.upstreams[0];
    assert_eq!((now.calls, now.limit, now.capacity.as_ref().unwrap().share), (50, 32, 1.2));
    assert!(fleet.live(second(400), 300, 0).upstreams[0].retries.is_empty(), "the window has passed");
}

#[test]
fn attempts_are_told_beside_requests() {
    let fleet = fleet();
    let mut one = Gateway::new("g1", 0);
    for attempts in [1, 3] {
        let key = Key { endpoint: 1, code: Code::Ok, consumer: 0, version: 0, zone: 0 };
        let (latency_ns, hedged) = (10, attempts == 3);
        one.recorder.record(&Sample {
            key,
            latency_ns,
            request_bytes: 0,
            response_bytes: 0,
            attempts,
            hedged,
            hedge_won: hedged,
        });
    }
    fleet.absorb("one", one.close(1), at(1));
    let total = fleet.live(second(1), 10, 0).total;
    assert_eq!((total.count, total.attempts, total.hedges, total.hedges_won), (2, 4, 1, 1));
}

#[test]
fn events_are_numbered_once_and_bounded() {
    let fleet = fleet();
    let mut one = Gateway::new("g1", 0);
    for s in 1..=10 {
        for i in 0..100 {
            let event = Event { kind: EventKind::Scale, at: at(s), subject: "s".into(), text: i.to_string() };
            one.collector.event(event);
        }
        fleet.absorb("one", one.close(s), at(s));
    }
    assert_eq!(fleet.hello(second(10)).events.len(), EVENTS_MAX);
    assert_eq!(fleet.last_event(), 1000);
    let fresh = fleet.live(second(10), 1, 998).events;
    assert_eq!(fresh.iter().map(|event| event.number).collect::<Vec<_>>(), [999, 1000]);
    assert_eq!((fresh[0].kind, fresh[0].process.as_str()), ("scale", "g1"));
}

#[test]
fn sparks_end_with_the_second_they_say() {
    let fleet = fleet();
    let mut one = Gateway::new("g1", 0);
    for s in 1..=3 {
        (0..s).for_each(|_| one.record(1, Code::Ok, 10));
        fleet.absorb("one", one.close(s), at(s));
    }
    let hello = serde_json::to_value(fleet.hello(second(3))).unwrap();
    let sparks = hello["sparks"].as_array().unwrap();
    assert_eq!(sparks.len(), 3, "total, group, endpoint");
    for spark in sparks {
        let counts = spark["counts"].as_array().unwrap();
        assert_eq!((counts.len(), &counts[57..]), (60, &[1.into(), 2.into(), 3.into()][..]));
    }
}
