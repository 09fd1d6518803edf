//! Parses one browser-like head and writes one response head many times, for `valgrind --tool=callgrind`:
//! instructions per request are (instructions of N rounds − instructions of 0 rounds) / N.
//!
//! `instructions [head|response|both] [ROUNDS]`

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::hint::black_box;
use tenet_http1::encode::{Connection, Framing, response_head};
use tenet_http1::{HeadParser, Limits, Version};

const HEAD: &[u8] = b"GET /v1/users/42/timeline?page_size=20 HTTP/1.1\r\n\
Host: api.example.com:8080\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: en-US,en;q=0.5\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Referer: https://www.example.com/some/page\r\n\
Connection: keep-alive\r\n\
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
Sec-Fetch-Dest: empty\r\n\
Sec-Fetch-Mode: cors\r\n\
Sec-Fetch-Site: same-site\r\n\
Priority: u=4\r\n\r\n";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "both".into());
    let rounds: usize = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000);
    if what != "response" {
        heads(rounds);
    }
    if what != "head" {
        responses(rounds);
    }
}

fn heads(rounds: usize) {
    let limits = Limits::default();
    let mut parser = HeadParser::new();
    let mut buf = BytesMut::with_capacity(16 * 1024);
    for _ in 0..rounds {
        buf.extend_from_slice(black_box(HEAD));
        let head = parser.parse(&mut buf, &limits);
        assert!(matches!(head, Ok(Some(_))), "the sample head is well-formed");
        drop(black_box(head));
        buf.reserve(4 * 1024);
    }
}

fn responses(rounds: usize) {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let id = HeaderValue::from_maybe_shared(Bytes::from_static(b"0123456789abcdef0123456789abcdef"));
    headers
        .insert(header::HeaderName::from_static("x-request-id"), id.unwrap_or(HeaderValue::from_static("-")));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    let mut out = BytesMut::with_capacity(4 * 1024);
    for _ in 0..rounds {
        out.clear();
        let date = b"Mon, 23 Nov 2026 08:00:00 GMT";
        let framing = Framing::Length(1_234);
        let connection = Connection::KeepAlive;
        response_head(
            &mut out,
            Version::Http11,
            StatusCode::OK,
            black_box(&headers),
            framing,
            connection,
            date,
        );
        black_box(&out);
    }
}
