//! A process as its followers see it: threads record, seconds close, the stream tells them without gaps.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tenet_api::telemetry::v1::telemetry_server::Telemetry;
use tenet_api::telemetry::v1::{GetRequest, Snapshot, WatchRequest};
use tenet_error::Code;
use tenet_sketch::Sketch;
use tenet_telemetry::{
    Alarm, Collector, CounterId, EndpointName, Event, EventKind, Key, Names, ProcessInfo, Recorder, Sample,
    Severity, Totals, UpstreamView, Watch, sketch_of_wire,
};
use tokio_stream::StreamExt;
use tonic::Request;

fn collector() -> Collector {
    Collector::new(ProcessInfo {
        name: "gateway-1".into(),
        role: "gateway".into(),
        zone: String::new(),
        release: String::new(),
        epoch: 0,
        version: "0.1.0".into(),
        started: UNIX_EPOCH,
    })
}

fn names(endpoints: &[&str]) -> Arc<Names> {
    let mut names = Names::new();
    let endpoint = |name: &&str| EndpointName { name: (*name).into(), ..EndpointName::none() };
    names.endpoints.extend(endpoints.iter().map(endpoint));
    Arc::new(names)
}

fn record(recorder: &mut Recorder, endpoint: u32, latency_ns: u64) {
    let key = Key { endpoint, code: Code::Ok, consumer: 0, version: 0, zone: 0 };
    recorder.record(&Sample {
        key,
        latency_ns,
        request_bytes: 1,
        response_bytes: 2,
        attempts: 1,
        hedged: false,
        hedge_won: false,
    });
}

fn requests(snapshot: &Snapshot, endpoint: &str) -> u64 {
    let labels = snapshot.labels.as_ref().expect("labels");
    let of = |row: &&tenet_api::telemetry::v1::Row| labels.endpoints[row.endpoint as usize].name == endpoint;
    snapshot.rows.iter().filter(of).map(|row| row.latency.as_ref().expect("latency").count).sum()
}

#[test]
fn threads_and_programs_are_added_up_by_name() {
    let collector = collector();
    let (old, new) = (names(&["GET /a", "GET /b"]), names(&["GET /b"]));
    let mut recorders = [Recorder::new(0), Recorder::new(1)];
    record(&mut recorders[0], 1, 10);
    record(&mut recorders[0], 2, 20);
    record(&mut recorders[1], 1, 30);
    collector.submit(&old, recorders[0].take());
    collector.submit(&new, recorders[1].take());
    collector.tick(SystemTime::now());
    let snapshot = collector.snapshot();
    assert_eq!((requests(&snapshot, "GET /a"), requests(&snapshot, "GET /b")), (1, 2));
    let row = snapshot.rows.iter().find(|row| row.latency.as_ref().unwrap().count == 2).unwrap();
    let sketch = sketch_of_wire(row.latency.as_ref().unwrap()).unwrap();
    assert_eq!((sketch.min(), sketch.max(), sketch.sum()), (Some(20), Some(30), 50));

    collector.tick(SystemTime::now());
    let snapshot = collector.snapshot();
    assert_eq!((snapshot.sequence, snapshot.rows.len()), (2, 0), "a second tells only itself");
}

#[test]
fn many_threads_lose_nothing() {
    let collector = Arc::new(collector());
    let names = names(&["GET /a"]);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (collector, names) = (&collector, &names);
            scope.spawn(move || {
                let mut recorder = Recorder::new(thread);
                for round in 0..300u64 {
                    record(&mut recorder, 1, round);
                    recorder.count(CounterId::Attempts, 1);
                    collector.submit(names, recorder.take());
                }
            });
        }
        for _ in 0..5 {
            collector.tick(SystemTime::now());
        }
    });
    collector.tick(SystemTime::now());
    let mut totals = Totals::new();
    collector.since(0).iter().for_each(|snapshot| totals.add_snapshot(snapshot).unwrap());
    assert_eq!(totals.series().iter().map(|(_, counts)| counts.requests).sum::<u64>(), 2400);
    assert_eq!(collector.counter(CounterId::Attempts), 2400);
}

#[test]
fn a_peer_adds_up_attempts_hedges_and_queue_times_as_the_process_did() {
    let collector = collector();
    let names = names(&["GET /a"]);
    let mut recorder = Recorder::new(0);
    let key = Key { endpoint: 1, code: Code::Ok, consumer: 0, version: 0, zone: 0 };
    for attempts in 0..=3 {
        let (hedged, hedge_won) = (attempts >= 2, attempts == 3);
        let sample =
            Sample { key, latency_ns: 1, request_bytes: 0, response_bytes: 0, attempts, hedged, hedge_won };
        recorder.record(&sample);
    }
    collector.submit(&names, recorder.take());
    let queue_time: Sketch = [7, 9].into_iter().collect();
    let view =
        UpstreamView { service: "s".into(), queue_time: queue_time.clone(), ..UpstreamView::default() };
    collector.set_upstreams(vec![view]);
    collector.tick(SystemTime::now());
    collector.tick(SystemTime::now());
    let mut totals = Totals::new();
    collector.since(0).iter().for_each(|snapshot| totals.add_snapshot(snapshot).unwrap());
    let counts = totals.series()[0].1;
    assert_eq!((counts.requests, counts.attempts, counts.hedges, counts.hedges_won), (4, 6, 2, 1));
    assert_eq!(
        totals.queue_times().collect::<Vec<_>>(),
        [("s", &queue_time)],
        "a second's waiting is told once"
    );
}

#[test]
fn events_and_alarms_reach_the_snapshot_within_their_bounds() {
    let collector = collector();
    let at = UNIX_EPOCH + Duration::from_millis(1500);
    let event = |text: String| Event { kind: EventKind::InstanceUp, at, subject: "accounts-1".into(), text };
    collector.event(event("é".repeat(5000)));
    (0..400).for_each(|i| collector.event(event(i.to_string())));
    let alarm = |text: &str| Alarm {
        id: "latency".into(),
        severity: Severity::Critical,
        subject: "GET /a".into(),
        text: text.into(),
        since: at,
    };
    collector.raise(alarm("slow"));
    collector.tick(SystemTime::now());
    let snapshot = collector.snapshot();
    assert_eq!((snapshot.events.len(), snapshot.events[0].text.len()), (256, 1024));
    assert_eq!(snapshot.events[0].at_unix_ms, 1500);
    assert_eq!(snapshot.alarms[0].text, "slow");
    // 146 of the 401, and the event of the alarm, found no room.
    assert_eq!(collector.counter(CounterId::EventsDropped), 146);

    collector.raise(alarm("slower"));
    collector.tick(SystemTime::now());
    assert_eq!(
        (collector.snapshot().alarms[0].text.as_str(), collector.snapshot().events.len()),
        ("slower", 0)
    );
    collector.clear("latency", at);
    collector.tick(SystemTime::now());
    let snapshot = collector.snapshot();
    assert!(snapshot.alarms.is_empty());
    assert_eq!(snapshot.events[0].text, "cleared: slower");
}

#[tokio::test]
async fn a_follower_gets_the_past_it_asked_for_and_then_every_second() {
    let collector = Arc::new(collector());
    (0..5).for_each(|_| collector.tick(SystemTime::now()));
    let service = Watch::new(Arc::clone(&collector));
    let request = Request::new(WatchRequest { backfill_seconds: 2 });
    let mut stream = service.watch(request).await.unwrap().into_inner();
    // More seconds than the queue holds pass while nobody reads.
    (0..20).for_each(|_| collector.tick(SystemTime::now()));
    for expected in 4..=25 {
        let next = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
        assert_eq!(next.expect("in time").unwrap().unwrap().sequence, expected);
    }
    let last = service.get(Request::new(GetRequest {})).await.unwrap().into_inner();
    assert_eq!(last.sequence, 25);
}

#[tokio::test]
async fn there_is_a_bound_on_followers_and_who_leaves_makes_room() {
    let collector = Arc::new(collector());
    collector.tick(SystemTime::now());
    let service = Watch::new(Arc::clone(&collector));
    let watch = || service.watch(Request::new(WatchRequest { backfill_seconds: 0 }));
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(watch().await.unwrap());
    }
    assert_eq!(watch().await.err().unwrap().code(), tonic::Code::ResourceExhausted);
    streams.clear();
    for _ in 0..1000 {
        if watch().await.is_ok() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("followers that left were not let go");
}
