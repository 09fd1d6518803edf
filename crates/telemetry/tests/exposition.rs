//! `/metrics` as a strict reader sees it: the text is parsed by the rules of OpenMetrics 1.0 and the numbers compared.

#[path = "exposition/strict.rs"]
mod strict;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use strict::Document;
use tenet_error::Code;
use tenet_telemetry::{
    CapacityView, Collector, CounterId, DnsView, EndpointName, GaugeId, InstanceView, Key, Names,
    ProcessInfo, Recorder, RefusedBy, Sample, UpstreamView, families,
};

fn process() -> ProcessInfo {
    ProcessInfo {
        name: "gateway-1".into(),
        role: "gateway".into(),
        zone: "a".into(),
        release: "c0ffee".into(),
        epoch: 3,
        version: "0.1.0".into(),
        started: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    }
}

/// A collector with some of everything, names that need escapes among it.
fn filled() -> Collector {
    let collector = Collector::new(process());
    let mut names = Names::new();
    names.endpoints.push(EndpointName {
        name: "GET /v1/\"odd\"\\{id}\n".into(),
        method: "a.B/C".into(),
        group: "user-data".into(),
        service: "accounts".into(),
    });
    names.zones.push("b".into());
    let names = Arc::new(names);
    let mut recorder = Recorder::new(0);
    for i in 1..=1000u64 {
        let code = if i % 10 == 0 { Code::NotFound } else { Code::Ok };
        let key = Key { endpoint: 1, code, consumer: 0, version: 0, zone: 1 };
        recorder.record(&Sample {
            key,
            latency_ns: i * 1_000_000,
            request_bytes: 1,
            response_bytes: 10,
            attempts: 1,
            hedged: false,
            hedge_won: false,
        });
    }
    recorder.record(&Sample {
        key: Key::unrouted(Code::MalformedRequest),
        latency_ns: 5,
        request_bytes: 0,
        response_bytes: 0,
        attempts: 0,
        hedged: false,
        hedge_won: false,
    });
    recorder.count(CounterId::UnknownFields, 4);
    recorder.gauge(GaugeId::Connections, 2);
    collector.submit(&names, recorder.take());
    collector.set_instances(vec![InstanceView {
        service: "accounts".into(),
        id: "accounts-1".into(),
        address: "127.0.0.1:9".into(),
        zone: "b".into(),
        healthy: true,
        open_connections: 2,
        in_flight: 1,
        state: "warming".into(),
        calls: 40,
        failures: 3,
        refusals: 5,
        latency_us: 2500,
        utilisation_percent: Some(70),
        ..InstanceView::default()
    }]);
    collector.set_upstreams(vec![upstream()]);
    collector.count(CounterId::TreeCalls, 15);
    collector.count(CounterId::TreeExtraAttempts, 6);
    collector.set_gauge(GaugeId::TreeCeiling, 4);
    collector.tick(SystemTime::now());
    collector
}

/// A service in some trouble; one cause is told by two threads.
fn upstream() -> UpstreamView {
    UpstreamView {
        service: "accounts".into(),
        calls: 100,
        attempts: 130,
        retries: vec![(Code::ConnectionLost, 12), (Code::ServiceUnavailable, 8), (Code::ConnectionLost, 5)],
        hedges: 5,
        hedges_won: 2,
        retries_refused: vec![(RefusedBy::Budget, 4)],
        budget_left: 9,
        limit: 64,
        queued: 3,
        queue_time: (1..=100u64).map(|ms| ms * 1_000_000).collect(),
        shed: [0, 1, 7],
        health_checks: vec![("passed", 30), ("silent", 2)],
        dns: Some(DnsView { answered: 6, empty: 1, away: 3, age: Some(Duration::from_millis(4500)) }),
        ejected: 1,
        panic: true,
        capacity: Some(CapacityView {
            share: 0.75,
            lost: "zone b".into(),
            basis: "measured".into(),
            peak_rps: 80.0,
            left_rps: 60.0,
        }),
        ..UpstreamView::default()
    }
}

#[test]
fn upstreams_and_instances_are_told_with_their_labels() {
    let collector = filled();
    // The view is told again with the next second; what was waited for in the last one is not.
    collector.tick(SystemTime::now());
    let mut text = String::new();
    collector.openmetrics(&mut text);
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    type Row = (&'static str, &'static [(&'static str, &'static str)], f64);
    let rows: [Row; 23] = [
        ("tenet_upstream_calls_total", &[], 100.0),
        ("tenet_upstream_attempts_total", &[], 130.0),
        ("tenet_amplification_ratio", &[], 1.3),
        ("tenet_upstream_retries_total", &[("cause", "CONNECTION_LOST")], 17.0),
        ("tenet_upstream_retries_total", &[("cause", "UNAVAILABLE")], 8.0),
        ("tenet_upstream_retries_refused_total", &[("by", "budget")], 4.0),
        ("tenet_upstream_health_checks_total", &[("result", "passed")], 30.0),
        ("tenet_upstream_health_checks_total", &[("result", "silent")], 2.0),
        ("tenet_upstream_dns_lookups_total", &[("result", "answered")], 6.0),
        ("tenet_upstream_dns_lookups_total", &[("result", "away")], 3.0),
        ("tenet_upstream_dns_answer_age_seconds", &[], 4.5),
        ("tenet_upstream_retries_refused_total", &[("by", "pushback")], 0.0),
        ("tenet_upstream_hedges_won_total", &[], 2.0),
        ("tenet_upstream_shed_total", &[("priority", "sheddable")], 7.0),
        ("tenet_upstream_queue_time_seconds_count", &[], 100.0),
        ("tenet_upstream_queue_time_seconds_bucket", &[("le", "0.067108864")], 67.0),
        ("tenet_upstream_limit", &[], 64.0),
        ("tenet_upstream_panic", &[], 1.0),
        ("tenet_capacity_n1_ratio", &[("lost", "zone b"), ("basis", "measured")], 0.75),
        ("tenet_instance_refusals_total", &[], 5.0),
        ("tenet_instance_state", &[("state", "warming")], 1.0),
        ("tenet_instance_latency_seconds", &[], 0.0025),
        ("tenet_instance_utilisation_ratio", &[], 0.7),
    ];
    for (name, labels, expected) in rows {
        let labels: Vec<_> = labels.iter().copied().chain([("service", "accounts")]).collect();
        assert_eq!(document.value(name, &labels), expected, "{name}");
    }
    // 1 and 6 extra attempts in 15 trees.
    assert_eq!(document.value("tenet_tree_amplification_ratio", &[]), 1.4);
    assert_eq!(document.value("tenet_tree_amplification_ceiling", &[]), 4.0);
    for family in families::declared() {
        assert!(
            text.contains(&format!("# TYPE {} {}\n", family.name, family.kind)),
            "{} is missing",
            family.name
        );
    }
}

#[test]
fn the_text_keeps_every_rule() {
    let mut text = String::new();
    filled().openmetrics(&mut text);
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let odd = ("endpoint", "GET /v1/\"odd\"\\{id}\n");
    let ok = [odd, ("code", "OK"), ("zone", "b"), ("group", "user-data")];
    assert_eq!(document.value("tenet_requests_total", &ok), 900.0);
    assert_eq!(document.value("tenet_response_body_bytes_total", &ok), 9000.0);
    assert_eq!(document.value("tenet_request_attempts_total", &ok), 900.0);
    assert_eq!(
        document.value("tenet_requests_total", &[("endpoint", "(none)"), ("code", "MALFORMED_REQUEST")]),
        1.0
    );
    // 2^29 ns is 536.87 ms: of 1..=536 those that are no multiple of ten.
    let below = [odd, ("code", "OK"), ("le", "0.536870912")];
    assert_eq!(document.value("tenet_request_duration_seconds_bucket", &below), 483.0);
    let all = [odd, ("code", "NOT_FOUND")];
    assert_eq!(document.value("tenet_request_duration_seconds_count", &all), 100.0);
    assert!((document.value("tenet_request_duration_seconds_sum", &all) - 50.5).abs() < 1e-9);
    assert_eq!(document.value("tenet_unknown_fields_total", &[]), 4.0);
    assert_eq!(document.value("tenet_connections", &[("process", "gateway-1")]), 2.0);
    assert_eq!(document.value("tenet_instance_connections", &[("instance_id", "accounts-1")]), 2.0);
    assert_eq!(document.value("tenet_process_info", &[("release", "c0ffee"), ("epoch", "3")]), 1.0);
    assert!(document.value("process_resident_memory_bytes", &[]) > 100_000.0);
}

#[test]
fn a_process_that_has_done_nothing_has_a_valid_text_too() {
    let mut text = String::new();
    Collector::new(process()).openmetrics(&mut text);
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(document.value("tenet_panics_total", &[]), 0.0);
}

#[test]
fn the_checker_refuses_what_it_should() {
    let head = "# TYPE a counter\n# HELP a b.\n";
    let rows = [
        ("no end", format!("{head}a_total 1\n")),
        ("after the end", format!("{head}a_total 1\n# EOF\n\n")),
        ("suffix", format!("{head}a 1\n# EOF\n")),
        ("unknown family", format!("{head}b_total 1\n# EOF\n")),
        ("twice", format!("{head}a_total 1\na_total 1\n# EOF\n")),
        ("open label", format!("{head}a_total{{x=\"y}} 1\n# EOF\n")),
        ("escape", format!("{head}a_total{{x=\"\\y\"}} 1\n# EOF\n")),
        ("value", format!("{head}a_total one\n# EOF\n")),
        ("interleaved", "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{x=\"y\"} 1\n# EOF\n".to_owned()),
        (
            "buckets fall",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_sum 1\n# EOF\n"
                .to_owned(),
        ),
        ("no +Inf", "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_count 2\nh_sum 1\n# EOF\n".to_owned()),
        (
            "count differs",
            "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 2\nh_sum 1\n# EOF\n".to_owned(),
        ),
        ("unit", "# TYPE a gauge\n# UNIT a bytes\na 1\n# EOF\n".to_owned()),
    ];
    for (name, text) in rows {
        assert!(Document::parse(&text).is_err(), "{name} was accepted");
    }
}
