//! Tables of raw heads and what becomes of them.

use super::*;

/// One line that says everything a head decides.
fn summary(raw: &[u8], limits: &Limits) -> Result<Option<String>, Refusal> {
    let mut buf = BytesMut::from(raw);
    Ok(parse_head(&mut buf, limits)?.map(|head| {
        let target = &head.target;
        let mut line = format!("{} {:?} {}", head.method, target.form(), target.path());
        if let Some(query) = target.query() {
            line += &format!(" ?{query}");
        }
        line += &format!(" @{}", target.authority().map_or("-", |authority| authority.as_str()));
        line += &format!(" {:?} {:?}", head.version, head.body);
        line += if head.keep_alive { " keep" } else { " close" };
        line + if head.expect_continue { " expect" } else { "" }
    }))
}

fn accepted(raw: &str, expected: &str) {
    let found = summary(raw.as_bytes(), &Limits::default());
    assert_eq!(found, Ok(Some(expected.to_owned())), "{raw:?}");
}

fn refused(raw: impl AsRef<[u8]>, code: Code, says: &str) {
    refused_under(&Limits::default(), raw.as_ref(), code, says);
}

fn refused_under(limits: &Limits, raw: &[u8], code: Code, says: &str) {
    let shown = String::from_utf8_lossy(raw);
    match summary(raw, limits) {
        Err(refusal) => {
            assert_eq!(refusal.code, code, "{shown:?} was refused with {refusal}");
            assert!(
                refusal.detail.contains(says),
                "{shown:?} was refused with {refusal}, expected {says:?} in it"
            );
        }
        other => panic!("{shown:?} gave {other:?}, expected {code:?}"),
    }
}

#[test]
fn well_formed_heads() {
    let plain = "GET Origin / @a Http11 None keep";
    accepted("GET / HTTP/1.1\r\nHost: a\r\n\r\n", plain);
    accepted("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", plain);
    accepted("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", plain);
    accepted("GET / HTTP/1.1\r\nhOST:a\r\n\r\n", plain);
    accepted("GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", plain);
    accepted("GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Obs: \u{e9}\t~\r\n\r\n", plain);
    accepted("GET / HTTP/1.9\r\nHost: a\r\n\r\n", plain);
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "POST"] {
        accepted(
            &format!("{method} /x HTTP/1.1\r\nHost: a:8080\r\nContent-Length: 3\r\n\r\nabc"),
            &format!("{method} Origin /x @a:8080 Http11 Exact(3) keep"),
        );
    }
    accepted(
        "POST /v1/a%2Fb:act?x=1&f[y]=%zz|{}\\^` HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "POST Origin /v1/a%2Fb:act ?x=1&f[y]=%zz|{}\\^` @[::1]:80 Http11 Chunked keep",
    );
    accepted("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "POST Origin / @a Http11 None keep");
    accepted(
        "GET //a/../b/?? HTTP/1.1\r\nHost: a_b.c.\r\n\r\n",
        "GET Origin //a/../b/ ?? @a_b.c. Http11 None keep",
    );
    accepted("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS Asterisk * @a Http11 None keep");
    accepted("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", "OPTIONS Asterisk * @- Http11 None keep");
    accepted("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS Asterisk * @a Http11 None keep");
}

#[test]
fn absolute_form_names_the_authority_and_host_must_agree() {
    accepted("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", "GET Absolute /b ?c @a Http11 None keep");
    accepted("GET HTTP://A:80 HTTP/1.1\r\nHost: a\r\n\r\n", "GET Absolute / @A:80 Http11 None keep");
    accepted("GET https://a?q HTTP/1.1\r\nHost: a:443\r\n\r\n", "GET Absolute / ?q @a Http11 None keep");
    accepted("GET http://a/ HTTP/1.0\r\n\r\n", "GET Absolute / @a Http10 None close");
    let code = Code::MalformedRequest;
    refused("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", code, "Host differs");
    refused("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", code, "Host differs");
    refused("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", code, "Host differs");
    refused("GET http://a/ HTTP/1.1\r\n\r\n", code, "Host is missing");
    refused("GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n", code, "host is empty");
    refused("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", code, "target: ");
    refused("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", code, "user information");
    refused("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", code, "target: expected a path");
    refused("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", code, "target: expected a path");
    refused("GET http://a/b#c HTTP/1.1\r\nHost: a\r\n\r\n", code, "target: '#' at byte 11");
}

#[test]
fn connections_and_expectations() {
    let with = |version: &str, fields: &str| format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
    let length = "Content-Length: 1\r\n";
    for (version, fields, expected) in [
        ("1.1", "", "Http11 Exact(1) keep"),
        ("1.1", "Connection: close\r\n", "Http11 Exact(1) close"),
        ("1.1", "Connection: Keep-Alive, CLOSE\r\n", "Http11 Exact(1) close"),
        ("1.1", "Connection: x\r\nConnection: close\r\n", "Http11 Exact(1) close"),
        ("1.1", "Connection: , ,\r\n", "Http11 Exact(1) keep"),
        ("1.0", "", "Http10 Exact(1) close"),
        ("1.0", "Connection: keep-alive\r\n", "Http10 Exact(1) keep"),
        ("1.0", "Connection: keep-alive, close\r\n", "Http10 Exact(1) close"),
        ("1.1", "Expect: 100-Continue\r\n", "Http11 Exact(1) keep expect"),
        ("1.0", "Expect: 100-continue\r\n", "Http10 Exact(1) close"),
        ("1.0", "Expect: unknown\r\n", "Http10 Exact(1) close"),
    ] {
        accepted(&with(version, &format!("{length}{fields}")), &format!("POST Origin / @a {expected}"));
    }
    accepted(&with("1.1", "Expect: 100-continue\r\n"), "POST Origin / @a Http11 None keep");
    accepted(
        &with("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n"),
        "POST Origin / @a Http11 Exact(0) keep",
    );
    refused(with("1.1", "Expect: 200-ok\r\n"), Code::ExpectationFailed, "100-continue");
    refused(with("1.1", "Expect: 100-continue, x\r\n"), Code::ExpectationFailed, "100-continue");
    refused(with("1.1", "Connection: a b\r\n"), Code::MalformedRequest, "Connection");
    refused(with("1.1", "Connection: \"close\"\r\n"), Code::MalformedRequest, "Connection");
}

#[test]
fn framing_that_two_parties_could_read_differently() {
    let check = |fields: &str, code: Code, says: &str| {
        refused(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n0\r\n\r\n"), code, says);
    };
    let ambiguous = Code::AmbiguousFraming;
    // CL.TE and TE.CL, in either order.
    check("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", ambiguous, "both");
    check("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", ambiguous, "both");
    check("transfer-encoding: chunked\r\nX: y\r\ncontent-length: 0\r\n", ambiguous, "both");
    check("Transfer-Encoding: identity\r\nContent-Length: 6\r\n", ambiguous, "both");
    // Lengths that repeat.
    check("Content-Length: 6\r\nContent-Length: 6\r\n", ambiguous, "2 times");
    check("Content-Length: 6\r\ncontent-length: 7\r\n", ambiguous, "2 times");
    check("Content-Length: 6, 6\r\n", ambiguous, "list");
    check("Content-Length: 6,\r\n", ambiguous, "list");
    // Lengths that are no numbers.
    for bad in ["", "+6", "-6", "6a", "0x6", "6 6", "6;", "6.0", "1e3", "\u{b2}", "\u{ff16}", "'6'", "6_0"] {
        check(&format!("Content-Length: {bad}\r\n"), Code::MalformedRequest, "decimal");
    }
    for bad in ["9223372036854775808", "18446744073709551616", "99999999999999999999999999999999"] {
        check(&format!("Content-Length: {bad}\r\n"), Code::MalformedRequest, "greater");
    }
    // TE.TE: every spelling that someone takes for chunked and someone else does not.
    for bad in [
        "xchunked",
        "chunkedx",
        "chunked, identity",
        "chunked, chunked",
        "chunked,",
        ", chunked, ",
        "identity",
        "gzip",
        "\"chunked\"",
        "'chunked'",
        "chunked;q=1",
        "chunked chunked",
        "chunk\ted",
        "x\u{a0}chunked",
        "",
    ] {
        check(&format!("Transfer-Encoding: {bad}\r\n"), ambiguous, "not exactly");
    }
    check("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ambiguous, "2 times");
    check("Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n", ambiguous, "2 times");
    check("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", ambiguous, "2 times");
    check("Transfer-Encoding: ,chunked\r\n", ambiguous, "not exactly");
    check("Transfer-Encoding: gzip, chunked\r\n", Code::UnknownTransferCoding, "not implemented");
    check("Transfer-Encoding:\tchunked, chunked\r\n", ambiguous, "not exactly");
    // Names that only look like it.
    let malformed = Code::MalformedRequest;
    check("Transfer-Encoding : chunked\r\n", malformed, "field line 2: whitespace before the colon");
    check("Transfer-Encoding\t: chunked\r\n", malformed, "whitespace before the colon");
    check(" Transfer-Encoding: chunked\r\n", malformed, "field line 2: begins with whitespace");
    check("X: y\r\n Transfer-Encoding: chunked\r\n", malformed, "field line 3: begins with whitespace");
    check("Transfer-Encoding:\r\n chunked\r\n", malformed, "folding");
    check("Transfer-Encoding: chunked\n", malformed, "LF without CR");
    check("X: y\nTransfer-Encoding: chunked\r\n", malformed, "LF without CR at byte 5");
    check("X: y\rTransfer-Encoding: chunked\r\n", malformed, "CR without LF at byte 5");
    check("X: y\r\rTransfer-Encoding: chunked\r\n", malformed, "CR without LF");
    check("Transfer-Encoding: \u{b}chunked\r\n", malformed, "0x0b at byte 20");
    check("Transfer-Encoding: chunked\0\r\n", malformed, "0x00");
    check("\0Transfer-Encoding: chunked\r\n", malformed, "0x00 at byte 1");
    check("Transfer\u{a0}Encoding: chunked\r\n", malformed, "field name");
    check("Transfer Encoding: chunked\r\n", malformed, "0x20 at byte 9");
}

#[test]
fn tab_around_chunked_is_whitespace_as_the_grammar_has_it() {
    // OWS is removed before the value is read (RFC 9110 §5.5): not an obfuscation, every recipient must do so.
    accepted(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked \t\r\n\r\n",
        "POST Origin / @a Http11 Chunked keep",
    );
    accepted(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n",
        "POST Origin / @a Http11 Exact(7) keep",
    );
}

#[test]
fn http_1_0_has_no_chunks_and_its_bodies_have_lengths() {
    refused(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        Code::AmbiguousFraming,
        "HTTP/1.0",
    );
    for method in ["POST", "PUT", "PATCH"] {
        refused(format!("{method} / HTTP/1.0\r\n\r\n"), Code::LengthRequired, method);
    }
    accepted("GET / HTTP/1.0\r\n\r\n", "GET Origin / @- Http10 None close");
    accepted("POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "POST Origin / @- Http10 Exact(0) close");
    refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Code::MalformedRequest, "Host occurs 2 times");
}

#[test]
fn hosts() {
    let check = |host: &str, says: &str| {
        refused(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), Code::MalformedRequest, says);
    };
    refused("GET / HTTP/1.1\r\n\r\n", Code::MalformedRequest, "Host is missing");
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nHost: b\r\n\r\n", Code::MalformedRequest, "occurs 2 times");
    check("", "empty");
    check(":80", "empty");
    for bad in [
        "a b", "a,b", "a/b", "a?b", "a#b", "u@a", "a\u{e9}", "<a>", "a\\b", "a%41", "[::1", "a[", "\"a\"",
        "::1",
    ] {
        check(bad, "Host: ");
    }
    for bad in ["a:x", "a:65536", "a:-1", "a:80:80", "a: 80", "a:999999", "[::1]:x"] {
        check(bad, "port");
    }
    for bad in ["[1.2.3.4]", "[]", "[::1%25eth0]", "[v1.x]", "[::g]"] {
        check(bad, "IPv6");
    }
    check(&"a".repeat(256), "longer than 255");
    for good in ["a", "a:", "a:1", "1.2.3.4:80", "[fe80::1]", "x-y.z_1~!$&'()*+;=", "A.B"] {
        accepted(
            &format!("GET / HTTP/1.1\r\nHost: {good}\r\n\r\n"),
            &format!("GET Origin / @{good} Http11 None keep"),
        );
    }
}

#[test]
fn request_lines() {
    let check =
        |line: &str, code: Code, says: &str| refused(format!("{line}\r\nHost: a\r\n\r\n"), code, says);
    let malformed = Code::MalformedRequest;
    check("GET  / HTTP/1.1", malformed, "target");
    check("GET /  HTTP/1.1", malformed, "target: 0x20 at byte 2");
    check("GET / HTTP/1.1 ", malformed, "single spaces");
    check(" GET / HTTP/1.1", malformed, "no leading space");
    check("GET\t/\tHTTP/1.1", malformed, "request line: 0x09");
    check("GET /\tHTTP/1.1", malformed, "request line: 0x09 at byte 6");
    check("GET /", malformed, "METHOD SP target SP");
    check("GET", malformed, "METHOD SP target SP");
    check("GET / ", malformed, "METHOD SP target SP");
    check("GET HTTP/1.1", malformed, "METHOD SP target SP");
    check("GET / http/1.1", malformed, "METHOD SP target SP");
    check("GET / HTTP/1.1x", malformed, "METHOD SP target SP");
    check("GET / HTTP/11", malformed, "METHOD SP target SP");
    check("GET / HTTP/1,1", malformed, "METHOD SP target SP");
    check("GET / HTTP/1.10", malformed, "METHOD SP target SP");
    check("GET / HTTP /1.1", malformed, "METHOD SP target SP");
    check("GET / ICY/1.1", malformed, "METHOD SP target SP");
    check("GET / XHTTP/1.1", malformed, "METHOD SP target SP");
    check("G(T / HTTP/1.1", malformed, "'(' at byte 2");
    check("G\u{e9}T / HTTP/1.1", malformed, "0xc3 at byte 2");
    check("\u{16}\u{3}\u{1}", malformed, "TLS");
    check("\0", malformed, "0x00");
    for version in ["0.9", "2.0", "3.0", "9.9"] {
        check(&format!("GET / HTTP/{version}"), Code::HttpVersion, version);
    }
    for method in ["CONNECT", "PROPFIND", "get", "G", "M-SEARCH", "PRI", "$"] {
        check(&format!("{method} / HTTP/1.1"), Code::UnknownMethod, method);
    }
    check("Get / HTTP/1.1", Code::UnknownMethod, "perhaps GET");
    check("CONNECT a:80 HTTP/1.1", Code::UnknownMethod, "CONNECT");
    refused("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", malformed, "empty lines");
    refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", malformed, "empty lines");
    refused("GET / HTTP/1.1\nHost: a\n\n", malformed, "request line: LF without CR at byte 15");
    refused("GET / HTTP/1.1\rHost: a\r\r", malformed, "request line: CR without LF at byte 15");
    refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", malformed, "before the first field");
    refused("GET / HTTP/1.1\r\nHost: a\r\n\n", malformed, "field line 2: LF without CR at byte 1");
    refused("GET / HTTP/1.1\r\nHost: a\n\r\n", malformed, "field line 1: LF without CR at byte 8");
}

#[test]
fn targets() {
    let check = |target: &str, says: &str| {
        refused(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), Code::MalformedRequest, says);
    };
    check("*", "belongs to OPTIONS");
    check("a", "expected a path");
    check("a:80", "expected a path");
    check("?a", "expected a path");
    check("/a#b", "'#' at byte 3");
    check("/a?b#c", "'#' at byte 5");
    check("/a b", "%20");
    check("/\u{e9}", "beyond ASCII");
    check("/?\u{e9}", "beyond ASCII");
    for byte in ['<', '>', '"', '\\', '`', '{', '}', '\u{1}', '\u{7f}', '\0', '\t'] {
        check(&format!("/a{byte}"), "target: ");
    }
    for byte in ['<', '>', '"', '\u{1}', '\u{7f}', '\0', '\t'] {
        check(&format!("/a?{byte}"), "target: ");
    }
    for (target, at) in
        [("/%", 2), ("/%4", 2), ("/%4g", 2), ("/%g4", 2), ("/a%%41", 3), ("/%4?1", 2), ("/%41%", 5)]
    {
        check(target, &format!("'%' at byte {at} "));
    }
}

#[test]
fn field_lines() {
    let check = |line: &[u8], says: &str| {
        let mut raw = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        raw.extend_from_slice(line);
        raw.extend_from_slice(b"\r\n\r\n");
        refused(raw, Code::MalformedRequest, says);
    };
    check(b"X", "field line 2: has no colon");
    check(b": y", "name is empty");
    check(b":", "name is empty");
    check(b"X : y", "whitespace before the colon");
    check(b"X y: z", "0x20 at byte 2");
    check(b"X\x80: y", "0x80 at byte 2");
    check(b"X(: y", "'(' at byte 2");
    check(b"X;: y", "';' at byte 2");
    check(b"X\": y", "'\"' at byte 2");
    for byte in (0..=0x1f).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
        check(&[b'X', b':', b' ', b'y', byte], &format!("field line 2: 0x{byte:02x} at byte 5"));
        check(&[b'X', byte, b':', b'y'], &format!("field line 2: 0x{byte:02x} at byte 2"));
    }
}

#[test]
fn every_bound_is_kept_exactly_and_has_its_code() {
    let limits = Limits { head: 200, target: 20, headers: 3, ..Limits::default() };
    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(bytes - 1));
    assert!(summary(target(20).as_bytes(), &limits).is_ok());
    refused_under(&limits, target(21).as_bytes(), Code::TargetTooLong, "20 bytes");
    refused_under(&limits, target(2000).as_bytes(), Code::TargetTooLong, "20 bytes");
    // Known before the line ends, so that nobody can make us wait for it.
    refused_under(&limits, &target(100).as_bytes()[..90], Code::TargetTooLong, "20 bytes");
    refused_under(&limits, "A".repeat(90).as_bytes(), Code::UnknownMethod, "AAAA");
    refused_under(
        &limits,
        format!("{}(", "A".repeat(30)).repeat(4).as_bytes(),
        Code::MalformedRequest,
        "'('",
    );
    let method = format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(40));
    refused_under(&limits, method.as_bytes(), Code::UnknownMethod, "AAAA");

    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    assert!(summary(fields(3).as_bytes(), &limits).is_ok());
    refused_under(&limits, fields(4).as_bytes(), Code::HeadTooLarge, "3 field lines");

    let sized = |bytes: usize| {
        let fixed = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(bytes - fixed))
    };
    let head = parse_head(&mut BytesMut::from(sized(200).as_bytes()), &limits).unwrap().unwrap();
    assert_eq!(head.head_bytes, 200);
    refused_under(&limits, sized(201).as_bytes(), Code::HeadTooLarge, "200 bytes");
    refused_under(&limits, &sized(400).as_bytes()[..201], Code::HeadTooLarge, "200 bytes");

    // More fields than the tokenizer's scratch space on the stack.
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
    let head = parse_head(&mut BytesMut::from(many.as_bytes()), &Limits::default()).unwrap().unwrap();
    assert_eq!(head.headers.get_all("x").iter().count(), 100);
    // Limits beyond what the types hold are cut to what they hold.
    let wide = Limits { target: usize::MAX, head: usize::MAX, headers: usize::MAX, ..Limits::default() };
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(Limits::TARGET_MAX - 1));
    assert!(summary(long.as_bytes(), &wide).is_ok());
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(Limits::TARGET_MAX));
    refused_under(&wide, long.as_bytes(), Code::TargetTooLong, "65534");
}

#[test]
fn methods_of_custom_patterns_pass_when_asked_for() {
    let limits = Limits { extension_methods: true, ..Limits::default() };
    let found = summary(b"PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", &limits);
    assert_eq!(found, Ok(Some("PURGE Origin / @a Http11 None keep".into())));
    refused_under(&limits, b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", Code::UnknownMethod, "CONNECT");
    let found = summary(b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", &Limits::default());
    assert_eq!(found, Ok(Some("TRACE Origin / @a Http11 None keep".into())));
}

#[test]
fn a_head_takes_exactly_its_bytes_and_the_next_one_follows() {
    let mut buf = BytesMut::from(
        &b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\nGET /3"[..],
    );
    let mut parser = HeadParser::new();
    let limits = Limits::default();
    assert!(!HeadParser::new().has_begun(&BytesMut::new()));
    assert!(parser.has_begun(&buf));
    assert_eq!(parser.parse(&mut buf, &limits).unwrap().unwrap().target.path(), "/1");
    let second = parser.parse(&mut buf, &limits).unwrap().unwrap();
    assert_eq!((second.target.path(), second.body), ("/2", BodyLength::Exact(2)));
    assert_eq!(&buf.split_to(2)[..], b"hi");
    assert!(parser.parse(&mut buf, &limits).unwrap().is_none());
    buf.extend_from_slice(b" HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_eq!(parser.parse(&mut buf, &limits).unwrap().unwrap().target.path(), "/3");
    assert!(buf.is_empty());
}

#[test]
fn values_are_slices_of_the_head() {
    let mut buf = BytesMut::from(&b"GET /p HTTP/1.1\r\nHost: a\r\nX-Long: some value\r\n\r\n"[..]);
    let start = buf.as_ptr() as usize;
    let head = parse_head(&mut buf, &Limits::default()).unwrap().unwrap();
    let within = |text: &[u8]| (start..start + head.head_bytes).contains(&(text.as_ptr() as usize));
    assert!(head.headers.values().all(|value| within(value.as_bytes())));
    assert!(within(head.target.path().as_bytes()));
}
