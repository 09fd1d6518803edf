//! What the public door refuses over HTTP/1.1, by raw bytes: each row asserts status, problem body, request id and whether
//! the connection lives on, and in the end the metrics hold exactly one record a row.

use std::time::Duration;
use tenet_tests::door::check_problem;
use tenet_tests::http1::Connection;
use tenet_tests::{Door, PATIENCE};

/// Whether a connection serves on after a refusal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    /// Where the next request begins is unknown or must not be trusted.
    Closes,
    /// The message was well framed: only what it asked for is refused.
    Lives,
    /// The gateway may read the rest of the message and serve on, or say `close` and close; nothing in between.
    Either,
}
use After::{Closes, Either, Lives};

struct Row {
    name: &'static str,
    bytes: Vec<u8>,
    status: u16,
    code: &'static str,
    after: After,
}

fn row(name: &'static str, bytes: impl AsRef<[u8]>, status: u16, code: &'static str, after: After) -> Row {
    Row { name, bytes: bytes.as_ref().to_vec(), status, code, after }
}

/// Refuses every row of `rows` at `door` and settles the ledger.
fn check(mut door: Door, rows: &[Row]) {
    let mut wrong = Vec::new();
    for row in rows {
        let outcome = std::panic::catch_unwind(|| refuse(&door, row));
        door.ledger.expect(row.code);
        match outcome {
            Ok(lived) => door.ledger.expect_many("OK", u64::from(lived)),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned();
                wrong.push(said.unwrap_or_else(|| row.name.to_owned()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    door.settle();
}

/// What follows on a connection that should live on.
const NEXT: &[u8] = b"GET /v1/echo/next HTTP/1.1\r\nHost: x\r\n\r\n";

/// Whether the connection served on.
fn refuse(door: &Door, row: &Row) -> bool {
    let mut connection = Connection::open(door.gateway.public);
    // The gateway may answer and close before all is sent.
    let _ = connection.send(&row.bytes);
    let answer = connection.receive(false, PATIENCE).unwrap_or_else(|| panic!("{}: no answer", row.name));
    check_problem(row.name, &answer, row.status, row.code);
    let closes = answer.header("connection") == Some("close");
    if row.after != Either {
        assert_eq!(closes, row.after == Closes, "{}: {:?}", row.name, answer.headers);
    }
    if closes {
        assert!(connection.closes_within(PATIENCE), "{}: stays open", row.name);
    } else {
        let _ = connection.send(NEXT);
        let next = connection.receive(false, PATIENCE);
        assert_eq!(next.map(|next| next.status), Some(200), "{}: the next request", row.name);
    }
    !closes
}

/// A GET with these further field lines.
fn get(fields: &str) -> Vec<u8> {
    format!("GET /v1/echo/x HTTP/1.1\r\nHost: x\r\n{fields}\r\n").into_bytes()
}

/// A POST of JSON with these framing fields and this body.
fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{fields}\r\n{body}")
        .into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}

#[test]
fn ambiguous_framing_is_refused() {
    const AMBIGUOUS: &str = "AMBIGUOUS_FRAMING";
    const MALFORMED: &str = "MALFORMED_REQUEST";
    // One that is unknown and not followed by a final `chunked` says nothing of where the body ends: 400 (RFC 9112 §6.3).
    const CODING: &str = "UNKNOWN_TRANSFER_CODING";
    let rows = [
        ("both lengths", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", 400, AMBIGUOUS),
        (
            "both lengths, the other order",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
            400,
            AMBIGUOUS,
        ),
        ("repeated length, differing", "Content-Length: 2\r\nContent-Length: 3\r\n", 400, AMBIGUOUS),
        ("repeated length, equal", "Content-Length: 2\r\nContent-Length: 2\r\n", 400, AMBIGUOUS),
        ("list of lengths", "Content-Length: 2, 2\r\n", 400, AMBIGUOUS),
        ("signed length", "Content-Length: +2\r\n", 400, MALFORMED),
        ("negative length", "Content-Length: -2\r\n", 400, MALFORMED),
        ("hexadecimal length", "Content-Length: 0x2\r\n", 400, MALFORMED),
        ("length with a unit", "Content-Length: 2b\r\n", 400, MALFORMED),
        ("empty length", "Content-Length:\r\n", 400, MALFORMED),
        ("length with a gap", "Content-Length: 2 2\r\n", 400, MALFORMED),
        ("length past 64 bits", "Content-Length: 99999999999999999999\r\n", 400, MALFORMED),
        ("unknown coding", "Transfer-Encoding: gzip\r\n", 400, AMBIGUOUS),
        ("unknown coding before chunked", "Transfer-Encoding: gzip, chunked\r\n", 501, CODING),
        (
            "unknown coding, two fields",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            400,
            AMBIGUOUS,
        ),
        ("identity", "Transfer-Encoding: identity\r\n", 400, AMBIGUOUS),
        ("nearly chunked", "Transfer-Encoding: xchunked\r\n", 400, AMBIGUOUS),
        ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n", 400, AMBIGUOUS),
        (
            "chunked twice, two fields",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            400,
            AMBIGUOUS,
        ),
        ("chunked is not last", "Transfer-Encoding: chunked, gzip\r\n", 400, AMBIGUOUS),
        ("empty coding", "Transfer-Encoding:\r\n", 400, AMBIGUOUS),
        ("chunked with a parameter", "Transfer-Encoding: chunked;q=1\r\n", 400, AMBIGUOUS),
    ];
    let mut rows: Vec<_> =
        rows.map(|(name, fields, status, code)| row(name, post(fields, "{}"), status, code, Closes)).into();
    rows.push(row(
        "chunked over HTTP/1.0",
        "POST /v1/echo HTTP/1.0\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        AMBIGUOUS,
        Closes,
    ));
    check(Door::open(""), &rows);
}

#[test]
fn malformed_heads_are_refused() {
    let line = |line: &str| format!("{line}\r\nHost: x\r\n\r\n");
    let bad = |name, bytes: Vec<u8>| row(name, bytes, 400, "MALFORMED_REQUEST", Closes);
    let rows = [
        bad("obsolete folding", get("A: b\r\n c\r\n")),
        bad("obsolete folding by tab", get("A: b\r\n\tc\r\n")),
        bad("folded first field", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n".to_vec()),
        bad("bare LF after the request line", b"GET / HTTP/1.1\nHost: x\r\n\r\n".to_vec()),
        bad("bare LF after a field", b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n".to_vec()),
        bad("bare LF all through", b"GET / HTTP/1.1\nHost: x\n\n".to_vec()),
        bad("bare LF as the empty line", b"GET / HTTP/1.1\r\nHost: x\r\n\n".to_vec()),
        bad("bare CR in a value", get("A: b\rc\r\n")),
        bad("bare CR in the request line", b"GET /\r HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        bad("CR CR LF", b"GET / HTTP/1.1\r\r\nHost: x\r\n\r\n".to_vec()),
        bad("space before colon", get("A : b\r\n")),
        bad("tab before colon", get("A\t: b\r\n")),
        bad("no colon", get("just text\r\n")),
        bad("empty field name", get(": b\r\n")),
        bad("field name with a parenthesis", get("A(: b\r\n")),
        bad("field name with a NUL", get("A\0: b\r\n")),
        bad("field name outside ASCII", get("\u{e4}: b\r\n")),
        bad("NUL in a value", get("A: b\0c\r\n")),
        bad("control in a value", get("A: b\x01c\r\n")),
        bad("DEL in a value", get("A: b\x7fc\r\n")),
        bad("no Host", b"GET /v1/echo/x HTTP/1.1\r\n\r\n".to_vec()),
        bad("Host twice", get("Host: x\r\n")),
        bad("Host twice, differing", get("host: y\r\n")),
        bad("Host with a space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_vec()),
        bad("Host with a list", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".to_vec()),
        bad("Host with user information", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n".to_vec()),
        bad("Host with a path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".to_vec()),
        bad("Host with a bad port", b"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n".to_vec()),
        bad("empty method", line(" / HTTP/1.1").into_bytes()),
        bad("method with an @", line("G@T / HTTP/1.1").into_bytes()),
        bad("two spaces", line("GET  / HTTP/1.1").into_bytes()),
        bad("tab for a space", line("GET\t/ HTTP/1.1").into_bytes()),
        bad("space at the end", line("GET / HTTP/1.1 ").into_bytes()),
        bad("space in the target", line("GET /a b HTTP/1.1").into_bytes()),
        bad("control in the target", line("GET /a\x01 HTTP/1.1").into_bytes()),
        bad("DEL in the target", line("GET /a\x7f HTTP/1.1").into_bytes()),
        bad("byte past ASCII in the target", line("GET /\u{e4} HTTP/1.1").into_bytes()),
        bad("fragment in the target", line("GET /a#b HTTP/1.1").into_bytes()),
        bad("target without a slash", line("GET a HTTP/1.1").into_bytes()),
        bad("asterisk with GET", line("GET * HTTP/1.1").into_bytes()),
        bad("absolute target without an authority", line("GET http:///a HTTP/1.1").into_bytes()),
        bad("absolute target that contradicts Host", line("GET http://y/a HTTP/1.1").into_bytes()),
        bad("absolute target with user information", line("GET http://u@x/a HTTP/1.1").into_bytes()),
        bad("no version", line("GET /").into_bytes()),
        bad("version in lower case", line("GET / http/1.1").into_bytes()),
        bad("version of two digits", line("GET / HTTP/1.10").into_bytes()),
        bad("version without a dot", line("GET / HTTP/11").into_bytes()),
        bad("not HTTP at all", b"\x80\x01\x02\x03 hello\r\n\r\n".to_vec()),
        bad("a TLS hello in the clear", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        row("HTTP/2.0 in a request line", line("GET / HTTP/2.0"), 505, "HTTP_VERSION_NOT_SUPPORTED", Closes),
        row("HTTP/3.0 in a request line", line("GET / HTTP/3.0"), 505, "HTTP_VERSION_NOT_SUPPORTED", Closes),
        row("HTTP/0.9 in a request line", line("GET / HTTP/0.9"), 505, "HTTP_VERSION_NOT_SUPPORTED", Closes),
        row("unknown expectation", get("Expect: tea\r\n"), 417, "EXPECTATION_FAILED", Closes),
    ];
    check(Door::open(""), &rows);
}

#[test]
fn malformed_bodies_are_refused() {
    let bad = |name, body: &str| row(name, chunked(body), 400, "MALFORMED_REQUEST", Closes);
    let rows = [
        bad("size is no number", "G\r\n{}\r\n0\r\n\r\n"),
        bad("negative size", "-2\r\n{}\r\n0\r\n\r\n"),
        bad("signed size", "+2\r\n{}\r\n0\r\n\r\n"),
        bad("size with a prefix", "0x2\r\n{}\r\n0\r\n\r\n"),
        bad("space before the size", " 2\r\n{}\r\n0\r\n\r\n"),
        bad("space after the size", "2 \r\n{}\r\n0\r\n\r\n"),
        bad("empty size", "\r\n{}\r\n0\r\n\r\n"),
        bad("size past 64 bits", "FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"),
        bad("bare LF after the size", "2\n{}\r\n0\r\n\r\n"),
        bad("bare CR after the size", "2\r{}\r\n0\r\n\r\n"),
        bad("chunk longer than its size", "2\r\n{}}\r\n0\r\n\r\n"),
        bad("no CRLF after the data", "2\r\n{}0\r\n\r\n"),
        bad("bare LF after the data", "2\r\n{}\n0\r\n\r\n"),
        bad("extension without a name", "2;\r\n{}\r\n0\r\n\r\n"),
        bad("extension with a control", "2;a=\x01\r\n{}\r\n0\r\n\r\n"),
        bad("extension whose quote never ends", "2;a=\"b\r\n{}\r\n0\r\n\r\n"),
        bad("trailer without a colon", "2\r\n{}\r\n0\r\njust text\r\n\r\n"),
        bad("trailer with a space before the colon", "2\r\n{}\r\n0\r\nA : b\r\n\r\n"),
        bad("folded trailer", "2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n"),
    ];
    check(Door::open(""), &rows);
}

#[test]
fn what_is_too_large_is_refused() {
    let bounds = "[gateway.limits]\nhead = \"4KiB\"\ntarget = \"1KiB\"\nheaders = 20\nbody = \"1KiB\"\nstreamed_body = \"2KiB\"";
    let many = "A: b\r\n".repeat(21);
    let big = format!("A: {}\r\n", "b".repeat(5000));
    let json = format!("{{\"text\":\"{}\"}}", "x".repeat(1500));
    let length = format!("Content-Length: {}\r\n", json.len());
    let one_chunk = format!("{:x}\r\n{json}\r\n0\r\n\r\n", json.len());
    let small_chunks = format!("{}0\r\n\r\n", "20\r\n                                \r\n".repeat(40));
    let stream = "x".repeat(3000);
    let plain = |fields: &str, body: &str| format!("POST /plain/a HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}");
    let rows = [
        row(
            "long target",
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1100)),
            414,
            "TARGET_TOO_LONG",
            Closes,
        ),
        row(
            "long query",
            format!("GET /?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1100)),
            414,
            "TARGET_TOO_LONG",
            Closes,
        ),
        row(
            "request line that never ends",
            format!("GET /{}", "a".repeat(9000)),
            414,
            "TARGET_TOO_LONG",
            Closes,
        ),
        row("many fields", get(&many), 431, "HEAD_TOO_LARGE", Closes),
        row("a big field", get(&big), 431, "HEAD_TOO_LARGE", Closes),
        row(
            "a head that never ends",
            format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}", "b".repeat(9000)),
            431,
            "HEAD_TOO_LARGE",
            Closes,
        ),
        row("a long body by its length", post(&length, &json), 413, "BODY_TOO_LARGE", Either),
        row(
            "a long body by its length, not sent",
            post("Content-Length: 9999999\r\n", ""),
            413,
            "BODY_TOO_LARGE",
            Closes,
        ),
        row("a long body in one chunk", chunked(&one_chunk), 413, "BODY_TOO_LARGE", Either),
        row("a long body in small chunks", chunked(&small_chunks), 413, "BODY_TOO_LARGE", Either),
        row(
            "many trailers",
            chunked(&format!("2\r\n{{}}\r\n0\r\n{many}\r\n")),
            431,
            "HEAD_TOO_LARGE",
            Closes,
        ),
        row("a big trailer", chunked(&format!("2\r\n{{}}\r\n0\r\n{big}\r\n")), 431, "HEAD_TOO_LARGE", Closes),
        row(
            "a long stream by its length",
            plain("Content-Length: 3000\r\n", &stream),
            413,
            "BODY_TOO_LARGE",
            Either,
        ),
        row(
            "a long stream in a chunk",
            plain("Transfer-Encoding: chunked\r\n", &format!("bb8\r\n{stream}\r\n0\r\n\r\n")),
            413,
            "BODY_TOO_LARGE",
            Either,
        ),
    ];
    check(Door::open(bounds), &rows);
}

#[test]
fn what_is_well_formed_but_not_served_is_refused() {
    let request = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nHost: api.test\r\n{fields}\r\n");
    let json = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    let rows = [
        row("no such path", request("GET /v1/nowhere", ""), 404, "ROUTE_NOT_FOUND", Lives),
        row("a prefix that is no whole segment", request("GET /plainly", ""), 404, "ROUTE_NOT_FOUND", Lives),
        row("an INTERNAL method", request("GET /v1/inner", ""), 404, "ROUTE_NOT_FOUND", Lives),
        row("the service's own refusal", request("GET /v1/lost", ""), 404, "NOT_FOUND", Lives),
        row("a method the path has not", request("DELETE /v1/echo/x", ""), 405, "METHOD_NOT_ALLOWED", Lives),
        row(
            "a method the route has not",
            request("POST /read-only/x", "Content-Length: 0\r\n"),
            405,
            "METHOD_NOT_ALLOWED",
            Lives,
        ),
        row("TRACE", request("TRACE /v1/echo/x", ""), 405, "METHOD_NOT_ALLOWED", Either),
        row("CONNECT", "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 501, "UNKNOWN_METHOD", Closes),
        row("a method nobody knows", request("BREW /v1/echo/x", ""), 501, "UNKNOWN_METHOD", Lives),
        row("a method in lower case", request("get /v1/echo/x", ""), 501, "UNKNOWN_METHOD", Lives),
        row(
            "a body over HTTP/1.0 without its length",
            "POST /v1/echo HTTP/1.0\r\nContent-Type: application/json\r\n\r\n{}",
            411,
            "LENGTH_REQUIRED",
            Closes,
        ),
        row(
            "no acceptable type",
            request("GET /v1/echo/x", "Accept: text/html\r\n"),
            406,
            "NOT_ACCEPTABLE",
            Lives,
        ),
        row(
            "acceptable but for zero quality",
            request("GET /v1/echo/x", "Accept: application/json;q=0\r\n"),
            406,
            "NOT_ACCEPTABLE",
            Lives,
        ),
        row(
            "text as body",
            request("POST /v1/echo", "Content-Type: text/plain\r\nContent-Length: 2\r\n") + "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            Lives,
        ),
        row(
            "a form as body",
            request(
                "POST /v1/echo",
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n",
            ) + "a=b",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            Lives,
        ),
        row(
            "a compressed body",
            request("POST /v1/echo", &format!("{json}Content-Encoding: gzip\r\n")) + "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            Lives,
        ),
        row("broken JSON", request("POST /v1/echo", json) + "{]", 400, "INVALID_JSON", Lives),
        row(
            "a strange authority",
            "GET /v1/echo/x HTTP/1.1\r\nHost: other.test\r\n\r\n",
            421,
            "MISDIRECTED_REQUEST",
            Lives,
        ),
        row(
            "a strange authority in the target",
            "GET http://other.test/v1/echo/x HTTP/1.1\r\nHost: other.test\r\n\r\n",
            421,
            "MISDIRECTED_REQUEST",
            Lives,
        ),
        row("the call's deadline", request("GET /v1/impatient", ""), 504, "GATEWAY_DEADLINE_EXCEEDED", Lives),
        row(
            "the caller's deadline",
            request("GET /v1/slow", "grpc-timeout: 50m\r\n"),
            504,
            "GATEWAY_DEADLINE_EXCEEDED",
            Lives,
        ),
    ];
    // The request that shows that the connection lives names another authority.
    check(Door::open("authorities = [\"api.test\", \"x\"]"), &rows);
}

#[test]
fn a_method_that_is_not_allowed_names_those_that_are() {
    let mut door = Door::open("");
    for (line, allow) in [
        ("DELETE /v1/echo/x", "GET, HEAD, OPTIONS"),
        ("GET /v1/echo", "OPTIONS, POST"),
        ("DELETE /read-only/x", "GET"),
    ] {
        let mut connection = Connection::open(door.gateway.public);
        let _ = connection.send(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        let answer = connection.receive(false, PATIENCE).expect("an answer");
        check_problem(line, &answer, 405, "METHOD_NOT_ALLOWED");
        let mut listed: Vec<_> = answer.header("allow").unwrap_or_default().split(", ").collect();
        listed.sort_unstable();
        assert_eq!(listed.join(", "), allow, "{line}");
        door.ledger.expect("METHOD_NOT_ALLOWED");
    }
    door.settle();
}

#[test]
fn an_early_refusal_is_not_lost_to_a_reset() {
    // The caller is still sending when it is refused: a close with unread bytes would be a reset, which can destroy the
    // answer on its way (RFC 9112 §9.6).
    let mut door = Door::open("[gateway.limits]\nbody = \"1KiB\"");
    for _ in 0..5 {
        let mut connection = Connection::open(door.gateway.public);
        let _ = connection.send(&post("Content-Length: 400000\r\n", &" ".repeat(200_000)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(connection.send(&[b' '; 1000]).is_ok(), "the connection was reset under the caller");
        std::thread::sleep(Duration::from_millis(20));
        assert!(connection.send(&[b' '; 1000]).is_ok(), "the connection was reset under the caller");
        let answer = connection.receive(false, PATIENCE).expect("an answer");
        check_problem("413", &answer, 413, "BODY_TOO_LARGE");
        door.ledger.expect("BODY_TOO_LARGE");
    }
    door.settle();
}
