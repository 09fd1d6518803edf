//! Answers in, instances and events out.

use super::*;

const TTL: Duration = Duration::from_secs(5);

fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

fn plain() -> Known {
    let question = DnsQuestion::Name { host: "feed.test".into(), port: 80 };
    Known::new(DnsSource { zone: "b".into(), ..DnsSource::new("feed", question) }).unwrap()
}

fn srv() -> Known {
    Known::new(DnsSource::new("feed", DnsQuestion::Srv { name: "_grpc._tcp.feed.test".into() })).unwrap()
}

fn found(addresses: &[&str]) -> Reply<IpAddr> {
    Reply::Records(addresses.iter().map(|text| text.parse().unwrap()).collect(), TTL)
}

fn away<T>() -> Reply<T> {
    Reply::Away("SERVFAIL".into())
}

fn service(priority: u16, weight: u16, port: u16, target: &str) -> Service {
    Service { priority, weight, port, target: name(target) }
}

/// `ADDRESS=WEIGHT` of each instance.
fn listed(known: &Known) -> String {
    let one = |one: &Discovered| format!("{}={}", one.address, one.weight_percent);
    known.instances().iter().map(one).collect::<Vec<_>>().join(" ")
}

fn kinds(events: &[DnsEvent]) -> Vec<DnsEventKind> {
    events.iter().map(|event| event.kind).collect()
}

#[test]
fn both_families_count_and_neither_takes_the_others_part() {
    let mut known = plain();
    let host = name("feed.test");
    let now = Instant::now();
    let mut take = |family, reply, expected: &str| {
        let events = known.take_addresses(now, &host, family, reply);
        assert_eq!(listed(&known), expected);
        events
    };
    take(Family::V4, found(&["10.0.0.2", "10.0.0.1", "10.0.0.1"]), "10.0.0.1:80=100 10.0.0.2:80=100");
    take(Family::V6, away(), "10.0.0.1:80=100 10.0.0.2:80=100");
    take(Family::V6, found(&["::1"]), "10.0.0.1:80=100 10.0.0.2:80=100 [::1]:80=100");
    take(Family::V4, away(), "10.0.0.1:80=100 10.0.0.2:80=100 [::1]:80=100");
    let events = take(Family::V4, found(&["10.0.0.2"]), "10.0.0.2:80=100 [::1]:80=100");
    assert_eq!(kinds(&events), [DnsEventKind::Back, DnsEventKind::Changed]);
    assert_eq!(events[1].text, "1 gone: feed-10.0.0.1-80");
    let first = &known.instances()[0];
    assert_eq!((&*first.id, &*first.zone), ("feed-10.0.0.2-80", "b"));
}

#[test]
fn srv_gives_ports_weights_and_the_lowest_priority() {
    let mut known = srv();
    let now = Instant::now();
    assert_eq!(known.srv(), Some(&name("_grpc._tcp.feed.test")));
    let records = vec![
        service(5, 60, 81, "a.test"),
        service(5, 20, 82, "b.test"),
        service(5, 0, 83, "c.test"),
        service(9, 99, 84, "d.test"),
    ];
    known.take_services(now, Reply::Records(records, TTL));
    assert_eq!(known.hosts(), [name("a.test"), name("b.test"), name("c.test")]);
    known.take_addresses(now, &name("a.test"), Family::V4, found(&["10.0.0.1", "10.0.0.2"]));
    known.take_addresses(now, &name("b.test"), Family::V4, found(&["10.0.0.3"]));
    known.take_addresses(now, &name("c.test"), Family::V6, found(&["::4"]));
    // 60 over two addresses is 30 each; beside it 20 and nearly nothing.
    assert_eq!(listed(&known), "10.0.0.1:81=100 10.0.0.2:81=100 10.0.0.3:82=67 [::4]:83=1");

    // A target that stays keeps its addresses, one that went takes them along; an answer that comes too late is nobody's.
    let records = vec![service(1, 0, 81, "b.test"), service(1, 0, 82, "b.test"), service(1, 0, 83, "d.test")];
    let events = known.take_services(now, Reply::Records(records, TTL));
    assert_eq!(listed(&known), "10.0.0.3:81=100 10.0.0.3:82=100");
    assert_eq!(kinds(&events), [DnsEventKind::Changed]);
    assert!(known.take_addresses(now, &name("a.test"), Family::V4, found(&["10.0.0.9"])).is_empty());
    assert_eq!(listed(&known), "10.0.0.3:81=100 10.0.0.3:82=100");

    // The list is kept while its source is away, and so are the addresses.
    known.take_services(now, away());
    known.take_addresses(now, &name("b.test"), Family::V4, away());
    assert_eq!(listed(&known), "10.0.0.3:81=100 10.0.0.3:82=100");
}

#[test]
fn what_there_is_not_is_told_once() {
    let mut known = plain();
    let host = name("feed.test");
    let now = Instant::now();
    let mut round = |after: u64, v4: Reply<IpAddr>, v6: Reply<IpAddr>| {
        let at = now + Duration::from_secs(after);
        let mut events = known.take_addresses(at, &host, Family::V4, v4);
        events.extend(known.take_addresses(at, &host, Family::V6, v6));
        events.extend(known.end_round());
        kinds(&events)
    };
    use DnsEventKind::{Away, Back, Changed, Empty};
    let none = || Reply::Negative("NXDOMAIN");
    assert_eq!(round(0, away(), away()), [Away, Away]);
    assert_eq!(round(1, away(), away()), []);
    assert_eq!(round(2, none(), none()), [Back, Back, Empty]);
    assert_eq!(round(3, none(), none()), []);
    assert_eq!(round(4, found(&["10.0.0.1"]), none()), [Changed]);
    assert_eq!(round(10, none(), none()), []);
    assert_eq!(round(20, none(), none()), []);
    assert_eq!(round(40, none(), none()), [Changed]);
    assert_eq!(round(41, none(), none()), []);
}

#[test]
fn pauses_follow_ttls_and_grow_while_nothing_is_known() {
    let host = name("feed.test");
    let now = Instant::now();
    let check = |replies: [Reply<IpAddr>; 2], rounds: u32, from_ms: u64, to_ms: u64| {
        let mut known = plain();
        for _ in 0..rounds {
            for (family, reply) in [Family::V4, Family::V6].into_iter().zip(replies.clone()) {
                known.take_addresses(now, &host, family, reply);
            }
            known.end_round();
        }
        for random in [0, u64::MAX / 2, u64::MAX] {
            let pause = known.pause(random).as_millis() as u64;
            assert!((from_ms..=to_ms).contains(&pause), "{replies:?}, {rounds}: {pause} ms");
        }
    };
    let ttl = |seconds| Reply::Records(vec!["10.0.0.1".parse().unwrap()], Duration::from_secs(seconds));
    let none = || Reply::Negative("NXDOMAIN");
    check([ttl(5), none()], 1, 5000, 5500);
    check([ttl(5), none()], 9, 5000, 5500);
    check([ttl(20), ttl(7)], 1, 7000, 7700);
    check([ttl(0), none()], 1, 1000, 1100);
    check([ttl(86400), none()], 1, 60_000, 66_000);
    // A family that is away is asked again sooner, but ever less so.
    check([ttl(60), away()], 1, 500, 1100);
    check([ttl(60), away()], 4, 4000, 8800);
    check([ttl(60), away()], 40, 15_000, 33_000);
    check([away(), away()], 1, 500, 1100);
    check([none(), none()], 1, 500, 1100);
    check([none(), none()], 40, 15_000, 33_000);
}

#[test]
fn instances_are_bounded() {
    let mut known = plain();
    let many: Vec<IpAddr> = (0..5000u32).map(|i| IpAddr::V4(i.into())).collect();
    known.take_addresses(Instant::now(), &name("feed.test"), Family::V4, Reply::Records(many, TTL));
    assert_eq!(known.instances().len(), INSTANCES_MAX);
    let mut known = srv();
    let many = (0..5000).map(|i| service(0, 0, 80, &format!("h{i}.test"))).collect();
    known.take_services(Instant::now(), Reply::Records(many, TTL));
    assert_eq!(known.hosts().len(), TARGETS_MAX);
}
