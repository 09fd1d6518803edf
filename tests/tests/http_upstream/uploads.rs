//! Uploads stream: the service reads the first bytes before the last are sent, and the gateway holds only what is on its way.

use crate::stage::{RawBackend, Stage, read_body, read_head};
use bytes::Bytes;
use http::Method;
use std::future::poll_fn;
use std::io::{BufReader, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use tenet_tests::h2c::H2;
use tenet_tests::{GrpcBackend, PATIENCE, http1, raw};

/// Far more than the 4 MiB of a body that must be held whole.
const ALL: usize = 32 << 20;
const PIECE: usize = 64 << 10;
/// What the gateway's memory may grow by while `ALL` passes through it.
const GROWTH: u64 = 16 << 20;

/// Tells the first byte of each body when it arrives.
#[derive(Clone)]
struct First(Arc<Mutex<Sender<()>>>);

impl First {
    fn new() -> (First, Receiver<()>) {
        let (send, receive) = mpsc::channel();
        (First(Arc::new(Mutex::new(send))), receive)
    }

    fn tell(&self) {
        let _ = self.0.lock().unwrap().send(());
    }
}

/// Answers with the body's length and the sum of its bytes.
fn counting_h1(first: First) -> RawBackend {
    RawBackend::start(move |stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        while let Some(head) = read_head(&mut stream) {
            let (mut count, mut sum) = (0usize, 0u64);
            let read = read_body(&mut stream, &head, |piece| {
                if count == 0 {
                    first.tell();
                }
                count += piece.len();
                sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            });
            if read.is_none() {
                return;
            }
            let said = format!("{count} {sum}");
            let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{said}", said.len());
        }
    })
}

fn counting_h2(first: First) -> GrpcBackend {
    GrpcBackend::streaming(move |request, mut respond| {
        let first = first.clone();
        async move {
            let (mut count, mut sum) = (0usize, 0u64);
            let mut body = request.into_body();
            while let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                if count == 0 {
                    first.tell();
                }
                count += piece.len();
                sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            }
            if let Ok(mut out) = respond.send_response(http::Response::new(()), false) {
                let _ = out.send_data(Bytes::from(format!("{count} {sum}")), true);
            }
        }
    })
}

fn piece() -> Vec<u8> {
    (0..PIECE).map(|index| (index % 251) as u8).collect()
}

fn expected() -> String {
    let sum: u64 = piece().iter().map(|byte| u64::from(*byte)).sum();
    format!("{ALL} {}", sum * (ALL / PIECE) as u64)
}

#[test]
fn uploads_stream_through_a_bounded_memory() {
    let (first, arrived) = First::new();
    let one = counting_h1(first.clone());
    let stage = Stage::open(&one, Some(counting_h2(first)), "");
    assert_eq!(http1::call(stage.gateway.public, "POST", "/one", &[], b"ab").text(), "2 195");
    assert_eq!(http1::call(stage.gateway.public, "POST", "/two", &[], b"ab").text(), "2 195");
    for _ in 0..2 {
        arrived.recv_timeout(PATIENCE).unwrap();
    }
    let before = stage.peak_memory();
    for path in ["/one/upload", "/two/upload"] {
        for chunked in [false, true] {
            by_http1(&stage, path, chunked, &arrived);
        }
        for length in [false, true] {
            by_http2(&stage, path, length, &arrived);
        }
    }
    // The kernel's peak is an estimate and may even fall a little.
    let grown = stage.peak_memory().saturating_sub(before);
    assert!(grown <= GROWTH, "the gateway grew by {grown} bytes while {ALL} passed through it, eight times");
    stage.recorded("OK", 10);
}

fn by_http1(stage: &Stage, path: &str, chunked: bool, arrived: &Receiver<()>) {
    let mut stream = raw::connect(stage.gateway.public);
    let framing =
        if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {ALL}") };
    write!(stream, "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{framing}\r\n\r\n").unwrap();
    let piece = piece();
    let framed = match chunked {
        true => [format!("{:x}\r\n", piece.len()).as_bytes(), &piece[..], b"\r\n"].concat(),
        false => piece,
    };
    for index in 0..ALL / PIECE {
        stream.write_all(&framed).unwrap();
        if index == 0 {
            arrived
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("{path}: nothing arrives before all is sent"));
        }
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").unwrap();
    }
    let heard = raw::listen(&mut stream, PATIENCE);
    let answers = heard.responses();
    assert_eq!((answers.len(), answers[0].text()), (1, expected()), "{path} chunked: {chunked}");
}

fn by_http2(stage: &Stage, path: &str, length: bool, arrived: &Receiver<()>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        let all = ALL.to_string();
        let headers: &[_] = if length { &[("content-length", all.as_str())] } else { &[] };
        let request = client.request(&Method::POST, path, headers);
        let (answer, mut out) = client.sender().ready().await.unwrap().send_request(request, false).unwrap();
        let piece = Bytes::from(piece());
        for index in 0..ALL / PIECE {
            let mut rest = piece.clone();
            while !rest.is_empty() {
                out.reserve_capacity(rest.len());
                let capacity = poll_fn(|cx| out.poll_capacity(cx)).await.unwrap().unwrap();
                out.send_data(rest.split_to(capacity.min(rest.len())), false).unwrap();
            }
            if index == 0 {
                arrived
                    .recv_timeout(PATIENCE)
                    .unwrap_or_else(|_| panic!("{path}: nothing arrives before all is sent"));
            }
        }
        out.send_data(Bytes::new(), true).unwrap();
        let reply = tokio::time::timeout(PATIENCE, async { tenet_tests::h2c::collect(answer.await?).await });
        let reply = reply.await.unwrap().unwrap();
        assert_eq!((reply.status, &reply.body[..]), (200, expected().as_bytes()), "{path} length: {length}");
    });
}

#[test]
fn an_upload_beyond_its_limit_is_refused_or_cut_off() {
    let (first, _arrived) = First::new();
    let one = counting_h1(first.clone());
    let stage = Stage::open(&one, Some(counting_h2(first)), "limits = { streamed_body = \"1MiB\" }");
    for path in ["/one", "/two"] {
        // By its length, before a byte of it is read; and when it turns out, after a megabyte of it was.
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1048577\r\n\r\n");
        let said = raw::send(stage.gateway.public, head.as_bytes(), PATIENCE).responses();
        tenet_tests::door::check_problem(path, &said[0], 413, "BODY_TOO_LARGE");
        let mut chunks =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
        for _ in 0..17 {
            chunks.extend_from_slice(b"10000\r\n");
            chunks.extend_from_slice(&piece());
            chunks.extend_from_slice(b"\r\n");
        }
        let heard = raw::send(stage.gateway.public, &chunks, PATIENCE);
        assert!(heard.closed, "{path}: {}", heard.text());
        tenet_tests::door::check_problem(path, &heard.responses()[0], 413, "BODY_TOO_LARGE");
        let fits = http1::call(stage.gateway.public, "POST", path, &[], &vec![1; 1 << 20]);
        assert_eq!(fits.text(), format!("{} {}", 1 << 20, 1 << 20));
    }
    stage.recorded("BODY_TOO_LARGE", 4);
}

#[test]
fn an_answer_that_rests_is_given_up_also_when_the_upload_ended_beneath_it() {
    let early = RawBackend::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        let Some(head) = read_head(&mut stream) else { return };
        let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello");
        read_body(&mut stream, &head, |_| {});
        // Not a word more; the end is the gateway's closing.
        let _ = std::io::Read::read(&mut stream, &mut [0; 1]);
    });
    let stage = Stage::open(&early, None, "[gateway.limits]\nidle_time = \"500ms\"");
    let mut caller = raw::connect(stage.gateway.public);
    caller.write_all(b"POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n01234").unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"hello") {
        let mut piece = [0; 1024];
        let count = std::io::Read::read(&mut caller, &mut piece).unwrap();
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&piece[..count]);
    }
    caller.write_all(b"56789").unwrap();
    let rest = raw::listen(&mut caller, PATIENCE / 3);
    assert!(rest.closed, "the answer rests and nobody ends it: {}", rest.text());
    stage.recorded("GATEWAY_DEADLINE_EXCEEDED", 1);
}
