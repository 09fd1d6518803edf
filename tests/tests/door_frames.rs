//! HTTP/2 by raw frames: what breaks RFC 9113 ends the stream or the connection with the right code and one record; floods end
//! their connection and nobody else's.

use std::time::Duration;
use tenet_tests::frames::{END_HEADERS, END_STREAM, Frames, block, headers, kind, settings};
use tenet_tests::{Answer, Door, GrpcBackend, HttpBackend, PATIENCE, door, http1, ledger};

const PROTOCOL_ERROR: u32 = 0x1;
const FLOW_CONTROL_ERROR: u32 = 0x3;
const STREAM_CLOSED: u32 = 0x5;
const FRAME_SIZE_ERROR: u32 = 0x6;
const REFUSED_STREAM: u32 = 0x7;
const CANCEL: u32 = 0x8;
const COMPRESSION_ERROR: u32 = 0x9;
const ENHANCE_YOUR_CALM: u32 = 0xb;

const INITIAL_WINDOW_SIZE: u16 = 0x4;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;

/// A request of another connection, which must be answered whatever the first one does.
fn others_are_served(door: &mut Door, what: &str) {
    let answer = http1::get(door.gateway.public, "/v1/echo/other");
    assert_eq!(answer.status, 200, "{what}: another connection");
    door.ledger.expect("OK");
}

#[test]
fn a_broken_connection_is_told_why_and_closed() {
    let mut door = Door::open("");
    type Send = fn(&mut Frames);
    let rows: [(&str, Send, u32); 24] = [
        ("DATA on stream 0", |c| assert!(c.send(kind::DATA, 0, 0, b"x")), PROTOCOL_ERROR),
        ("DATA on an idle stream", |c| assert!(c.send(kind::DATA, 0, 1, b"x")), PROTOCOL_ERROR),
        (
            "HEADERS on stream 0",
            |c| assert!(c.send(kind::HEADERS, 5, 0, &headers("GET", "/", &[]))),
            PROTOCOL_ERROR,
        ),
        (
            "HEADERS on an even stream",
            |c| assert!(c.send(kind::HEADERS, 5, 2, &headers("GET", "/", &[]))),
            PROTOCOL_ERROR,
        ),
        ("RST_STREAM on stream 0", |c| assert!(c.send(kind::RST_STREAM, 0, 0, &[0; 4])), PROTOCOL_ERROR),
        (
            "RST_STREAM on an idle stream",
            |c| assert!(c.send(kind::RST_STREAM, 0, 1, &[0; 4])),
            PROTOCOL_ERROR,
        ),
        ("RST_STREAM of three bytes", |c| assert!(c.send(kind::RST_STREAM, 0, 1, &[0; 3])), FRAME_SIZE_ERROR),
        ("PRIORITY on stream 0", |c| assert!(c.send(kind::PRIORITY, 0, 0, &[0; 5])), PROTOCOL_ERROR),
        ("SETTINGS on a stream", |c| assert!(c.send(kind::SETTINGS, 0, 1, &[])), PROTOCOL_ERROR),
        ("SETTINGS of five bytes", |c| assert!(c.send(kind::SETTINGS, 0, 0, &[0; 5])), FRAME_SIZE_ERROR),
        ("SETTINGS ACK with a payload", |c| assert!(c.send(kind::SETTINGS, 1, 0, &[0; 6])), FRAME_SIZE_ERROR),
        ("ENABLE_PUSH of 2", |c| assert!(c.send(kind::SETTINGS, 0, 0, &settings(&[(2, 2)]))), PROTOCOL_ERROR),
        (
            "a window past 2^31",
            |c| assert!(c.send(kind::SETTINGS, 0, 0, &settings(&[(4, 1 << 31)]))),
            FLOW_CONTROL_ERROR,
        ),
        (
            "a frame size of 1",
            |c| assert!(c.send(kind::SETTINGS, 0, 0, &settings(&[(5, 1)]))),
            PROTOCOL_ERROR,
        ),
        (
            "PUSH_PROMISE from a client",
            |c| assert!(c.send(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])),
            PROTOCOL_ERROR,
        ),
        ("PING on a stream", |c| assert!(c.send(kind::PING, 0, 1, &[0; 8])), PROTOCOL_ERROR),
        ("PING of seven bytes", |c| assert!(c.send(kind::PING, 0, 0, &[0; 7])), FRAME_SIZE_ERROR),
        ("WINDOW_UPDATE of nothing", |c| assert!(c.send(kind::WINDOW_UPDATE, 0, 0, &[0; 4])), PROTOCOL_ERROR),
        (
            "WINDOW_UPDATE of three bytes",
            |c| assert!(c.send(kind::WINDOW_UPDATE, 0, 0, &[0; 3])),
            FRAME_SIZE_ERROR,
        ),
        (
            "WINDOW_UPDATE past 2^31",
            |c| {
                c.send(kind::WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes());
                c.send(kind::WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes());
            },
            FLOW_CONTROL_ERROR,
        ),
        ("CONTINUATION of nothing", |c| assert!(c.send(kind::CONTINUATION, 4, 1, &[])), PROTOCOL_ERROR),
        (
            "another frame within a header block",
            |c| {
                c.send(kind::HEADERS, END_STREAM, 1, &headers("GET", "/", &[]));
                c.send(kind::PING, 0, 0, &[0; 8]);
            },
            PROTOCOL_ERROR,
        ),
        ("a header block of nonsense", |c| assert!(c.send(kind::HEADERS, 5, 1, &[0x80])), COMPRESSION_ERROR),
        (
            "a frame larger than agreed",
            |c| assert!(c.send(kind::HEADERS, 5, 1, &[0; 20_000])),
            FRAME_SIZE_ERROR,
        ),
    ];
    for (what, send, code) in rows {
        let mut connection = Frames::open(door.gateway.public);
        send(&mut connection);
        let frames = connection.rest(PATIENCE);
        assert!(connection.closed, "{what}: stays open after {frames:?}");
        let error =
            frames.iter().rev().find(|frame| frame.kind == kind::GOAWAY).and_then(|frame| frame.error());
        // h2 says PROTOCOL_ERROR where some rows have a code of their own, as RFC 9113 §5.4.1 leaves open.
        assert!(error == Some(code) || error == Some(PROTOCOL_ERROR), "{what}: {error:?}, expected {code}");
        door.ledger.expect("PROTOCOL_VIOLATION");
    }
    others_are_served(&mut door, "after all of them");
    door.settle();
}

#[test]
fn a_malformed_request_ends_its_stream_alone() {
    let mut door = Door::open("");
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/v1/echo/a")];
    let with = |more: &[(&'static str, &'static str)]| block(&[&good[..], more].concat());
    let without = |name: &str| block(&good.iter().copied().filter(|(n, _)| *n != name).collect::<Vec<_>>());
    let rows = [
        ("a name in upper case", with(&[("Upper", "x")])),
        ("a space in a name", with(&[("a b", "x")])),
        ("a line break in a value", with(&[("a", "x\r\nb: c")])),
        ("a NUL in a value", with(&[("a", "x\0")])),
        ("no :method", without(":method")),
        ("no :path", without(":path")),
        ("no :scheme", without(":scheme")),
        ("an empty :path", block(&[good[0], good[1], good[2], (":path", "")])),
        (":path twice", with(&[(":path", "/b")])),
        ("a pseudo-field nobody knows", with(&[(":magic", "x")])),
        ("a pseudo-field of answers", with(&[(":status", "200")])),
        ("a pseudo-field behind a field", block(&[good[0], good[1], good[2], ("a", "b"), good[3]])),
        ("Connection", with(&[("connection", "close")])),
        ("Transfer-Encoding", with(&[("transfer-encoding", "chunked")])),
        ("Upgrade", with(&[("upgrade", "websocket")])),
        ("TE other than trailers", with(&[("te", "gzip")])),
        ("a length but no body", with(&[("content-length", "5")])),
    ];
    for (what, block) in rows {
        let mut connection = Frames::open(door.gateway.public);
        connection.send(kind::HEADERS, END_HEADERS | END_STREAM, 1, &block);
        let ended = connection
            .find(PATIENCE, |f| matches!(f.kind, kind::RST_STREAM | kind::HEADERS | kind::GOAWAY))
            .unwrap_or_else(|| panic!("{what}: no answer, closed: {}", connection.closed));
        match ended.kind {
            kind::RST_STREAM => {
                assert_eq!(ended.error(), Some(PROTOCOL_ERROR), "{what}");
                door.ledger.expect("PROTOCOL_VIOLATION");
            }
            kind::HEADERS => {
                // Answered with 400, which is 0x8c in the static table of HPACK (RFC 7541 appendix A).
                assert_eq!(ended.payload.first(), Some(&0x8c), "{what}: {ended:?}");
                door.ledger.expect("MALFORMED_REQUEST");
            }
            // A name that is no name is an error of the whole connection to h2, which RFC 9113 §5.4.1 lets it be.
            _ => {
                assert!(UNREADABLE.contains(&what), "{what}: the whole connection ends");
                assert!(
                    matches!(ended.error(), Some(PROTOCOL_ERROR | COMPRESSION_ERROR)),
                    "{what}: {ended:?}"
                );
                door.ledger.expect("PROTOCOL_VIOLATION");
                continue;
            }
        }
        connection.get(3, "/v1/echo/a");
        let answer = connection.find(PATIENCE, |f| f.stream == 3 && f.kind == kind::HEADERS);
        // 200 is 0x88.
        assert_eq!(answer.and_then(|f| f.payload.first().copied()), Some(0x88), "{what}: the stream after");
        door.ledger.expect("OK");
    }
    door.settle();
}

/// Fields that h2 cannot even hold.
const UNREADABLE: [&str; 5] = [
    "a name in upper case",
    "a space in a name",
    "a line break in a value",
    "a NUL in a value",
    "a pseudo-field nobody knows",
];

#[test]
fn a_length_that_is_not_kept_ends_the_stream() {
    let mut door = Door::open("");
    let mut connection = Frames::open(door.gateway.public);
    let json = [("content-type", "application/json"), ("content-length", "5")];
    for (stream, body) in [(1, &b"{}"[..]), (3, b"{\"name\":1}")] {
        connection.send(kind::HEADERS, END_HEADERS, stream, &headers("POST", "/v1/echo", &json));
        connection.send(kind::DATA, END_STREAM, stream, body);
        let end = connection.find(PATIENCE, |f| f.stream == stream && f.kind == kind::RST_STREAM);
        assert_eq!(end.and_then(|f| f.error()), Some(PROTOCOL_ERROR), "stream {stream}");
        door.ledger.expect("PROTOCOL_VIOLATION");
    }
    connection.get(5, "/v1/echo/a");
    assert!(connection.find(PATIENCE, |f| f.stream == 5 && f.kind == kind::HEADERS).is_some());
    door.ledger.expect("OK");
    assert!(door.echo.calls().iter().all(|call| call.path != "/door.v1.Echo/Post"), "half a body is no call");
    door.settle();
}

#[test]
fn floods_end_their_connection_and_nobody_elses() {
    /// More than any honest caller sends without a request, and a bound on the test.
    const MOST: u32 = 200_000;
    let mut door = Door::open("");
    type Send = fn(&mut Frames, u32) -> bool;
    let rows: [(&str, Send); 11] = [
        ("PING", |c, _| c.send(kind::PING, 0, 0, &[0; 8])),
        ("SETTINGS", |c, _| c.send(kind::SETTINGS, 0, 0, &[])),
        ("SETTINGS with content", |c, n| c.send(kind::SETTINGS, 0, 0, &settings(&[(4, n % 1000)]))),
        ("PRIORITY", |c, n| c.send(kind::PRIORITY, 0, n * 2 + 1, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", |c, _| c.send(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("HEADERS and RST_STREAM", |c, n| {
            c.get(n * 2 + 1, "/v1/slow") && c.send(kind::RST_STREAM, 0, n * 2 + 1, &CANCEL.to_be_bytes())
        }),
        ("requests that make the server reset", |c, n| {
            // A window past its bound is a stream error: the server must reset (CVE-2025-8671).
            c.get(n * 2 + 1, "/v1/slow")
                && c.send(kind::WINDOW_UPDATE, 0, n * 2 + 1, &0x7fff_ffff_u32.to_be_bytes())
        }),
        ("empty CONTINUATION", |c, n| match n {
            0 => c.send(kind::HEADERS, END_STREAM, 1, &headers("GET", "/v1/echo/a", &[])),
            _ => c.send(kind::CONTINUATION, 0, 1, &[]),
        }),
        ("CONTINUATION without end", |c, n| match n {
            0 => c.send(kind::HEADERS, END_STREAM, 1, &headers("GET", "/v1/echo/a", &[])),
            _ => c.send(kind::CONTINUATION, 0, 1, &block(&[("a", &"b".repeat(1000))])),
        }),
        ("frames nobody knows", |c, _| c.send(0x42, 0, 0, &[0; 8])),
        ("empty DATA", |c, n| match n {
            0 => c.send(kind::HEADERS, END_HEADERS, 1, &headers("POST", "/plain/a", &[])),
            _ => c.send(kind::DATA, 0, 1, &[]),
        }),
    ];
    let flooded = |door: &Door| ledger::recorded(&door.gateway.metrics()).get("FLOOD").copied().unwrap_or(0);
    for (count, (what, send)) in rows.into_iter().enumerate() {
        let mut connection = Frames::open(door.gateway.public);
        let sent = (0..MOST).take_while(|n| send(&mut connection, *n)).count() as u32;
        assert!(sent < MOST, "{what}: {sent} were taken");
        let frames = connection.rest(PATIENCE);
        assert!(connection.closed, "{what}: stays open");
        let error =
            frames.iter().rev().find(|frame| frame.kind == kind::GOAWAY).and_then(|frame| frame.error());
        // The answer may be lost to the reset of a connection whose peer never read; if it is there, it says so.
        assert!(error.is_none_or(|error| error == ENHANCE_YOUR_CALM), "{what}: GOAWAY with {error:?}");
        others_are_served(&mut door, what);
        let expected = count as u64 + 1;
        tenet_tests::eventually(
            &format!("{what} to be recorded as FLOOD, {} so far", flooded(&door)),
            || (flooded(&door) == expected).then_some(()),
        );
    }
    // Whatever was begun was ended: nothing is left in flight.
    tenet_tests::eventually("nothing to be in flight", || {
        (door.gateway.status()["in_flight"] == 0).then_some(())
    });
    let calls = door.echo.calls().iter().filter(|call| call.path.ends_with("/Slow")).count();
    assert!(calls < 2_000, "a flood of resets reached the service {calls} times");
}

#[test]
fn streams_beyond_the_agreed_number_are_refused_alone() {
    let mut door = Door::open("[gateway.limits]\nstreams_per_connection = 4");
    let mut connection = Frames::open(door.gateway.public);
    let said = connection.find(PATIENCE, |f| f.kind == kind::SETTINGS && f.flags == 0).expect("SETTINGS");
    let agreed = said.payload.chunks(6).find(|s| s[..2] == MAX_CONCURRENT_STREAMS.to_be_bytes());
    assert_eq!(agreed.map(|s| s[2..].to_vec()), Some(vec![0, 0, 0, 4]), "{said:?}");
    for stream in [1, 3, 5, 7, 9] {
        connection.get(stream, "/v1/slow");
    }
    let refused = connection.find(PATIENCE, |f| f.kind == kind::RST_STREAM).expect("a refusal");
    assert_eq!((refused.stream, refused.error()), (9, Some(REFUSED_STREAM)));
    let mut answered: Vec<_> = (0..4)
        .filter_map(|_| connection.find(PATIENCE, |f| f.kind == kind::HEADERS))
        .map(|frame| frame.stream)
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, [1, 3, 5, 7]);
    door.ledger.expect_many("OK", 4);
    // What h2 refuses by itself is recorded with the connection's end.
    drop(connection);
    door.ledger.expect("OVERLOADED");
    door.settle();
}

#[test]
fn a_reader_without_window_is_given_up() {
    // Small answers leave with their head, into buffers: only what is larger can be seen to stall.
    let big = HttpBackend::start(|_| Answer::http(200, vec![b'x'; 1 << 20]));
    let times = "[gateway.limits]\nwrite_time = \"500ms\"";
    let mut door = Door::before(GrpcBackend::start(door::echo), big, times, &[]);
    let mut connection = Frames::open_with(door.gateway.public, &[(INITIAL_WINDOW_SIZE, 0)]);
    connection.get(1, "/plain/a");
    let reset = connection.find(PATIENCE, |f| f.stream == 1 && f.kind == kind::RST_STREAM);
    assert!(reset.is_some(), "the answer has waited for write_time");
    door.ledger.expect("CANCELLED");
    // The connection is not to blame: with a window it serves on.
    connection.send(kind::SETTINGS, 0, 0, &settings(&[(INITIAL_WINDOW_SIZE, 65_535)]));
    connection.get(3, "/v1/echo/a");
    let end = connection.find(PATIENCE, |f| f.stream == 3 && f.flags & END_STREAM != 0);
    assert!(end.is_some(), "closed: {}", connection.closed);
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn heads_and_bodies_that_stop_are_given_up() {
    let times = "[gateway.limits]\nheader_time = \"400ms\"\nbody_time = \"400ms\"\nidle_time = \"400ms\"";
    let mut door = Door::open(times);
    // Half a header block.
    let mut connection = Frames::open(door.gateway.public);
    connection.send(kind::HEADERS, END_STREAM, 1, &headers("GET", "/v1/echo/a", &[]));
    connection.rest(PATIENCE);
    assert!(connection.closed, "half a header block");
    door.ledger.expect("HEADER_TIMEOUT");
    // Half a body: its stream is answered 408, the connection lives until it idles.
    let mut connection = Frames::open(door.gateway.public);
    let json = [("content-type", "application/json")];
    connection.send(kind::HEADERS, END_HEADERS, 1, &headers("POST", "/v1/echo", &json));
    connection.send(kind::DATA, 0, 1, b"{\"na");
    let answer = connection.find(PATIENCE, |f| f.stream == 1 && f.kind == kind::HEADERS).expect("an answer");
    // 408 is a literal behind the name :status, which is 8 in the static table.
    assert!(answer.payload.windows(3).any(|w| w == b"408") || answer.payload[0] & 0x0f == 8, "{answer:?}");
    door.ledger.expect("BODY_TIMEOUT");
    connection.rest(PATIENCE);
    assert!(connection.closed, "idle");
    // Nothing at all.
    let mut connection = Frames::open(door.gateway.public);
    let frames = connection.rest(PATIENCE);
    assert!(connection.closed, "nothing asked");
    let goaway = frames.iter().find(|f| f.kind == kind::GOAWAY).and_then(|f| f.error());
    assert_eq!(goaway, Some(0), "an idle connection ends in peace");
    door.settle();
}

#[test]
fn a_large_header_block_is_refused_with_its_status() {
    let mut door = Door::open("[gateway.limits]\nhead = \"4KiB\"\ntarget = \"1KiB\"\nheaders = 20");
    let long = "b".repeat(6000);
    let path = format!("/{}", "a".repeat(1500));
    let many: Vec<_> = (0..30).map(|_| ("a", "b")).collect();
    let rows = [
        ("a big field", headers("GET", "/v1/echo/a", &[("a", &long)]), "431", "HEAD_TOO_LARGE"),
        ("many fields", headers("GET", "/v1/echo/a", &many), "431", "HEAD_TOO_LARGE"),
        ("a long target", headers("GET", &path, &[]), "414", "TARGET_TOO_LONG"),
    ];
    let mut connection = Frames::open(door.gateway.public);
    for (stream, (what, block, _status, code)) in (1..).step_by(2).zip(rows) {
        connection.send(kind::HEADERS, END_HEADERS | END_STREAM, stream, &block);
        let body = connection
            .find(PATIENCE, |f| f.stream == stream && f.kind == kind::DATA && !f.payload.is_empty());
        let body = body.unwrap_or_else(|| panic!("{what}: no answer; closed: {}", connection.closed));
        let text = String::from_utf8_lossy(&body.payload).into_owned();
        assert!(text.contains(&format!("\"code\":\"{code}\"")), "{what}: {text}");
        door.ledger.expect(code);
    }
    connection.get(101, "/v1/echo/a");
    assert!(connection.find(PATIENCE, |f| f.stream == 101 && f.kind == kind::HEADERS).is_some());
    door.ledger.expect("OK");
    door.settle();
}

#[test]
fn a_closed_stream_is_not_opened_again() {
    let mut door = Door::open("");
    let mut connection = Frames::open(door.gateway.public);
    connection.get(3, "/v1/echo/a");
    assert!(connection.find(PATIENCE, |f| f.stream == 3 && f.flags & END_STREAM != 0).is_some());
    door.ledger.expect("OK");
    connection.get(1, "/v1/echo/a");
    let end = connection.find(PATIENCE, |f| matches!(f.kind, kind::GOAWAY | kind::RST_STREAM));
    let error = end.and_then(|f| f.error());
    assert!(matches!(error, Some(PROTOCOL_ERROR | STREAM_CLOSED)), "{error:?}");
    door.ledger.expect("PROTOCOL_VIOLATION");
    drop(connection.rest(Duration::from_secs(5)));
    door.settle();
}
