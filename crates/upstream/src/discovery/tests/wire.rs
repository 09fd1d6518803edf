//! The resolver against a real name server, with every way in which one fails.

use super::server::{Line, Server};
use crate::discovery::ask::{Ask, Family, Reply};
use crate::discovery::resolver::Resolver;
use crate::discovery::source::Name;
use crate::discovery::*;
use domain::base::iana::{Rcode, Rtype};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::timeout;

/// No wait of a test is longer; one that would be fails instead.
const LIMIT: Duration = Duration::from_secs(20);

fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

fn patient(address: SocketAddr) -> Resolver {
    Resolver::waiting(address, LIMIT)
}

#[tokio::test]
async fn addresses_are_read_with_the_shortest_ttl_on_the_way() {
    let server = Server::start().await;
    let check = async |family, kind, lines: &[&'static str], expected: &[&str], ttl| {
        server.set("feed.test", kind, Line::Records(lines.to_vec()));
        let reply = patient(server.address).addresses(&name("feed.test"), family).await;
        let records = expected.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(reply, Reply::Records(records, Duration::from_secs(ttl)), "{lines:?}");
    };
    check(Family::V4, Rtype::A, &["A 30 10.0.0.1", "A 20 10.0.0.2"], &["10.0.0.1", "10.0.0.2"], 20).await;
    check(Family::V6, Rtype::AAAA, &["AAAA 9 ::1"], &["::1"], 9).await;
    check(Family::V4, Rtype::A, &["A 0 10.0.0.1"], &["10.0.0.1"], 0).await;
    let aliased = ["CNAME 5 a.test", "a.test CNAME 60 b.test", "b.test A 60 10.0.0.1", "x.test A 1 6.6.6.6"];
    check(Family::V4, Rtype::A, &aliased, &["10.0.0.1"], 5).await;
}

#[tokio::test]
async fn services_are_read_without_those_that_are_none() {
    let server = Server::start().await;
    let lines =
        vec!["SRV 30 1 2 80 a.test", "SRV 40 3 4 81 b.test", "SRV 40 0 0 0 c.test", "SRV 40 0 0 80 ."];
    server.set("_x._tcp.test", Rtype::SRV, Line::Records(lines));
    match patient(server.address).services(&name("_x._tcp.test")).await {
        Reply::Records(records, ttl) => {
            let read = |i: usize| {
                let one = &records[i];
                (one.priority, one.weight, one.port, one.target.to_string())
            };
            assert_eq!(records.len(), 2);
            assert_eq!(read(0), (1, 2, 80, "a.test".into()));
            assert_eq!(read(1), (3, 4, 81, "b.test".into()));
            assert_eq!(ttl, Duration::from_secs(30));
        }
        other => panic!("{other:?}"),
    }
    server.set("_x._tcp.test", Rtype::SRV, Line::Records(vec!["SRV 40 0 0 0 ."]));
    let none = patient(server.address).services(&name("_x._tcp.test")).await;
    assert_eq!(none, Reply::Negative("no such records"));
}

#[tokio::test]
async fn no_and_no_answer_are_told_apart() {
    let server = Server::start().await;
    let ask = async |line: Line| {
        server.set("feed.test", Rtype::A, line);
        patient(server.address).addresses(&name("feed.test"), Family::V4).await
    };
    assert_eq!(ask(Line::Code(Rcode::NXDOMAIN)).await, Reply::Negative("NXDOMAIN"));
    assert_eq!(ask(Line::Records(vec![])).await, Reply::Negative("no such records"));
    assert_eq!(ask(Line::Records(vec!["AAAA 1 ::1"])).await, Reply::Negative("no such records"));
    assert_eq!(
        ask(Line::Code(Rcode::SERVFAIL)).await,
        Reply::Away(format!("SERVFAIL from {}", server.address))
    );
    assert_eq!(
        ask(Line::Code(Rcode::REFUSED)).await,
        Reply::Away(format!("REFUSED from {}", server.address))
    );
    let loop_ = vec!["CNAME 1 a.test", "a.test CNAME 1 feed.test"];
    assert_eq!(ask(Line::Records(loop_)).await, Reply::Away("a malformed answer".into()));
}

#[tokio::test]
async fn forged_answers_are_passed_over_and_lost_questions_repeated() {
    let server = Server::start().await;
    let expected = Reply::Records(vec!["10.0.0.1".parse().unwrap()], Duration::from_secs(3));
    server.set("feed.test", Rtype::A, Line::Forged(vec!["A 3 10.0.0.1"]));
    assert_eq!(patient(server.address).addresses(&name("feed.test"), Family::V4).await, expected);
    server.set("lost.test", Rtype::A, Line::LostOnce(vec!["A 3 10.0.0.1"]));
    let resolver = Resolver::waiting(server.address, Duration::from_secs(1));
    assert_eq!(resolver.addresses(&name("lost.test"), Family::V4).await, expected);
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_over_tcp() {
    let server = Server::start().await;
    server.set("feed.test", Rtype::A, Line::Truncated(vec!["A 3 10.0.0.1"; 1]));
    let reply = patient(server.address).addresses(&name("feed.test"), Family::V4).await;
    assert_eq!(reply, Reply::Records(vec!["10.0.0.1".parse().unwrap()], Duration::from_secs(3)));
    assert_eq!(server.asked(), ["udp feed.test A", "tcp feed.test A"]);
}

#[tokio::test]
async fn a_name_server_that_is_silent_or_not_there_is_away() {
    let server = Server::start().await;
    server.set("feed.test", Rtype::A, Line::Silent);
    let hasty = Resolver::waiting(server.address, Duration::from_millis(50));
    let reply = hasty.addresses(&name("feed.test"), Family::V4).await;
    assert_eq!(reply, Reply::Away(format!("no answer within 50ms from {}", server.address)));
    assert_eq!(server.asked().len(), 2, "asked twice");

    let nobody = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let reply = Resolver::waiting(nobody, LIMIT).addresses(&name("feed.test"), Family::V4).await;
    assert_eq!(reply, Reply::Away(format!("connection refused from {nobody}")));
}

#[tokio::test]
async fn instances_follow_a_real_name_server() {
    let server = Server::start().await;
    server.set("_grpc._tcp.feed.test", Rtype::SRV, Line::Records(vec!["SRV 60 0 3 81 a.test"]));
    server.set("a.test", Rtype::A, Line::Records(vec!["A 60 10.0.0.1"]));
    server.set("a.test", Rtype::AAAA, Line::Code(Rcode::SERVFAIL));
    let source = DnsSource {
        resolver: Some(server.address),
        min_ttl: Duration::from_millis(20),
        max_ttl: Duration::from_millis(20),
        ..DnsSource::new("feed", DnsQuestion::Srv { name: "_grpc._tcp.feed.test".into() })
    };
    let discovery = Discovery::start(source, |_| {}).unwrap();
    let mut instances = discovery.instances();
    let mut expect = async |addresses: &[&str]| {
        let wanted = addresses.iter().map(|text| text.parse::<SocketAddr>().unwrap()).collect::<Vec<_>>();
        let seen = instances.wait_for(|now| now.iter().map(|one| one.address).collect::<Vec<_>>() == wanted);
        drop(timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("never {addresses:?}")).unwrap());
    };
    expect(&["10.0.0.1:81"]).await;
    server.set("a.test", Rtype::AAAA, Line::Records(vec!["AAAA 60 ::1"]));
    expect(&["10.0.0.1:81", "[::1]:81"]).await;
    server.set("_grpc._tcp.feed.test", Rtype::SRV, Line::Code(Rcode::SERVFAIL));
    server.set("a.test", Rtype::A, Line::Records(vec!["A 60 10.0.0.2"]));
    expect(&["10.0.0.2:81", "[::1]:81"]).await;
    server.set("_grpc._tcp.feed.test", Rtype::SRV, Line::Records(vec!["SRV 60 0 3 82 a.test"]));
    expect(&["10.0.0.2:82", "[::1]:82"]).await;
}
