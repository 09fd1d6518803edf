//! Time and number at the public door: slow heads and bodies, idle connections, readers that take nothing, and the bounds on
//! connections and requests.

use std::io::Write;
use std::time::{Duration, Instant};
use tenet_tests::door::check_problem;
use tenet_tests::http1::{self, Connection};
use tenet_tests::{Answer, Door, GrpcBackend, HttpBackend, PATIENCE, door, eventually, raw};

const TIMES: &str = "[gateway.limits]\nheader_time = \"300ms\"\nbody_time = \"300ms\"\nidle_time = \"500ms\"\nwrite_time = \"500ms\"";

#[test]
fn what_does_not_arrive_in_time_is_refused_with_408() {
    let mut door = Door::open(TIMES);
    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    for (what, bytes, code) in [
        ("half a request line", "GET /v1/e".to_owned(), "HEADER_TIMEOUT"),
        ("a head without its end", "GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n".to_owned(), "HEADER_TIMEOUT"),
        ("a body that stops", post("/v1/echo") + "Content-Length: 12\r\n\r\n{\"te", "BODY_TIMEOUT"),
        ("a body that never begins", post("/v1/echo") + "Content-Length: 12\r\n\r\n", "BODY_TIMEOUT"),
        (
            "a chunk that stops",
            post("/v1/echo") + "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"te",
            "BODY_TIMEOUT",
        ),
        (
            "chunks without the last",
            post("/v1/echo") + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
            "BODY_TIMEOUT",
        ),
        (
            "a promise not kept",
            post("/v1/echo") + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
            "BODY_TIMEOUT",
        ),
        ("a stream that stops", post("/plain/a") + "Content-Length: 12\r\n\r\nabc", "BODY_TIMEOUT"),
    ] {
        let mut connection = Connection::open(door.gateway.public);
        connection.send(bytes.as_bytes()).expect("sent");
        let mut answer = connection.receive(false, PATIENCE).unwrap_or_else(|| panic!("{what}: no answer"));
        if answer.status == 100 {
            answer = connection.receive(false, PATIENCE).unwrap_or_else(|| panic!("{what}: no answer"));
        }
        check_problem(what, &answer, 408, code);
        assert_eq!(answer.header("connection"), Some("close"), "{what}");
        assert!(connection.closes_within(PATIENCE), "{what}");
        door.ledger.expect(code);
    }
    door.settle();
}

#[test]
fn a_body_that_trickles_is_refused_by_its_rate() {
    let mut door = Door::open(&format!("{TIMES}\nmin_body_rate = 1000"));
    let mut stream = raw::connect(door.gateway.public);
    let head = "POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    // Never a pause as long as body_time, for longer than anybody would wait for it.
    let until = Instant::now() + PATIENCE;
    let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
    let mut heard = Vec::new();
    while heard.is_empty() && Instant::now() < until && stream.write_all(b" ").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
        heard = raw::listen(&mut stream, Duration::from_millis(1)).bytes;
    }
    heard.extend(raw::listen(&mut stream, PATIENCE).bytes);
    let answers = http1::parse_all(&heard);
    assert_eq!(answers.len(), 1);
    check_problem("a trickle", &answers[0], 408, "BODY_TIMEOUT");
    door.ledger.expect("BODY_TIMEOUT");
    door.settle();
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let mut door = Door::open(TIMES);
    let mut connection = Connection::open(door.gateway.public);
    connection.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert_eq!(connection.receive(false, PATIENCE).map(|answer| answer.status), Some(200));
    door.ledger.expect("OK");
    // RFC 9110 §15.5.9 lets a server say 408 here; clients take it for the answer to their next request.
    assert!(connection.receive(false, PATIENCE).is_none(), "nothing was asked");
    assert!(connection.closes_within(PATIENCE), "idle_time is over");
    door.settle();
}

#[test]
fn a_reader_that_takes_nothing_is_given_up() {
    // Far more than the sockets on the way hold.
    let big = HttpBackend::start(|_| Answer::http(200, vec![b'x'; 32 << 20]));
    let mut door = Door::before(GrpcBackend::start(door::echo), big, TIMES, &[]);
    let mut stream = raw::connect(door.gateway.public);
    stream.write_all(b"GET /plain/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    door.ledger.expect("CANCELLED");
    eventually("the answer to begin", || (in_flight(&door) == 1).then_some(()));
    eventually("the gateway to give up", || (in_flight(&door) == 0).then_some(()));
    door.settle();
    drop(stream);
}

#[test]
fn a_caller_that_asks_and_never_reads_is_not_served_ahead() {
    const ANSWER: usize = 256 << 10;
    let big = HttpBackend::start(|_| Answer::http(200, vec![b'x'; ANSWER]));
    let door = Door::before(GrpcBackend::start(door::echo), big, TIMES, &[]);
    let mut stream = raw::connect(door.gateway.public);
    let _ = stream.set_write_timeout(Some(Duration::from_secs(2)));
    let request = b"GET /plain/a HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5000);
    let _ = stream.write_all(&request);
    eventually("the gateway to give up", || (door.gateway.status()["connections"] == 0).then_some(()));
    // What the sockets on the way hold, and not one answer more is made.
    let calls = door.plain.calls().len();
    assert!(calls * ANSWER < 64 << 20, "{calls} of 5000 pipelined requests were served to nobody");
}

fn in_flight(door: &Door) -> u64 {
    door.gateway.status()["in_flight"].as_u64().unwrap_or(u64::MAX)
}

#[test]
fn a_caller_that_leaves_is_recorded_as_cancelled_with_its_time() {
    let mut door = Door::open("");
    for path in ["/v1/slow", "/plain/a"] {
        let mut stream = raw::connect(door.gateway.public);
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Want-Delay-Ms: 5000\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        eventually("the call to be in flight", || (in_flight(&door) == 1).then_some(()));
        std::thread::sleep(Duration::from_millis(100));
        drop(stream);
        door.ledger.expect("CANCELLED");
        eventually("the call to end with its caller", || (in_flight(&door) == 0).then_some(()));
    }
    door.settle();
    let spent = door.gateway.metric("tenet_request_duration_seconds_sum", &["code=\"CANCELLED\""]);
    assert!((0.15..5.0).contains(&spent), "both waited about 100 ms: {spent}");
}

#[test]
fn requests_in_flight_are_bounded() {
    let mut door = Door::open("[gateway.limits]\nin_flight = 2");
    let request = b"GET /plain/a HTTP/1.1\r\nHost: x\r\nX-Want-Delay-Ms: 2000\r\n\r\n";
    let mut waiting: Vec<_> = (0..2).map(|_| Connection::open(door.gateway.public)).collect();
    for connection in &mut waiting {
        connection.send(request).expect("sent");
        door.ledger.expect("OK");
    }
    eventually("both to be in flight", || (in_flight(&door) == 2).then_some(()));
    let mut third = Connection::open(door.gateway.public);
    third.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let answer = third.receive(false, PATIENCE).expect("an answer at once");
    check_problem("the third", &answer, 503, "OVERLOADED");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    door.ledger.expect("OVERLOADED");
    for connection in &mut waiting {
        assert_eq!(connection.receive(false, PATIENCE).map(|answer| answer.status), Some(200));
    }
    third.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert_eq!(third.receive(false, PATIENCE).map(|answer| answer.status), Some(200), "there is room again");
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn connections_are_bounded_at_each_door() {
    let mut door = Door::open("[gateway.limits]\nconnections = 3");
    for at in [door.gateway.public, door.gateway.private] {
        connections_are_bounded(&mut door, at);
    }
    door.settle();
}

fn connections_are_bounded(door: &mut Door, at: std::net::SocketAddr) {
    let ask = |connection: &mut Connection| {
        let _ = connection.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n");
        connection.receive(false, PATIENCE)
    };
    let mut held: Vec<_> = (0..3).map(|_| Connection::open(at)).collect();
    for connection in &mut held {
        assert_eq!(ask(connection).map(|answer| answer.status), Some(200));
        door.ledger.expect("OK");
    }
    let mut fourth = Connection::open(at);
    let answer = ask(&mut fourth).expect("a refused connection is told why");
    check_problem("the fourth", &answer, 503, "OVERLOADED");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(fourth.closes_within(PATIENCE));
    door.ledger.expect("OVERLOADED");
    held.pop();
    eventually("the closed one to be counted out", || {
        (door.gateway.status()["connections"] == 2).then_some(())
    });
    let mut fifth = Connection::open(at);
    assert_eq!(ask(&mut fifth).map(|answer| answer.status), Some(200), "there is room again");
    door.ledger.expect("OK");
    drop((held, fifth));
    eventually("all to be counted out", || (door.gateway.status()["connections"] == 0).then_some(()));
}

#[test]
fn many_slow_callers_do_not_stop_the_others() {
    const SLOW: usize = 300;
    let mut door = Door::open_with("[gateway.limits]\nheader_time = \"20s\"", &[("TENET_THREADS", "2")]);
    let mut crowd: Vec<_> = (0..SLOW).map(|_| raw::connect(door.gateway.public)).collect();
    for round in 0..20 {
        let byte = &b"GET /v1/echo/a HTTP/1.1\r\nA: bbbbbbbbbbbb"[round..=round];
        for stream in &mut crowd {
            stream.write_all(byte).expect("the gateway waits");
        }
        let mut honest = Connection::open(door.gateway.public);
        honest.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        assert_eq!(honest.receive(false, PATIENCE).map(|answer| answer.status), Some(200), "round {round}");
        door.ledger.expect("OK");
    }
    let open: u64 = door.gateway.status()["connections"].as_u64().unwrap_or_default();
    assert!(open >= SLOW as u64, "they are held, not dropped: {open}");
    drop(crowd);
    // A connection that ended within a head is a request its caller gave up.
    door.ledger.expect_many("CANCELLED", SLOW as u64);
    door.settle();
}

#[test]
fn connections_go_to_the_least_loaded_thread() {
    let door = Door::open_with("", &[("TENET_THREADS", "4")]);
    let threads = || -> Vec<u64> {
        let status = door.gateway.status();
        let list = status["threads"].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(serde_json::Value::as_u64).collect()
    };
    let open = |count: usize| -> Vec<Connection> {
        let mut connections: Vec<_> = (0..count).map(|_| Connection::open(door.gateway.public)).collect();
        for connection in &mut connections {
            connection.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
            assert_eq!(connection.receive(false, PATIENCE).map(|answer| answer.status), Some(200));
        }
        connections
    };
    let mut held = open(20);
    assert_eq!(threads(), [5, 5, 5, 5], "twenty connections over four threads");
    // Fifteen of them go; wherever those were, the next ones fill the gaps.
    held.truncate(5);
    eventually("the closed ones to be counted out", || (threads().iter().sum::<u64>() == 5).then_some(()));
    let more = open(15);
    assert_eq!(threads(), [5, 5, 5, 5], "the gaps are filled");
    drop((held, more));
    eventually("all to be counted out", || (threads() == [0, 0, 0, 0]).then_some(()));
}

#[test]
fn a_plain_upstream_that_is_late_or_breaks_off_is_told_apart() {
    let plain = HttpBackend::start(|call| match call.header("x-want") {
        Some("break") => Answer::http(200, "half").aborted(),
        Some("late") => Answer::http(200, "late").after(Duration::from_secs(20)),
        _ => door::plain(call),
    });
    let mut door = Door::before(GrpcBackend::start(door::echo), plain, "deadline = \"400ms\"", &[]);
    let late = http1::call(door.gateway.public, "GET", "/plain/a", &[("x-want", "late")], b"");
    check_problem("late", &late, 504, "GATEWAY_DEADLINE_EXCEEDED");
    door.ledger.expect("GATEWAY_DEADLINE_EXCEEDED");
    // The head was passed on: all that is left is to end without a proper end.
    let heard = raw::send(
        door.gateway.public,
        b"GET /plain/a HTTP/1.1\r\nHost: x\r\nX-Want: break\r\n\r\n",
        PATIENCE,
    );
    assert!(heard.closed, "{}", heard.text());
    assert!(
        matches!(http1::parse(&heard.bytes, false, true), Ok(None)),
        "it is seen to be cut off: {}",
        heard.text()
    );
    door.ledger.expect("CONNECTION_LOST");
    for (status, code) in [("404", "UPSTREAM_HTTP_4XX"), ("500", "UPSTREAM_HTTP_5XX"), ("304", "OK")] {
        let answer = http1::call(door.gateway.public, "GET", "/plain/a", &[("x-want-status", status)], b"");
        assert_eq!(answer.status.to_string(), status, "passed on as it came");
        door.ledger.expect(code);
    }
    door.settle();
}
