//! Response heads: rows of text and what is made of them, and that cutting changes nothing.

use super::*;
use proptest::prelude::*;

/// Reads `text` in pieces of `step` bytes: status, body, keep-alive, names of the fields, and what is left.
fn read(text: &[u8], step: usize, to_head: bool) -> Result<Option<String>, String> {
    let limits = Limits { head: 256, headers: 4, ..Limits::default() };
    let (mut parser, mut buf) = (ResponseParser::new(), BytesMut::new());
    let mut pieces = text.chunks(step);
    loop {
        let found =
            parser.parse(&mut buf, &limits, to_head).map_err(|refusal| refusal.detail.into_owned())?;
        if let Some(head) = found {
            pieces.for_each(|piece| buf.extend_from_slice(piece));
            let names: Vec<&str> = head.headers.keys().map(|name| name.as_str()).collect();
            let (status, body, keep) = (head.status.as_u16(), head.body, head.keep_alive);
            return Ok(Some(format!(
                "{status} {body:?} keep {keep} {names:?} then {:?}",
                buf.escape_ascii().to_string()
            )));
        }
        let Some(piece) = pieces.next() else { return Ok(None) };
        buf.extend_from_slice(piece);
    }
}

fn check(text: &str, to_head: bool, expected: &str) {
    for step in [1, 2, 7, text.len().max(1)] {
        let found = match read(text.as_bytes(), step, to_head) {
            Ok(Some(found)) => found,
            Ok(None) => "more".into(),
            Err(detail) => detail,
        };
        assert!(found.contains(expected), "{text:?} by {step}: {found}, expected {expected}");
    }
}

#[test]
fn status_lines() {
    let check =
        |line: &str, expected: &str| check(&format!("{line}\r\ncontent-length: 0\r\n\r\n"), false, expected);
    check("HTTP/1.1 200 OK", "200 Framed(Exact(0)) keep true");
    check("HTTP/1.1 200 ", "200 Framed");
    check("HTTP/1.1 200", "200 Framed");
    check("HTTP/1.1 404 Not\tFound \u{e9}", "404 Framed");
    check("HTTP/1.1 999 x", "999 Framed");
    check("HTTP/1.0 200 OK", "200 Framed(Exact(0)) keep false");
    check("HTTP/1.7 200 OK", "200 Framed(Exact(0)) keep true");
    for (bad, expected) in [
        ("HTTP/2.0 200 OK", "byte 6 is '2'"),
        ("HTTP/11 200 OK", "byte 7 is '1'"),
        ("http/1.1 200 OK", "byte 1 is 'h'"),
        ("\u{16}\u{3}\u{1}", "byte 1 is 0x16"),
        ("SMTP ready", "byte 1 is 'S'"),
        ("", "byte 1 is 0x0d"),
        (" HTTP/1.1 200 OK", "byte 1 is 0x20"),
        ("HTTP/1.1  200 OK", "status line: \""),
        ("HTTP/1.1 20 OK", "status line: \""),
        ("HTTP/1.1 2000 OK", "status line: \""),
        ("HTTP/1.1 200\tOK", "status line: \""),
        ("HTTP/1.1 099 OK", "status line: \""),
        ("HTTP/1.1 +20 OK", "status line: \""),
        ("HTTP/1.1", "status line: \""),
    ] {
        check(bad, expected);
    }
    check("HTTP/1.1 200 a\u{7}b", "status line: 0x07 at byte 15 cannot stand in a reason");
    check("HTTP/1.1 200 a\nb", "status line: LF without CR at byte 15");
}

#[test]
fn another_protocol_is_told_by_its_first_bytes() {
    check("S", false, "status line: byte 1");
    check("HTTP/2", false, "status line: byte 6");
    check("HTTP/1", false, "more");
}

#[test]
fn framing() {
    let with = |fields: &str, to_head, expected| {
        check(&format!("HTTP/1.1 200 OK\r\n{fields}\r\nrest"), to_head, expected)
    };
    with("", false, "200 UntilClose keep false [] then \"rest\"");
    with("content-length: 4\r\n", false, "200 Framed(Exact(4)) keep true [\"content-length\"] then \"rest\"");
    with("Transfer-Encoding: Chunked\r\n", false, "200 Framed(Chunked) keep true");
    with("content-length: 4\r\nconnection: Close\r\n", false, "Framed(Exact(4)) keep false");
    with("content-length: 4\r\n", true, "200 Framed(None) keep true");
    with("transfer-encoding: chunked\r\n", true, "200 Framed(None) keep true");
    with("", true, "200 Framed(None) keep true");
    with("content-length: 4\r\ncontent-length: 4\r\n", false, "Content-Length occurs 2 times");
    with("content-length: 4\r\ncontent-length: 4\r\n", true, "Content-Length occurs 2 times");
    with("content-length: 4, 4\r\n", false, "Content-Length is a list");
    with("content-length: -4\r\n", false, "Content-Length is not a decimal number");
    with(
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        false,
        "both Content-Length and Transfer-Encoding",
    );
    with("transfer-encoding: gzip, chunked\r\n", false, "a coding besides chunked");
    with("transfer-encoding: gzip\r\n", false, "not exactly `chunked`");
    with(
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        false,
        "Transfer-Encoding occurs 2 times",
    );
    with("connection: a b\r\ncontent-length: 0\r\n", false, "Connection is not a list of tokens");
    for status in ["204 No Content", "304 Not Modified"] {
        let text = format!("HTTP/1.1 {status}\r\ncontent-length: 4\r\n\r\n");
        check(&text, false, "Framed(None) keep true");
    }
    check("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false, "in an HTTP/1.0 message");
    check("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\n", false, "keep true");
}

#[test]
fn field_lines() {
    let with = |fields: &str, expected| check(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), false, expected);
    with("a: 1\r\n b: 2\r\n", "field line 2: begins with whitespace; line folding is obsolete");
    with(" a: 1\r\n", "field line 1: whitespace before the first field");
    with("a : 1\r\n", "whitespace before the colon");
    with("a: 1\nb: 2\r\n", "field line 1: LF without CR");
    with("a: 1\rb\r\n", "field line 1: CR without LF");
    with("a\r\n", "has no colon");
    with("a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n", "[\"a\", \"b\", \"c\", \"d\"]");
    with("a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\n", "more than 4 field lines");
    with(&format!("a: {}\r\n", "x".repeat(300)), "longer than 256 bytes");
    check(&format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(300)), false, "status line: longer than 256 bytes");
}

#[test]
fn interim_responses_are_passed_over_within_a_bound() {
    let last = "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
    let early = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
    check(
        &format!("HTTP/1.1 100 Continue\r\n\r\n{early}{last}"),
        false,
        "201 Framed(Exact(0)) keep true [\"content-length\"]",
    );
    check(&format!("{}{last}", early.repeat(16)), false, "201 Framed");
    check(&format!("{}{last}", early.repeat(17)), false, "more than 16 interim responses");
    check("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nrest", false, "101 Framed(None) keep true");
    check("HTTP/1.1 100 Continue\r\n\r\n", false, "more");
}

proptest! {
    /// Any bytes cut anyhow give what they give whole, and none panics.
    #[test]
    fn cutting_changes_nothing(
        text in prop_oneof![
            "HTTP/1.[01] [12345][0-9]{2} [A-Z]{0,4}\r\n(([a-c]|content-length|connection): ?[0-9a-c, ]{0,6}\r\n){0,4}\r\n[a-z]{0,4}",
            "(HTTP/1.1 10[0-3] \r\n\r\n){0,3}HTTP/1.1 200\r\n(transfer-encoding: (chunked|x)\r\n){0,2}[ \r\n:a]{0,8}\r\n",
            "[HTP/1. 0-9\r\n:a]{0,60}",
        ],
        step in 1usize..40,
        to_head: bool,
    ) {
        let whole = read(text.as_bytes(), text.len().max(1), to_head);
        prop_assert_eq!(&read(text.as_bytes(), step, to_head), &whole);
        prop_assert_eq!(&read(text.as_bytes(), 1, to_head), &whole);
    }
}
