//! A scripted source under tokio's stopped clock: no waiting, and every pause is exact.

use crate::discovery::ask::{Ask, Family, Reply, Service};
use crate::discovery::source::Name;
use crate::discovery::*;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What the source says now; the test changes it while discovery runs.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    v4: Option<Reply<IpAddr>>,
    v6: Option<Reply<IpAddr>>,
    srv: Option<Reply<Service>>,
    panics: bool,
    /// How long the answers for IPv6 take.
    slow: Duration,
    asked: Vec<Instant>,
    events: Vec<DnsEvent>,
}

impl Ask for Script {
    async fn addresses(&self, _: &Name, family: Family) -> Reply<IpAddr> {
        let (reply, wait, panics) = {
            let mut lines = self.0.lock().unwrap();
            match family {
                Family::V4 => {
                    lines.asked.push(Instant::now());
                    (lines.v4.clone(), Duration::ZERO, lines.panics)
                }
                Family::V6 => (lines.v6.clone(), lines.slow, false),
            }
        };
        assert!(!panics, "a flaw in a library");
        sleep(wait).await;
        reply.unwrap_or(Reply::Negative("no such records"))
    }

    async fn services(&self, _: &Name) -> Reply<Service> {
        self.0.lock().unwrap().srv.clone().unwrap_or(Reply::Negative("NXDOMAIN"))
    }
}

impl Script {
    fn start(&self, question: DnsQuestion) -> Discovery {
        let script = self.clone();
        let tell: Tell = Arc::new(move |event| script.0.lock().unwrap().events.push(event));
        Discovery::ask(DnsSource::new("feed", question), self.clone(), tell).unwrap()
    }

    fn set(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.0.lock().unwrap());
    }

    fn told(&self, kind: DnsEventKind) -> usize {
        self.0.lock().unwrap().events.iter().filter(|event| event.kind == kind).count()
    }

    /// Seconds between questions for IPv4.
    fn pauses(&self) -> Vec<f64> {
        let lines = self.0.lock().unwrap();
        lines.asked.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
    }
}

fn plain() -> DnsQuestion {
    DnsQuestion::Name { host: "feed.test".into(), port: 80 }
}

fn found(addresses: &[&str], ttl: u64) -> Option<Reply<IpAddr>> {
    let records = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Some(Reply::Records(records, Duration::from_secs(ttl)))
}

fn away<T>() -> Option<Reply<T>> {
    Some(Reply::Away("SERVFAIL".into()))
}

fn count(discovery: &Discovery) -> usize {
    discovery.instances().borrow().len()
}

/// Lets `seconds` pass for the discovery.
async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn how_questions_end_is_counted_and_how_old_the_answer_is() {
    let script = Script::default();
    script.set(|lines| lines.v4 = found(&["10.0.0.1"], 60));
    let discovery = script.start(plain());
    let lookups = discovery.lookups();
    assert_eq!(lookups.view(), LookupsView::default());
    pass(1).await;
    let view = lookups.view();
    assert_eq!((view.answered, view.empty, view.away), (1, 1, 0), "A has a record, AAAA has none");
    assert_eq!(view.age, Some(Duration::from_secs(1)));
    script.set(|lines| (lines.v4, lines.v6) = (away(), away()));
    pass(300).await;
    let view = lookups.view();
    assert!((view.answered, view.empty) == (1, 1) && view.away > 2, "{view:?}");
    assert_eq!(view.age, Some(Duration::from_secs(301)), "what it said then still holds");
    script.set(|lines| lines.panics = true);
    pass(60).await;
    assert!(lookups.view().away > view.away + 1, "a flaw counts, too");
    drop(discovery);
    assert_eq!(lookups.view().answered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_at_the_start_is_asked_until_it_answers() {
    let script = Script::default();
    script.set(|lines| (lines.v4, lines.v6) = (away(), away()));
    let discovery = script.start(plain());
    pass(100).await;
    assert_eq!(count(&discovery), 0);
    assert_eq!(script.told(DnsEventKind::Away), 2, "one for each family, told once");
    let pauses = script.pauses();
    assert!(pauses[0] <= 1.1 && pauses.last().unwrap() >= &15.0, "{pauses:?}");
    script.set(|lines| (lines.v4, lines.v6) = (found(&["10.0.0.1"], 5), None));
    let mut instances = discovery.instances();
    timeout(Duration::from_secs(34), instances.changed()).await.expect("asked again in time").unwrap();
    assert_eq!(instances.borrow()[0].address, "10.0.0.1:80".parse().unwrap());
    pass(1).await;
    assert_eq!(script.told(DnsEventKind::Back), 2);
}

#[tokio::test(start_paused = true)]
async fn ttls_are_honoured() {
    let script = Script::default();
    script.set(|lines| lines.v4 = found(&["10.0.0.1"], 7));
    let _discovery = script.start(plain());
    pass(100).await;
    let pauses = script.pauses();
    assert!(pauses.len() >= 12, "{pauses:?}");
    assert!(pauses.iter().all(|pause| (7.0..7.8).contains(pause)), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn the_source_goes_first_and_then_the_instances() {
    let script = Script::default();
    script.set(|lines| lines.v4 = found(&["10.0.0.1", "10.0.0.2"], 5));
    let discovery = script.start(plain());
    pass(1).await;
    assert_eq!(count(&discovery), 2);
    script.set(|lines| (lines.v4, lines.v6) = (away(), away()));
    pass(3600).await;
    assert_eq!(count(&discovery), 2, "the last good answer is kept for as long as it takes");
    // It is back, and one has gone meanwhile.
    script.set(|lines| (lines.v4, lines.v6) = (found(&["10.0.0.2"], 5), None));
    pass(34).await;
    assert_eq!(discovery.instances().borrow()[0].id, "feed-10.0.0.2-80".into());
    assert_eq!(count(&discovery), 1);
}

#[tokio::test(start_paused = true)]
async fn the_instances_go_first_and_then_the_source() {
    let script = Script::default();
    script.set(|lines| lines.v4 = found(&["10.0.0.1", "10.0.0.2"], 5));
    let discovery = script.start(plain());
    pass(1).await;
    // One goes, which is believed at once; then the name, which is not; then the source, which says nothing.
    script.set(|lines| lines.v4 = found(&["10.0.0.2"], 5));
    pass(6).await;
    assert_eq!(count(&discovery), 1);
    script.set(|lines| lines.v4 = None);
    pass(20).await;
    assert_eq!(count(&discovery), 1);
    script.set(|lines| (lines.v4, lines.v6) = (away(), away()));
    pass(600).await;
    assert_eq!(count(&discovery), 1, "away is no evidence");
    script.set(|lines| (lines.v4, lines.v6) = (None, None));
    pass(70).await;
    assert_eq!(count(&discovery), 0, "the source insists");
    script.set(|lines| lines.v4 = found(&["10.0.0.3"], 5));
    pass(34).await;
    assert_eq!(count(&discovery), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_vanishes_for_a_moment_changes_nothing() {
    let script = Script::default();
    script.set(|lines| lines.v4 = found(&["10.0.0.1"], 2));
    let discovery = script.start(plain());
    let mut instances = discovery.instances();
    instances.changed().await.unwrap();
    instances.borrow_and_update();
    for _ in 0..20 {
        script.set(|lines| lines.v4 = None);
        pass(20).await;
        script.set(|lines| lines.v4 = found(&["10.0.0.1"], 2));
        pass(12).await;
    }
    assert!(!instances.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_family_that_is_slow_holds_nobody_up() {
    let script = Script::default();
    script.set(|lines| {
        lines.v4 = found(&["10.0.0.1"], 60);
        (lines.v6, lines.slow) = (away(), Duration::from_secs(4));
    });
    let discovery = script.start(plain());
    let began = Instant::now();
    discovery.instances().changed().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    pass(3600).await;
    assert_eq!(count(&discovery), 1);
    assert_eq!(script.told(DnsEventKind::Away), 1);
}

#[tokio::test(start_paused = true)]
async fn srv_records_and_their_targets_may_each_be_away() {
    let script = Script::default();
    let target = |port| Service { priority: 0, weight: 0, port, target: Name::from_str("a.test").unwrap() };
    let records = |ports: &[u16]| {
        Some(Reply::Records(ports.iter().copied().map(target).collect(), Duration::from_secs(5)))
    };
    script.set(|lines| (lines.srv, lines.v4) = (away(), found(&["10.0.0.1"], 5)));
    let discovery = script.start(DnsQuestion::Srv { name: "_grpc._tcp.feed.test".into() });
    pass(10).await;
    assert_eq!(count(&discovery), 0);
    script.set(|lines| (lines.srv, lines.v4) = (records(&[81, 82]), away()));
    pass(34).await;
    assert_eq!(count(&discovery), 0);
    script.set(|lines| lines.v4 = found(&["10.0.0.1"], 5));
    pass(34).await;
    assert_eq!(count(&discovery), 2);
    script.set(|lines| (lines.srv, lines.v4) = (away(), away()));
    pass(3600).await;
    assert_eq!(count(&discovery), 2);
    script.set(|lines| (lines.srv, lines.v4) = (records(&[82]), away()));
    pass(34).await;
    assert_eq!(discovery.instances().borrow()[0].address, "10.0.0.1:82".parse().unwrap());
    assert_eq!(count(&discovery), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_panics_is_asked_again() {
    let script = Script::default();
    script.set(|lines| (lines.v4, lines.panics) = (found(&["10.0.0.1"], 5), true));
    let discovery = script.start(plain());
    pass(10).await;
    assert_eq!(count(&discovery), 0);
    script.set(|lines| lines.panics = false);
    pass(34).await;
    assert_eq!(count(&discovery), 1);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_nobody_wants_to_know() {
    let script = Script::default();
    script.set(|lines| lines.v4 = found(&["10.0.0.1"], 5));
    let discovery = script.start(plain());
    let mut instances = discovery.instances();
    instances.changed().await.unwrap();
    drop(discovery);
    assert!(instances.changed().await.is_err());
    let asked = script.0.lock().unwrap().asked.len();
    pass(100).await;
    assert_eq!(script.0.lock().unwrap().asked.len(), asked);
}
