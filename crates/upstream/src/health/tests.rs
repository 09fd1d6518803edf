//! The checker against real servers on port 0.

mod servers;

use super::*;
use crate::instance::InstanceState;
use crate::{Instance, Protocol, Roster, ServiceRoster};
use servers::{Act, Server};
use std::net::SocketAddr;
use std::sync::Mutex;
use tenet_resilience::Moment;
use tenet_resilience::eject::Ejection;
use tenet_resilience::health::HealthRules;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// No wait of a test is longer; one that would be fails instead.
const LIMIT: Duration = Duration::from_secs(20);

fn asking(check: HealthCheck) -> HealthChecks {
    let rules = HealthRules {
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(400),
        ..HealthRules::default()
    };
    HealthChecks { check, rules }
}

/// The same with checks that nothing ends.
fn patient(mut checks: HealthChecks) -> HealthChecks {
    checks.rules.timeout = Duration::from_secs(3600);
    checks
}

fn over_http() -> HealthChecks {
    asking(HealthCheck::Http { path: ::http::uri::PathAndQuery::from_static("/healthz") })
}

fn target(id: &str, address: SocketAddr, checks: &HealthChecks) -> Target {
    let instance = Instance { id: id.into(), address, zone: 1, zone_name: "a".into(), weight_percent: 100 };
    let state = InstanceState::new(1, "feed".into(), instance, Moment::START, Ejection::new().join());
    Target { state: Arc::new(state), terms: checks.clone(), checks: Arc::default() }
}

/// A checker over targets that the test may exchange.
struct Bench {
    targets: Arc<Mutex<Vec<Target>>>,
    changes: UnboundedReceiver<HealthChange>,
    checker: Option<Checker>,
}

impl Bench {
    fn start(targets: &[Target]) -> Bench {
        let (sender, changes) = unbounded_channel();
        let targets = Arc::new(Mutex::new(targets.to_vec()));
        let listed = targets.clone();
        let tell: Tell = Arc::new(move |change| sender.send(change).unwrap());
        let checker = Checker::follow(move || Some(listed.lock().unwrap().clone()), tell);
        Bench { targets, changes, checker: Some(checker) }
    }

    async fn change(&mut self) -> HealthChange {
        timeout(LIMIT, self.changes.recv()).await.expect("no change was told").expect("a checker")
    }

    /// The next change, which must be this one.
    async fn expect(&mut self, healthy: bool, part: &str) {
        let change = self.change().await;
        assert_eq!(change.healthy, healthy, "{change:?}");
        assert!(change.cause.contains(part), "{:?} does not say {part:?}", change.cause);
    }

    fn silent(&mut self) {
        let told = self.changes.try_recv();
        assert!(told.is_err(), "{told:?}");
    }
}

/// Waits until `done`.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}

#[tokio::test]
async fn grpc_checks_follow_what_the_instance_says_over_one_connection() {
    let server = Server::grpc(Act::Status(1)).await;
    let target = target("feed-1", server.address, &asking(HealthCheck::Grpc));
    let mut bench = Bench::start(std::slice::from_ref(&target));
    until("three checks", || server.asked() >= 3).await;
    bench.silent();
    assert!(!target.state.is_unhealthy());
    server.set(Act::Status(2));
    let before = server.asked();
    bench.expect(false, "NOT_SERVING").await;
    assert!(server.asked() <= before + 2, "it said so at the first check after it was told to");
    assert!(target.state.is_unhealthy());
    server.set(Act::Status(1));
    let change = bench.change().await;
    assert_eq!((&*change.service, &*change.instance, change.healthy), ("feed", "feed-1", true));
    assert!(!target.state.is_unhealthy());
    assert_eq!(server.accepted(), 1, "one connection carried all checks");
    let head = server.seen();
    assert!(head.contains("POST") && head.contains("/grpc.health.v1.Health/Check"), "{head}");
    assert!(head.contains("application/grpc") && head.contains("400000u"), "{head}");
}

#[tokio::test]
async fn whoever_has_no_health_service_passes_by_answering() {
    for act in [Act::Grpc("12"), Act::Grpc("5"), Act::Grpc("7"), Act::Http(404), Act::Http(200)] {
        let server = Server::grpc(act).await;
        let mut bench = Bench::start(&[target("feed-1", server.address, &asking(HealthCheck::Grpc))]);
        until("three checks", || server.asked() >= 3).await;
        bench.silent();
        assert_eq!(server.accepted(), 1);
        server.set(Act::Silent);
        bench.expect(false, "silent").await;
    }
}

#[tokio::test]
async fn each_fault_is_told_apart() {
    for (act, part) in [
        (Act::Status(0), "bad answer: serving status 0 (2 checks"),
        (Act::Status(3), "serving status 3"),
        (Act::Grpc("14"), "grpc-status 14"),
        (Act::Http(503), "HTTP status 503"),
        (Act::Http(429), "HTTP status 429"),
        (Act::Silent, "connected but silent for 400ms"),
        (Act::ResetStream, "the stream was reset"),
        (Act::GoAway, "GOAWAY on a new connection"),
    ] {
        let server = Server::grpc(act).await;
        let mut bench = Bench::start(&[target("feed-1", server.address, &asking(HealthCheck::Grpc))]);
        bench.expect(false, part).await;
        server.set(Act::Status(1));
        bench.expect(true, "pass again").await;
    }
    for (act, part) in [
        (Act::Bytes("HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n"), "bad answer: HTTP status 500"),
        (Act::Bytes("SSH-2.0-x\r\n\r\n"), "bad answer: status line"),
        (Act::Bytes(""), "connection closed before an answer"),
        (Act::Bytes("HTTP/1.1 200 O"), "connection closed"),
        (Act::Reset, "connection reset"),
        (Act::Silent, "connected but silent"),
    ] {
        let server = Server::bytes(act).await;
        let mut bench = Bench::start(&[target("feed-1", server.address, &over_http())]);
        bench.expect(false, part).await;
        server.set(Act::Bytes("HTTP/1.1 204 x\r\n\r\n"));
        bench.expect(true, "pass again").await;
    }
    // HTTP/1.1 where HTTP/2 is expected.
    let server = Server::bytes(Act::Bytes("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")).await;
    let mut bench = Bench::start(&[target("feed-1", server.address, &asking(HealthCheck::Grpc))]);
    bench.expect(false, "bad answer: not understood as HTTP/2").await;
}

#[tokio::test]
async fn an_instance_that_dies_and_returns_is_refused_and_then_well() {
    for checks in [asking(HealthCheck::Grpc), over_http(), asking(HealthCheck::Connect)] {
        let server = Server::of(&checks).await;
        let mut bench = Bench::start(&[target("feed-1", server.address, &checks)]);
        until("two checks", || server.accepted() + server.asked() >= 2).await;
        bench.silent();
        let address = server.address;
        server.kill();
        bench.expect(false, "connection refused (2 checks in a row failed)").await;
        let server = Server::of_at(&checks, address).await;
        bench.expect(true, "pass again").await;
        drop(server);
    }
}

#[tokio::test]
async fn a_kept_connection_that_ends_is_no_fault() {
    for act in [Act::StatusThenGoAway, Act::StatusThenClose, Act::StatusThenShutdown] {
        let server = Server::grpc(act).await;
        let mut strict = asking(HealthCheck::Grpc);
        strict.rules.unhealthy_after = 1;
        let mut bench = Bench::start(&[target("feed-1", server.address, &strict)]);
        until("four connections", || server.accepted() >= 4).await;
        bench.silent();
    }
}

#[tokio::test]
async fn one_answer_that_never_came_is_no_verdict() {
    let server = Server::grpc(Act::Status(1)).await;
    let mut bench = Bench::start(&[target("feed-1", server.address, &asking(HealthCheck::Grpc))]);
    until("a check", || server.asked() >= 1).await;
    server.set(Act::Silent);
    let before = server.asked();
    until("another", || server.asked() > before).await;
    server.set(Act::Status(1));
    until("a new connection", || server.accepted() == 2 && server.asked() >= before + 4).await;
    bench.silent();
}

/// A host that answers no handshake: on Linux, a listener whose queue is full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_is_never_made_is_told_from_a_silent_one() {
    use tokio::net::{TcpSocket, TcpStream};
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
        assert!(queued.len() < 100, "the queue never fills");
    }
    let mut bench = Bench::start(&[target("feed-1", address, &asking(HealthCheck::Connect))]);
    bench.expect(false, "no connection within 400ms").await;
}

#[tokio::test]
async fn http_checks_pass_by_2xx_and_3xx() {
    for answer in ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 302 x\r\nlocation: /\r\n\r\n"] {
        let server = Server::bytes(Act::Bytes(answer)).await;
        let mut bench = Bench::start(&[target("feed-1", server.address, &over_http())]);
        until("three checks", || server.accepted() >= 3).await;
        bench.silent();
        let head = server.seen();
        assert!(head.starts_with("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:"), "{head}");
    }
}

#[tokio::test]
async fn removal_ends_checks_and_their_connection() {
    let (stays, goes) = (Server::grpc(Act::Status(1)).await, Server::grpc(Act::Status(1)).await);
    let targets = [&stays, &goes].map(|server| target("feed", server.address, &asking(HealthCheck::Grpc)));
    let bench = Bench::start(&targets);
    until("checks of both", || stays.asked() >= 1 && goes.asked() >= 1).await;
    targets[1].state.remove();
    bench.targets.lock().unwrap().pop();
    until("its connection is closed", || goes.open() == 0).await;
    let (stayed, gone) = (stays.asked(), goes.asked());
    until("the other goes on", || stays.asked() >= stayed + 10).await;
    assert_eq!(goes.asked(), gone);
    assert_eq!(stays.accepted(), 1);
}

#[tokio::test]
async fn checks_end_with_their_checker() {
    let server = Server::grpc(Act::Status(1)).await;
    let mut bench = Bench::start(&[target("feed-1", server.address, &asking(HealthCheck::Grpc))]);
    until("a check", || server.asked() >= 1).await;
    drop(bench.checker.take());
    until("its connection is closed", || server.open() == 0).await;
    assert!(timeout(LIMIT, bench.changes.recv()).await.expect("the callback is gone, too").is_none());
}

#[tokio::test]
async fn what_is_no_longer_checked_is_not_left_unhealthy() {
    let server = Server::grpc(Act::Status(2)).await;
    let target = target("feed-1", server.address, &asking(HealthCheck::Grpc));
    let mut bench = Bench::start(std::slice::from_ref(&target));
    bench.expect(false, "NOT_SERVING").await;
    bench.targets.lock().unwrap().clear();
    bench.expect(true, "no longer checked").await;
    assert!(!target.state.is_unhealthy());
}

#[tokio::test]
async fn other_rules_begin_other_checks() {
    let server = Server::bytes(Act::Bytes("HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n")).await;
    let checked = target("feed-1", server.address, &asking(HealthCheck::Connect));
    let mut bench = Bench::start(std::slice::from_ref(&checked));
    until("three checks", || server.accepted() >= 3).await;
    bench.silent();
    *bench.targets.lock().unwrap() = vec![Target { terms: over_http(), ..checked.clone() }];
    bench.expect(false, "HTTP status 500").await;
    *bench.targets.lock().unwrap() = vec![checked];
    bench.expect(true, "pass again").await;
}

#[tokio::test]
async fn so_many_checks_run_at_once_and_none_is_forgotten() {
    let server = Server::bytes(Act::Silent).await;
    let instances = CHECKS_MAX + 8;
    let patient = patient(over_http());
    let targets: Vec<_> =
        (0..instances).map(|i| target(&format!("feed-{i}"), server.address, &patient)).collect();
    let mut bench = Bench::start(&targets);
    until("all places are taken", || server.open() >= CHECKS_MAX).await;
    // By now each would have begun, if it might.
    sleep(4 * LOOK_PAUSE).await;
    assert_eq!(server.most_open(), CHECKS_MAX);
    server.set(Act::Bytes(""));
    for _ in 0..instances {
        bench.expect(false, "closed").await;
    }
    assert!(targets.iter().all(|target| target.state.is_unhealthy()));
}

#[tokio::test]
async fn a_check_that_panics_begins_anew() {
    let server = Server::grpc(Act::Status(2)).await;
    let target = target("feed-1", server.address, &asking(HealthCheck::Grpc));
    let (sender, mut told) = unbounded_channel();
    let first = std::sync::atomic::AtomicBool::new(true);
    let listed = vec![target.clone()];
    let _checker = Checker::follow(
        move || Some(listed.clone()),
        Arc::new(move |change: HealthChange| {
            assert!(!first.swap(false, std::sync::atomic::Ordering::Relaxed), "a flaw in who is told");
            sender.send(change).unwrap();
        }),
    );
    until("the first verdict", || target.state.is_unhealthy()).await;
    server.set(Act::Status(1));
    assert!(timeout(LIMIT, told.recv()).await.expect("a second verdict").expect("a checker").healthy);
}

#[test]
fn a_check_under_way_keeps_no_runtime_from_ending() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let checker = runtime.block_on(async {
            let server = Server::bytes(Act::Silent).await;
            let slow = patient(over_http());
            let bench = Bench::start(&[target("feed-1", server.address, &slow)]);
            until("a check under way", || server.open() == 1).await;
            bench.checker
        });
        drop(runtime);
        drop(checker);
        done.send(()).unwrap();
    });
    ended.recv_timeout(LIMIT).expect("the runtime ends although a check waits");
}

#[tokio::test]
async fn the_instances_of_a_roster_are_checked() {
    let shared = Arc::new(Shared::new());
    let (sender, mut changes) = unbounded_channel();
    let _checker = Checker::start(&shared, move |change| sender.send(change).unwrap());
    let server = Server::bytes(Act::Bytes("")).await;
    let roster = |protocol| {
        let instance = Instance {
            id: "web-1".into(),
            address: server.address,
            zone: 0,
            zone_name: "".into(),
            weight_percent: 100,
        };
        let (name, instances, rules) = ("web".into(), vec![instance], Arc::default());
        let services = vec![ServiceRoster { name, protocol, instances, rules }];
        Roster { services }
    };
    // Over HTTP/1.1 the default check is a connect, which this passes; over HTTP/2 it is gRPC's, which it does not.
    let web = shared.apply(&roster(Protocol::H1));
    until("a check", || server.accepted() >= 1).await;
    assert!(changes.try_recv().is_err());
    drop(web);
    let _web = shared.apply(&roster(Protocol::H2));
    let change = timeout(LIMIT, changes.recv()).await.expect("a verdict").expect("a checker");
    assert_eq!((&*change.service, &*change.instance, change.healthy), ("web", "web-1", false));
    drop(shared);
    assert!(timeout(LIMIT, changes.recv()).await.expect("the checker ends with what it checks").is_none());
}
