//! The console over two made-up gateways, to look at it without a fleet:
//! `cargo run -p tenet-control --example fake -- 127.0.0.1:8081`.
//!
//! With `--quiet` the gateways serve nothing; with `--flap` the second one goes away for ten seconds in every thirty; with `--no-store` nothing is kept.

#[path = "fake/store.rs"]
mod store;
#[path = "fake/upstreams.rs"]
mod upstreams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tenet_error::Code;
use tenet_telemetry::{
    Alarm, Collector, CounterId, EndpointName, Event, EventKind, GaugeId, Key, Names, ProcessInfo, Recorder,
    Sample, Severity, keep_time, watch_service,
};
use tokio_stream::wrappers::TcpListenerStream;
use upstreams::Upstreams;

/// Endpoint, method, group, service, share of the traffic, usual latency in microseconds.
const ENDPOINTS: &[(&str, &str, &str, &str, f64, f64)] = &[
    ("GET /v1/users/{user_id}", "feed.accounts.v1.Accounts/GetUser", "user-data", "accounts", 30.0, 900.0),
    (
        "GET /v1/users/{user_id}/timeline",
        "feed.timeline.v1.Timeline/GetTimeline",
        "user-data",
        "timeline",
        42.0,
        6_500.0,
    ),
    (
        "GET /v1/users/{user_id}/followers",
        "feed.accounts.v1.Accounts/ListFollowers",
        "user-data",
        "accounts",
        9.0,
        2_100.0,
    ),
    ("POST /v1/users", "feed.accounts.v1.Accounts/CreateUser", "user-data", "accounts", 1.5, 3_000.0),
    (
        "PATCH /v1/users/{user.id}",
        "feed.accounts.v1.Accounts/UpdateUser",
        "user-data",
        "accounts",
        2.0,
        2_800.0,
    ),
    (
        "POST /v1/users/{user_id}:follow",
        "feed.accounts.v1.Accounts/Follow",
        "user-data",
        "accounts",
        4.0,
        1_700.0,
    ),
    (
        "POST /v1/users/{user_id}/posts",
        "feed.timeline.v1.Timeline/CreatePost",
        "user-data",
        "timeline",
        5.0,
        4_200.0,
    ),
    ("POST /v1/payments:charge", "feed.payments.v1.Payments/Charge", "payments", "payments", 3.0, 48_000.0),
    (
        "GET /v1/payments/{payment_id}",
        "feed.payments.v1.Payments/GetPayment",
        "payments",
        "payments",
        2.5,
        3_900.0,
    ),
    (
        "POST /v1/payments/{payment_id}:refund",
        "feed.payments.v1.Payments/Refund",
        "payments",
        "payments",
        0.3,
        61_000.0,
    ),
    ("GET /legacy/**", "", "", "legacy", 1.0, 15_000.0),
];

/// Requests a second over both gateways, on average.
const RATE: f64 = 500.0;

/// xorshift64*: enough for a picture.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal, mean 0, variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

fn names() -> Arc<Names> {
    let mut names = Names::new();
    for (name, method, group, service, ..) in ENDPOINTS {
        names.endpoints.push(EndpointName {
            name: (*name).into(),
            method: (*method).into(),
            group: (*group).into(),
            service: (*service).into(),
        });
    }
    names.zones.extend(["a", "b", "c"].map(String::from));
    Arc::new(names)
}

fn outcome(dice: &mut Dice, endpoint: usize, trouble: bool) -> Code {
    let roll = dice.unit();
    match roll {
        r if r < 0.004 && trouble => Code::NoInstance,
        r if r < 0.0015 => Code::DeadlineExceeded,
        r if r < 0.002 => Code::ServiceInternal,
        r if r < 0.012 => Code::NotFound,
        r if r < 0.018 && endpoint > 6 => Code::InvalidJson,
        r if r < 0.016 => Code::InvalidArgument,
        r if r < 0.0165 => Code::Cancelled,
        _ => Code::Ok,
    }
}

/// Feeds a collector for ever, twenty times a second.
async fn feed(collector: Arc<Collector>, seed: u64, quiet: bool, store: Option<SocketAddr>) {
    let names = names();
    let mut recorder = Recorder::new(0);
    let mut dice = Dice(0x9e37_79b9 + seed);
    let mut services = Upstreams::new();
    let total: f64 = ENDPOINTS.iter().map(|endpoint| endpoint.4).sum();
    collector.event(event(EventKind::Release, "epoch 7", "release 3f9c2ab1 switched on"));
    recorder.gauge(GaugeId::Connections, 40 + (seed as i64) * 7);
    for step in 0u64.. {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let second = step / 20;
        let trouble = second % 90 > 60 && second % 90 < 80;
        let wave = 1.0 + 0.25 * (second as f64 / 40.0).sin();
        let due = if quiet { 0.0 } else { RATE / 2.0 / 20.0 * wave * (0.7 + 0.6 * dice.unit()) };
        for _ in 0..due as usize {
            let mut pick = dice.unit() * total;
            let endpoint = ENDPOINTS.iter().position(|endpoint| {
                pick -= endpoint.4;
                pick < 0.0
            });
            let endpoint = endpoint.unwrap_or(0);
            let code = outcome(&mut dice, endpoint, trouble);
            let whale = if endpoint == 1 && dice.unit() < 0.01 { 25.0 } else { 1.0 };
            let slow = if trouble && endpoint >= 7 { 4.0 } else { 1.0 };
            let latency_us = ENDPOINTS[endpoint].5 * (dice.normal() * 0.45).exp() * whale * slow;
            let zone = 1 + (dice.unit() * 3.0) as u16;
            let key = Key { endpoint: endpoint as u32 + 1, code, consumer: 0, version: 0, zone };
            let latency_ns = (latency_us * 1e3) as u64;
            // In trouble a call to the troubled service takes more than one attempt now and then.
            let again = trouble && endpoint >= 7 && dice.unit() < 0.25;
            let hedged = endpoint == 1 && dice.unit() < 0.03;
            recorder.record(&Sample {
                key,
                latency_ns,
                request_bytes: 120,
                response_bytes: 900,
                attempts: 1 + u32::from(again) + u32::from(hedged),
                hedged,
                hedge_won: hedged && dice.unit() < 0.4,
            });
        }
        if !quiet && dice.unit() < 0.05 {
            let code = if dice.unit() < 0.6 { Code::RouteNotFound } else { Code::AmbiguousFraming };
            let key = Key::unrouted(code);
            recorder.record(&Sample {
                key,
                latency_ns: 40_000,
                request_bytes: 0,
                response_bytes: 300,
                attempts: 1,
                hedged: false,
                hedge_won: false,
            });
            recorder.count(CounterId::UnknownFields, 1);
        }
        recorder.count(CounterId::Attempts, due as u64);
        collector.submit(&names, recorder.take());
        if step % 20 == 0 {
            let calls = if quiet { 0.0 } else { RATE / 2.0 * wave };
            happen(&collector, &mut services, calls, (second, trouble, quiet), store, &mut dice);
        }
    }
}

fn happen(
    collector: &Collector,
    services: &mut Upstreams,
    calls: f64,
    (second, trouble, quiet): (u64, bool, bool),
    store: Option<SocketAddr>,
    dice: &mut Dice,
) {
    let mut instances = upstreams::instances(second, trouble, quiet, dice);
    instances.extend(store.map(store::instance));
    collector.set_instances(instances);
    collector.set_upstreams(services.second(calls, trouble, dice));
    collector.count(CounterId::TreeCalls, calls as u64);
    collector.count(CounterId::TreeExtraAttempts, if trouble { calls as u64 / 5 } else { 0 });
    collector.set_gauge(GaugeId::TreeCeiling, 4);
    collector.set_gauge(GaugeId::InFlight, if quiet { 0 } else { (dice.unit() * 20.0) as i64 });
    match second % 90 {
        61 => {
            collector.event(event(EventKind::Ejection, "payments-2", "5 errors in a row, out for 30 s"));
            collector.raise(Alarm {
                id: "payments-latency".into(),
                severity: Severity::Warning,
                subject: "POST /v1/payments:charge".into(),
                text: "p99 is 310 ms, normally below 140 ms".into(),
                since: SystemTime::now(),
            });
        }
        80 => {
            collector.event(event(EventKind::InstanceUp, "payments-2", "is called again, slowly at first"));
            collector.clear("payments-latency", SystemTime::now());
        }
        _ => {}
    }
}

fn event(kind: EventKind, subject: &str, text: &str) -> Event {
    Event { kind, at: SystemTime::now(), subject: subject.into(), text: text.into() }
}

/// One gateway, in a thread and runtimes of its own. Serving can be cut off as a crash would; feeding goes on.
fn gateway(
    listener: &std::net::TcpListener,
    number: u64,
    (quiet, flap): (bool, bool),
    store: Option<SocketAddr>,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let collector = Arc::new(Collector::new(ProcessInfo {
        name: format!("gateway-{number}"),
        role: "gateway".into(),
        zone: ["a", "b"][number as usize % 2].into(),
        release: "3f9c2ab1d04e".into(),
        epoch: 7,
        version: "0.1.0".into(),
        started: SystemTime::now(),
    }));
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let feeding = runtime()?;
    feeding.spawn(feed(Arc::clone(&collector), number, quiet, store));
    feeding.spawn(keep_time(Arc::clone(&collector)));
    loop {
        let serving = runtime()?;
        let (listener, collector) = (listener.try_clone()?, Arc::clone(&collector));
        serving.spawn(async move {
            let server = tonic::transport::Server::builder().add_service(watch_service(collector));
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => server.serve_with_incoming(TcpListenerStream::new(listener)).await,
                Err(_) => Ok(()),
            }
        });
        std::thread::sleep(Duration::from_secs(20));
        if flap {
            serving.shutdown_background();
            std::thread::sleep(Duration::from_secs(10));
        } else {
            std::thread::sleep(Duration::MAX);
        }
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let address = arguments.iter().find(|argument| !argument.starts_with("--"));
    let store = if has("--no-store") { None } else { Some(store::start(has("--quiet")).await?) };
    let mut gateways = Vec::new();
    for number in 1..=2 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        gateways.push(listener.local_addr()?.to_string());
        let (quiet, flap) = (has("--quiet"), has("--flap") && number == 2);
        std::thread::spawn(move || gateway(&listener, number, (quiet, flap), store));
    }
    let listener = std::net::TcpListener::bind(address.map_or("127.0.0.1:0", |address| address))?;
    println!("console at http://{}", listener.local_addr()?);
    let options = tenet_control::Options { listener, gateways, project: "feed".into() };
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    tenet_control::run(options, interrupted).await
}
