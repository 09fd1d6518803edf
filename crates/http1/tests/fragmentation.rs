//! How a connection's bytes are cut into reads never changes what is read from them, and no bytes make the codec panic.

use bytes::BytesMut;
use proptest::prelude::*;
use tenet_http1::{BodyDecoder, Decoded, HeadParser, Limits, Refusal, RequestHead};

/// Everything a connection's reader learns, content joined.
#[derive(Debug, PartialEq)]
struct Session {
    requests: Vec<Request>,
    end: Result<Left, Refusal>,
}

#[derive(Debug, Default, PartialEq)]
struct Request {
    head: String,
    content: Vec<u8>,
    trailers: String,
    complete: bool,
}

/// Bytes that were not enough for a next step.
type Left = Vec<u8>;

/// Small enough that generated input runs into every bound.
const TIGHT: Limits = Limits {
    head: 160,
    target: 40,
    headers: 5,
    chunk_line: 24,
    chunk_extensions: 40,
    trailers: 48,
    trailer_fields: 3,
    extension_methods: false,
};

struct Reader {
    limits: Limits,
    buf: BytesMut,
    parser: HeadParser,
    body: Option<BodyDecoder>,
    requests: Vec<Request>,
}

impl Reader {
    fn new(limits: Limits) -> Reader {
        Reader { limits, buf: BytesMut::new(), parser: HeadParser::new(), body: None, requests: Vec::new() }
    }

    /// Reads on until more bytes are needed.
    fn feed(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.buf.extend_from_slice(bytes);
        loop {
            let Some(body) = &mut self.body else {
                let Some(head) = self.parser.parse(&mut self.buf, &self.limits)? else { return Ok(()) };
                self.body = Some(BodyDecoder::new(head.body, &self.limits));
                self.requests.push(Request { head: describe(&head), ..Request::default() });
                continue;
            };
            let step = body.decode(&mut self.buf)?;
            let request = self.requests.last_mut().expect("a body follows a head");
            match step {
                Decoded::NeedMore => return Ok(()),
                Decoded::Data(data) => request.content.extend_from_slice(&data),
                Decoded::Trailers(trailers) => request.trailers = format!("{trailers:?}"),
                Decoded::End => {
                    request.complete = true;
                    self.body = None;
                }
            }
        }
    }
}

fn describe(head: &RequestHead) -> String {
    format!("{head:?}")
}

fn session<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Session {
    let mut reader = Reader::new(limits);
    let fed = pieces.into_iter().try_for_each(|piece| reader.feed(piece));
    Session { requests: reader.requests, end: fed.map(|()| reader.buf.to_vec()) }
}

fn check(limits: Limits, raw: &[u8], cuts: &[usize]) {
    let whole = session(limits, [raw]);
    let by_byte = session(limits, raw.chunks(1));
    assert_eq!(whole, by_byte, "byte by byte: {}", raw.escape_ascii());
    for &cut in cuts {
        let (left, right) = raw.split_at(cut.min(raw.len()));
        assert_eq!(whole, session(limits, [left, right]), "cut at {cut}: {}", raw.escape_ascii());
    }
}

/// Connections as they come, well-formed and not; each is tried at every split point.
const CORPUS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\n\r\nGET /a?b HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\n\n",
    "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "GETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;aaaaaaaaaaaaaaaaa\r\nx\r\n1;aaaaaaaaaaaaaaaaa\r\nx\r\n1;aaaaaaaaaaaaaaaaaaaa\r\nx\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 1111111111111111111111111111111111111111111111\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

#[test]
fn every_split_point_of_the_corpus() {
    for raw in CORPUS {
        let every: Vec<usize> = (0..=raw.len()).collect();
        check(TIGHT, raw.as_bytes(), &every);
        check(Limits::default(), raw.as_bytes(), &every);
    }
}

/// The pieces connections are made of, so that random input gets past the first byte.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b"GET "[..],
        b"POST ",
        b"OPTIONS ",
        b"/",
        b"*",
        b"http://a",
        b"?q=%20",
        b"%",
        b"#",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close, x\r\n",
        b"Expect: 100-continue\r\n",
        b"X: y\r\n",
        b"X : y\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\t",
        b" ",
        b":",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"0\r\n\r\n",
        b"a;b=\"c\"\r\n",
        b"ffffffffffffffff\r\n",
        b"abc",
    ])
    .prop_map(<[u8]>::to_vec);
    let any = prop::collection::vec(any::<u8>(), 0..4);
    prop::collection::vec(prop_oneof![9 => known, 1 => any], 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn cuts_change_nothing(raw in pieces(), cuts in prop::collection::vec(0usize..400, 0..6)) {
        check(TIGHT, &raw, &cuts);
        check(Limits::default(), &raw, &cuts);
    }

    #[test]
    fn changed_bytes_change_nothing_either(
        index in 0..CORPUS.len(),
        changes in prop::collection::vec((0usize..400, any::<u8>()), 1..4),
        cut in 0usize..400,
    ) {
        let mut raw = CORPUS[index].as_bytes().to_vec();
        for (at, byte) in changes {
            let length = raw.len();
            raw[at % length] = byte;
        }
        check(TIGHT, &raw, &[cut]);
        check(Limits::default(), &raw, &[cut]);
    }

    #[test]
    fn a_chunked_body_is_the_content_it_was_made_of(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        cuts in prop::collection::vec(1usize..30, 1..20),
    ) {
        let mut wire = BytesMut::from(&b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"[..]);
        for chunk in &chunks {
            tenet_http1::encode::chunk(&mut wire, chunk);
        }
        tenet_http1::encode::last_chunk(&mut wire, None);
        let mut reader = Reader::new(Limits::default());
        let mut rest = &wire[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at((*cut).min(rest.len()));
            reader.feed(piece).unwrap();
            rest = later;
        }
        prop_assert_eq!(reader.requests.len(), 1);
        prop_assert!(reader.requests[0].complete);
        prop_assert_eq!(&reader.requests[0].content, &chunks.concat());
    }
}
