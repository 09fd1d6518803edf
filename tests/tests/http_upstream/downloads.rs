//! Downloads stream: each piece arrives before the next is sent, however the service frames them, and a reader that
//! stalls stalls the service.

use crate::stage::{RawBackend, Stage, read_head};
use bytes::Bytes;
use http::Method;
use std::io::{BufReader, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tenet_tests::h2c::H2;
use tenet_tests::{GrpcBackend, PATIENCE, raw};

const PIECES: [&str; 4] = ["one ", "two ", "three ", "four"];

/// A service that sends the next piece when it is told to.
fn told(framing: &'static str, go: Arc<Mutex<mpsc::Receiver<()>>>) -> RawBackend {
    RawBackend::start(move |stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        let Some(_) = read_head(&mut stream) else { return };
        let length: usize = PIECES.iter().map(|piece| piece.len()).sum();
        let head = match framing {
            "chunked" => "transfer-encoding: chunked\r\n".to_owned(),
            "length" => format!("content-length: {length}\r\n"),
            _ => String::new(),
        };
        let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{head}\r\n");
        for piece in PIECES {
            go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            let _ = match framing {
                "chunked" => write!(out, "{:x}\r\n{piece}\r\n", piece.len()),
                _ => write!(out, "{piece}"),
            };
        }
        if framing == "chunked" {
            let _ = write!(out, "0\r\n\r\n");
        }
    })
}

fn told_h2(go: Arc<Mutex<mpsc::Receiver<()>>>) -> GrpcBackend {
    GrpcBackend::streaming(move |_request, mut respond| {
        let go = go.clone();
        async move {
            let Ok(mut out) = respond.send_response(http::Response::new(()), false) else { return };
            for piece in PIECES {
                let go = go.clone();
                let next = tokio::task::spawn_blocking(move || go.lock().unwrap().recv_timeout(PATIENCE));
                next.await.unwrap().unwrap();
                let _ = out.send_data(Bytes::from(piece), false);
            }
            let _ = out.send_data(Bytes::new(), true);
        }
    })
}

#[test]
fn a_trickle_arrives_piece_by_piece() {
    for framing in ["chunked", "length", "close", "http2"] {
        let (tell, go) = mpsc::channel();
        let go = Arc::new(Mutex::new(go));
        let one = told(framing, go.clone());
        let two = (framing == "http2").then(|| told_h2(go));
        let path = if two.is_some() { "/two" } else { "/one" };
        let stage = Stage::open(&one, two, "");
        // HTTP/1.1
        let mut stream = raw::connect(stage.gateway.public);
        let _ = stream.set_read_timeout(Some(PATIENCE));
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut heard = Vec::new();
        let mut chunk = [0; 4096];
        for piece in PIECES {
            tell.send(()).unwrap();
            while !heard.windows(piece.len()).any(|window| window == piece.as_bytes()) {
                let count = stream.read(&mut chunk).unwrap();
                assert!(count > 0, "{framing}: ends before {piece:?}: {}", String::from_utf8_lossy(&heard));
                heard.extend_from_slice(&chunk[..count]);
            }
        }
        let rest = raw::listen(&mut stream, PATIENCE);
        heard.extend_from_slice(&rest.bytes);
        let answers = tenet_tests::http1::parse_all(&heard);
        assert_eq!((answers.len(), answers[0].text()), (1, PIECES.concat()), "{framing}");
        // HTTP/2
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let client = H2::connect(stage.gateway.public).await;
            let request = client.request(&Method::GET, path, &[]);
            let (answer, _) = client.sender().ready().await.unwrap().send_request(request, true).unwrap();
            let mut body = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap().into_body();
            for piece in PIECES {
                tell.send(()).unwrap();
                let mut heard = Vec::new();
                while heard != piece.as_bytes() {
                    let data = tokio::time::timeout(PATIENCE, body.data()).await.unwrap().unwrap().unwrap();
                    heard.extend_from_slice(&data);
                    assert!(piece.as_bytes().starts_with(&heard), "{framing}: {heard:?}");
                }
            }
            while let Some(data) = tokio::time::timeout(PATIENCE, body.data()).await.unwrap() {
                assert!(data.unwrap().is_empty(), "{framing}");
            }
        });
        stage.recorded("OK", 2);
    }
}

#[test]
fn a_reader_that_stalls_stalls_the_service() {
    const ALL: usize = 256 << 20;
    const STILL: Duration = Duration::from_millis(500);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let one = RawBackend::start(move |stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        let Some(_) = read_head(&mut stream) else { return };
        let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {ALL}\r\n\r\n");
        let piece = vec![7; 64 << 10];
        for _ in 0..ALL / piece.len() {
            if out.write_all(&piece).is_err() {
                return;
            }
            counted.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let stage = Stage::open(&one, None, "");
    let before = stage.peak_memory();
    let mut stream = raw::connect(stage.gateway.public);
    write!(stream, "GET /one HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let until = Instant::now() + PATIENCE;
    let at = loop {
        let then = sent.load(Ordering::SeqCst);
        std::thread::sleep(STILL);
        let now = sent.load(Ordering::SeqCst);
        if now == then && now > 0 {
            break now;
        }
        assert!(Instant::now() < until, "it never stalls");
    };
    // The system's socket buffers hold some megabytes on loopback; the gateway itself next to nothing.
    assert!(at <= 32 << 20, "{at} bytes were sent to a reader that reads nothing");
    // The kernel's peak is an estimate and may even fall a little.
    let grown = stage.peak_memory().saturating_sub(before);
    assert!(grown <= 16 << 20, "the gateway holds {grown} bytes of them");
    drop(stream);
    stage.recorded("CANCELLED", 1);
}
