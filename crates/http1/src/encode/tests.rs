//! What goes out, byte for byte.

use super::*;

const DATE_TEXT: &[u8] = b"Mon, 23 Nov 2026 08:00:00 GMT";

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn heads() {
    let check = |version, status: u16, fields: &[_], framing, connection, expected: &str| {
        let mut out = BytesMut::new();
        let status = StatusCode::from_u16(status).unwrap();
        response_head(&mut out, version, status, &headers(fields), framing, connection, DATE_TEXT);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    };
    let date = "date: Mon, 23 Nov 2026 08:00:00 GMT\r\n";
    use Connection::{Close, KeepAlive};
    use Version::{Http10, Http11};
    check(
        Http11,
        200,
        &[("content-type", "text/plain"), ("set-cookie", "a"), ("set-cookie", "b")],
        Framing::Length(5),
        KeepAlive,
        &format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nset-cookie: a\r\nset-cookie: b\r\n{date}content-length: 5\r\n\r\n"
        ),
    );
    // Whatever the map says of framing and connection, one framing goes out.
    check(
        Http11,
        404,
        &[
            ("content-length", "9"),
            ("transfer-encoding", "gzip"),
            ("connection", "x"),
            ("keep-alive", "timeout=1"),
            ("upgrade", "h2c"),
            ("trailer", "x"),
        ],
        Framing::Length(0),
        Close,
        &format!("HTTP/1.1 404 Not Found\r\n{date}content-length: 0\r\nconnection: close\r\n\r\n"),
    );
    check(
        Http11,
        200,
        &[("content-length", "9"), ("trailer", "x")],
        Framing::Chunked,
        KeepAlive,
        &format!("HTTP/1.1 200 OK\r\ntrailer: x\r\n{date}transfer-encoding: chunked\r\n\r\n"),
    );
    check(
        Http11,
        204,
        &[("content-length", "0")],
        Framing::None,
        KeepAlive,
        &format!("HTTP/1.1 204 No Content\r\n{date}\r\n"),
    );
    check(
        Http11,
        304,
        &[("date", "Sun, 22 Nov 2026 08:00:00 GMT")],
        Framing::NoneOf(7),
        KeepAlive,
        "HTTP/1.1 304 Not Modified\r\ndate: Sun, 22 Nov 2026 08:00:00 GMT\r\ncontent-length: 7\r\n\r\n",
    );
    check(
        Http10,
        200,
        &[],
        Framing::Length(1),
        KeepAlive,
        &format!("HTTP/1.1 200 OK\r\n{date}content-length: 1\r\nconnection: keep-alive\r\n\r\n"),
    );
    // A body that ends with the connection cannot keep it.
    check(
        Http10,
        200,
        &[],
        Framing::Close,
        KeepAlive,
        &format!("HTTP/1.1 200 OK\r\n{date}connection: close\r\n\r\n"),
    );
    check(
        Http11,
        599,
        &[],
        Framing::Length(0),
        KeepAlive,
        &format!("HTTP/1.1 599 \r\n{date}content-length: 0\r\n\r\n"),
    );
}

#[test]
fn the_framing_follows_method_status_version_and_length() {
    let check = |version, method: &Method, status: u16, length, expected| {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            Framing::choose(version, method, status, length),
            expected,
            "{version:?} {method} {status}"
        );
    };
    use Version::{Http10, Http11};
    check(Http11, &Method::GET, 200, Some(3), Framing::Length(3));
    check(Http11, &Method::GET, 200, None, Framing::Chunked);
    check(Http10, &Method::GET, 200, None, Framing::Close);
    check(Http10, &Method::GET, 200, Some(3), Framing::Length(3));
    check(Http11, &Method::HEAD, 200, Some(3), Framing::NoneOf(3));
    check(Http10, &Method::HEAD, 200, None, Framing::None);
    check(Http11, &Method::GET, 204, Some(0), Framing::None);
    check(Http11, &Method::GET, 101, None, Framing::None);
    check(Http11, &Method::GET, 304, Some(9), Framing::NoneOf(9));
    check(Http11, &Method::GET, 304, None, Framing::None);
}

#[test]
fn chunks() {
    let mut out = BytesMut::new();
    chunk(&mut out, b"hello");
    chunk(&mut out, b"");
    chunk(&mut out, &[b'x'; 26]);
    last_chunk(&mut out, None);
    assert_eq!(out, format!("5\r\nhello\r\n1a\r\n{}\r\n0\r\n\r\n", "x".repeat(26)).as_bytes());

    for length in [1usize, 15, 16, 255, 256, 4096, 65_536, usize::MAX] {
        out.clear();
        chunk_head(&mut out, NonZeroUsize::new(length).unwrap());
        assert_eq!(out, format!("{length:x}\r\n").as_bytes());
    }

    out.clear();
    let trailers = headers(&[
        ("grpc-status", "0"),
        ("content-length", "1"),
        ("transfer-encoding", "x"),
        ("set-cookie", "y"),
        ("te", "z"),
    ]);
    last_chunk(&mut out, Some(&trailers));
    assert_eq!(out, &b"0\r\ngrpc-status: 0\r\n\r\n"[..]);

    out.clear();
    continue_100(&mut out);
    assert_eq!(out, &b"HTTP/1.1 100 Continue\r\n\r\n"[..]);
}
