//! Bodies: content, trailers, what is left over, and what is refused.

use super::*;

/// Content, trailers as `name: value` lines, and what is left in the buffer.
type Outcome = (Vec<u8>, Vec<String>, Vec<u8>);

/// `None`: more bytes are needed.
fn run(length: BodyLength, limits: &Limits, raw: &[u8]) -> Result<Option<Outcome>, Refusal> {
    let mut buf = BytesMut::from(raw);
    let mut decoder = BodyDecoder::new(length, limits);
    let (mut content, mut lines) = (Vec::new(), Vec::new());
    loop {
        match decoder.decode(&mut buf)? {
            Decoded::NeedMore => return Ok(None),
            Decoded::Data(data) => {
                assert!(!data.is_empty());
                content.extend_from_slice(&data);
            }
            Decoded::Trailers(trailers) => {
                let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                    format!("{name}: {}", value.to_str().unwrap())
                };
                lines.extend(trailers.iter().map(line));
            }
            Decoded::End => {
                assert!(decoder.is_end());
                return Ok(Some((content, lines, buf.to_vec())));
            }
        }
    }
}

#[test]
fn known_lengths_and_none() {
    let check = |length, raw: &str, expected: Option<(&str, &str)>| {
        let found = run(length, &Limits::default(), raw.as_bytes()).unwrap();
        let expected = expected.map(|(content, left)| (content.into(), Vec::new(), left.into()));
        assert_eq!(found, expected, "{length:?} {raw:?}");
    };
    check(BodyLength::None, "GET", Some(("", "GET")));
    check(BodyLength::Exact(0), "GET", Some(("", "GET")));
    check(BodyLength::Exact(3), "abcGET", Some(("abc", "GET")));
    check(BodyLength::Exact(3), "ab", None);
    check(BodyLength::Exact(i64::MAX as u64), "ab", None);
}

#[test]
fn chunked_bodies() {
    let check = |raw: &str, content: &str, trailers: &[&str], left: &str| {
        let found = run(BodyLength::Chunked, &Limits::default(), raw.as_bytes());
        let trailers = trailers.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(found, Ok(Some((content.into(), trailers, left.into()))), "{raw:?}");
    };
    check("0\r\n\r\n", "", &[], "");
    check("5\r\nhello\r\n0\r\n\r\nGET", "hello", &[], "GET");
    check("5\r\nhello\r\n00A;x=\"\\\"\";y\r\n, world!!!\r\n000\r\n\r\n", "hello, world!!!", &[], "");
    check("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", &[], "");
    check("1\r\na\r\n0\r\nX-Sum: 1\r\nx-b:  2 \r\n\r\nG", "a", &["x-sum: 1", "x-b: 2"], "G");
    // Fields that cannot stand in trailers but cannot harm either are dropped (RFC 9110 §6.5.1).
    check("0\r\nAuthorization: x\r\nX-Sum: 1\r\nCookie: y\r\n\r\n", "", &["x-sum: 1"], "");
    check("0\r\nConnection: close\r\n\r\n", "", &[], "");
    for cut in 0.."5\r\nhello\r\n0\r\nA: b\r\n\r\n".len() {
        let raw = &"5\r\nhello\r\n0\r\nA: b\r\n\r\n"[..cut];
        assert_eq!(run(BodyLength::Chunked, &Limits::default(), raw.as_bytes()), Ok(None), "{raw:?}");
    }
}

#[test]
fn chunk_framing_that_is_refused() {
    let check = |raw: &str, code: Code, says: &str| match run(
        BodyLength::Chunked,
        &Limits::default(),
        raw.as_bytes(),
    ) {
        Err(refusal) => {
            assert_eq!(refusal.code, code, "{raw:?}: {refusal}");
            assert!(refusal.detail.contains(says), "{raw:?}: {refusal}, expected {says:?} in it");
        }
        other => panic!("{raw:?} gave {other:?}"),
    };
    let malformed = Code::MalformedRequest;
    check("\r\n", malformed, "empty line");
    check("x\r\n", malformed, "'x'");
    check("5\nhello\r\n", malformed, "chunk line: LF without CR at byte 2");
    check("5\rhello\r\n", malformed, "chunk line: CR without LF");
    check("5;a\nb\r\nhello\r\n", malformed, "LF without CR");
    check("5;a=\"\nX\"\r\nhello\r\n", malformed, "LF without CR");
    check("5;a=\"\r\nhello\r\n", malformed, "chunk extension");
    check("5 \r\nhello\r\n", malformed, "chunk extension");
    check("+5\r\nhello\r\n", malformed, "'+'");
    check("-1\r\n", malformed, "'-'");
    check("0x5\r\nhello\r\n", malformed, "chunk extension");
    check("fffffffffffffffff\r\n", malformed, "17 digits");
    check("ffffffffffffffff\r\n", malformed, "greater");
    check("5\r\nhello0\r\n\r\n", malformed, "'0' behind it");
    check("5\r\nhelloo\r\n0\r\n\r\n", malformed, "'o' behind it");
    check("5\r\nhello\n0\r\n\r\n", malformed, "0x0a behind it");
    check("5\r\nhello\rx", malformed, "'x' behind it");
    check("0\r\n\n", malformed, "trailer line 1: LF without CR");
    check("0\r\nA: b\n\r\n", malformed, "trailer line 1: LF without CR at byte 5");
    check("0\r\n A: b\r\n\r\n", malformed, "trailer line 1");
    check("0\r\nA: b\r\n c\r\n\r\n", malformed, "folding");
    check("0\r\nA : b\r\n\r\n", malformed, "whitespace before the colon");
    check("0\r\nA\r\n\r\n", malformed, "trailer line 1: has no colon");
    check("0\r\nGET / HTTP/1.1\r\n\r\n", malformed, "trailer line 1");
    check("0\r\nContent-Length: 5\r\n\r\n", Code::AmbiguousFraming, "content-length");
    check("0\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n", Code::AmbiguousFraming, "transfer-encoding");
    check("0\r\nHost: a\r\n\r\n", Code::AmbiguousFraming, "host");
}

#[test]
fn bounds_of_chunk_lines_extensions_and_trailers() {
    let limits =
        Limits { chunk_line: 16, chunk_extensions: 30, trailers: 40, trailer_fields: 2, ..Limits::default() };
    let check = |raw: &str, expected: Option<Code>| {
        let found = run(BodyLength::Chunked, &limits, raw.as_bytes()).err().map(|refusal| refusal.code);
        assert_eq!(found, expected, "{raw:?}");
    };
    check("1;aaaaaaaaaaaa\r\n", None);
    check("1;aaaaaaaaaaaaa\r\n", Some(Code::MalformedRequest));
    check("1;aaaaaaaaaaaaaaaaaaaaa", Some(Code::MalformedRequest));
    check(&"1;aaaaaaaaa\r\nx\r\n".repeat(3), None);
    check(&"1;aaaaaaaaa\r\nx\r\n".repeat(4), Some(Code::MalformedRequest));
    check("0\r\nA: b\r\nC: d\r\n\r\n", None);
    check("0\r\nA: b\r\nC: d\r\nE: f\r\n", Some(Code::HeadTooLarge));
    check(&format!("0\r\nA: {}\r\n\r\n", "b".repeat(33)), None);
    check(&format!("0\r\nA: {}\r\n\r\n", "b".repeat(34)), Some(Code::HeadTooLarge));
    check(&format!("0\r\nA: {}", "b".repeat(40)), Some(Code::HeadTooLarge));
}

#[test]
fn data_is_a_slice_of_the_buffer() {
    let mut buf = BytesMut::from(&b"5\r\nhello\r\n"[..]);
    let place = buf[3..].as_ptr();
    match BodyDecoder::new(BodyLength::Chunked, &Limits::default()).decode(&mut buf) {
        Ok(Decoded::Data(data)) => assert_eq!((data.as_ptr(), &data[..]), (place, &b"hello"[..])),
        other => panic!("{other:?}"),
    }
}
