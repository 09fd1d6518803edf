//! HTTP/2 rules that the gateway holds by itself, frame by frame: each with the code RFC 9113 names, one record, and no harm to
//! what is well-formed.

use std::time::Duration;
use tenet_tests::frames::{END_HEADERS, END_STREAM, Frame, Frames, block, headers, kind, settings};
use tenet_tests::{Door, PATIENCE};

const PROTOCOL_ERROR: u32 = 0x1;
const FLOW_CONTROL_ERROR: u32 = 0x3;
const STREAM_CLOSED: u32 = 0x5;
const FRAME_SIZE_ERROR: u32 = 0x6;

const WHOLE: u8 = END_HEADERS | END_STREAM;
/// First byte of an answer's header block: an entry of HPACK's static table (RFC 7541 appendix A).
const OK: u8 = 0x88;

fn answer(connection: &mut Frames, stream: u32) -> Option<Frame> {
    connection.find(PATIENCE, |frame| frame.stream == stream && frame.kind == kind::HEADERS)
}

fn ends(connection: &mut Frames, stream: u32) -> bool {
    connection.find(PATIENCE, |frame| frame.stream == stream && frame.flags & END_STREAM != 0).is_some()
}

#[test]
fn each_rule_ends_the_connection_with_its_own_code() {
    let mut door = Door::open("");
    type Send = fn(&mut Frames);
    let rows: [(&str, Send, u32); 12] = [
        ("RST_STREAM of three bytes", |c| assert!(c.send(kind::RST_STREAM, 0, 1, &[0; 3])), FRAME_SIZE_ERROR),
        ("PRIORITY of four bytes", |c| assert!(c.send(kind::PRIORITY, 0, 1, &[0; 4])), FRAME_SIZE_ERROR),
        ("PING of seven bytes", |c| assert!(c.send(kind::PING, 0, 0, &[0; 7])), FRAME_SIZE_ERROR),
        ("GOAWAY of seven bytes", |c| assert!(c.send(kind::GOAWAY, 0, 0, &[0; 7])), FRAME_SIZE_ERROR),
        ("WINDOW_UPDATE of three", |c| assert!(c.send(kind::WINDOW_UPDATE, 0, 0, &[0; 3])), FRAME_SIZE_ERROR),
        ("SETTINGS of five bytes", |c| assert!(c.send(kind::SETTINGS, 0, 0, &[0; 5])), FRAME_SIZE_ERROR),
        ("SETTINGS ACK of six bytes", |c| assert!(c.send(kind::SETTINGS, 1, 0, &[0; 6])), FRAME_SIZE_ERROR),
        (
            "a window past 2^31, behind another setting, in pieces",
            |c| {
                let bytes =
                    tenet_tests::frames::frame(kind::SETTINGS, 0, 0, &settings(&[(2, 0), (4, 1 << 31)]));
                for byte in bytes.chunks(5) {
                    assert!(c.bytes(byte));
                }
            },
            FLOW_CONTROL_ERROR,
        ),
        ("PUSH_PROMISE", |c| assert!(c.send(kind::PUSH_PROMISE, 0, 1, &[0, 0, 0, 2])), PROTOCOL_ERROR),
        ("DATA behind the end", |c| closed(c, |c| c.send(kind::DATA, END_STREAM, 1, b"x")), STREAM_CLOSED),
        ("HEADERS behind the end", |c| closed(c, |c| c.get(1, "/v1/echo/a")), STREAM_CLOSED),
        // h2's own, which stays as it is: an identifier below the highest that was never used.
        (
            "HEADERS on a stream that was skipped",
            |c| {
                assert!(c.get(5, "/v1/echo/a"));
                assert!(ends(c, 5));
                assert!(c.get(3, "/v1/echo/a"));
            },
            PROTOCOL_ERROR,
        ),
    ];
    for (what, send, code) in rows {
        let mut connection = Frames::open(door.gateway.public);
        send(&mut connection);
        let frames = connection.rest(PATIENCE);
        assert!(connection.closed, "{what}: stays open after {frames:?}");
        let goaway = frames.iter().rev().find(|frame| frame.kind == kind::GOAWAY);
        assert_eq!(goaway.and_then(Frame::error), Some(code), "{what}: {frames:?}");
        if code == STREAM_CLOSED || what.contains("skipped") {
            door.ledger.expect("OK");
        }
        door.ledger.expect("PROTOCOL_VIOLATION");
    }
    door.settle();
}

/// A call that has ended on stream 1, then what `send` sends.
fn closed(connection: &mut Frames, send: impl FnOnce(&mut Frames) -> bool) {
    assert!(connection.get(1, "/v1/echo/a"));
    assert!(ends(connection, 1));
    assert!(send(connection));
}

#[test]
fn malformed_fields_reset_their_stream_alone() {
    let mut door = Door::open("");
    let mut connection = Frames::open(door.gateway.public);
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/v1/echo/a")];
    let mut stream = 1;
    for (what, field, fine) in [
        ("a space before", ("a", " b"), false),
        ("a tab before", ("a", "\tb"), false),
        ("a space behind", ("a", "b "), false),
        ("a tab behind", ("a", "b\t"), false),
        ("nothing but a space", ("a", " "), false),
        ("a space within", ("a", "b c"), true),
        ("nothing", ("a", ""), true),
        ("another Host", ("host", "y"), false),
        ("another port", ("host", "x:81"), false),
        ("the same Host", ("host", "X"), true),
        ("the scheme's own port", ("host", "x:80"), true),
    ] {
        connection.send(kind::HEADERS, WHOLE, stream, &block(&[&good[..], &[field]].concat()));
        if fine {
            let answer = answer(&mut connection, stream).and_then(|frame| frame.payload.first().copied());
            assert_eq!(answer, Some(OK), "{what}");
            door.ledger.expect("OK");
        } else {
            let end = connection.find(PATIENCE, |f| f.stream == stream || f.kind == kind::GOAWAY);
            let end = end.map(|frame| (frame.kind, frame.error()));
            assert_eq!(end, Some((kind::RST_STREAM, Some(PROTOCOL_ERROR))), "{what}");
            door.ledger.expect("PROTOCOL_VIOLATION");
        }
        stream += 2;
    }
    door.settle();
}

#[test]
fn malformed_trailers_do_not_reach_the_service() {
    let mut door = Door::open("");
    let mut connection = Frames::open(door.gateway.public);
    connection.send(kind::HEADERS, END_HEADERS, 1, &headers("POST", "/plain/trailers", &[]));
    connection.send(kind::DATA, 0, 1, b"body");
    connection.send(kind::HEADERS, WHOLE, 1, &block(&[("a", "b ")]));
    let answer = answer(&mut connection, 1).and_then(|frame| frame.payload.first().copied());
    // 400 is 0x8c in the static table.
    assert_eq!(answer, Some(0x8c));
    door.ledger.expect("PROTOCOL_VIOLATION");
    connection.get(3, "/v1/echo/a");
    assert!(ends(&mut connection, 3), "the stream after");
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn connect_is_refused_with_its_status() {
    let mut door = Door::open("");
    let mut connection = Frames::open(door.gateway.public);
    connection.send(kind::HEADERS, WHOLE, 1, &block(&[(":method", "CONNECT"), (":authority", "x:443")]));
    let body = connection.find(PATIENCE, |f| f.stream == 1 && f.kind == kind::DATA && !f.payload.is_empty());
    let body = String::from_utf8_lossy(&body.expect("an answer with a body").payload).into_owned();
    assert!(body.contains("\"code\":\"UNKNOWN_METHOD\"") && body.contains("501"), "{body}");
    door.ledger.expect("UNKNOWN_METHOD");
    connection.send(kind::HEADERS, WHOLE, 3, &block(&[(":method", "CONNECT")]));
    let end = connection.find(PATIENCE, |f| f.stream == 3);
    assert_eq!(end.and_then(|frame| frame.error()), Some(PROTOCOL_ERROR), "without an authority");
    door.ledger.expect("PROTOCOL_VIOLATION");
    door.settle();
}

#[test]
fn what_may_follow_the_end_of_a_stream_does_no_harm() {
    let mut door = Door::open("");
    let mut connection = Frames::open(door.gateway.public);
    connection.get(1, "/v1/echo/a");
    assert!(ends(&mut connection, 1));
    door.ledger.expect("OK");
    connection.send(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 9]);
    connection.send(kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 9]);
    connection.send(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    connection.send(0xfa, 0, 1, b"of a kind nobody knows");
    connection.get(3, "/v1/echo/a");
    assert!(ends(&mut connection, 3), "closed: {}", connection.closed);
    door.ledger.expect("OK");
    let more = connection.next(Duration::from_millis(200));
    assert!(!connection.closed, "{more:?}");
    drop(connection);
    door.settle();
}
