//! Flow control reaches from end to end: who does not read stalls who sends, within a bound, and nobody else.

use crate::stage::{BOTH, DOWN, Stage, UNARY, UP, begin, head, next, soon, trailers};
use bytes::Bytes;
use http::Method;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tenet_tests::h2c::{H2, frame};
use tenet_tests::{GrpcBackend, PATIENCE};
use tokio::net::TcpStream;

/// What is sent in all: far more than any bound in between.
const ALL: usize = 16 << 20;
/// One piece.
const PIECE: usize = 16 << 10;
/// The windows of both hops (64 KiB, and 256 KiB as `stream_window` is), each once more for what is on its way.
const BOUND: usize = 2 * (64 << 10) + 2 * (256 << 10);
/// Nobody moves for so long: stalled.
const STILL: Duration = Duration::from_millis(500);

/// Sends `ALL` bytes as the window allows and counts them.
async fn pour(out: &mut h2::SendStream<Bytes>, sent: &AtomicUsize) -> Result<(), h2::Error> {
    let piece = Bytes::from(vec![7u8; PIECE]);
    let mut left = ALL;
    while left > 0 {
        out.reserve_capacity(left.min(PIECE));
        let Some(capacity) = poll_fn(|cx| out.poll_capacity(cx)).await else { return Ok(()) };
        let size = capacity?.min(left).min(PIECE);
        out.send_data(piece.slice(..size), false)?;
        left -= size;
        sent.fetch_add(size, Ordering::SeqCst);
    }
    Ok(())
}

/// Waits until `sent` has stopped growing, and says where.
async fn stalled(sent: &AtomicUsize) -> usize {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let before = sent.load(Ordering::SeqCst);
        tokio::time::sleep(STILL).await;
        let now = sent.load(Ordering::SeqCst);
        if now == before && now > 0 {
            return now;
        }
        assert!(std::time::Instant::now() < until, "it never stalls; {now} bytes sent");
    }
}

#[test]
fn a_reader_that_stalls_stalls_the_sender_behind_the_gateway() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let backend = GrpcBackend::streaming(move |request, mut respond| {
        let sent = count.clone();
        async move {
            let mut out = respond.send_response(head(), false).unwrap();
            if request.uri().path() == DOWN {
                let _ = pour(&mut out, &sent).await;
            }
            let _ = out.send_trailers(trailers(0));
        }
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        // A connection window that one stalled stream does not exhaust, as real clients have.
        let stream = TcpStream::connect(stage.gateway.public).await.unwrap();
        let mut settings = h2::client::Builder::new();
        settings.initial_window_size(64 << 10).initial_connection_window_size(4 << 20);
        let (sender, connection) = soon("handshake", settings.handshake::<_, Bytes>(stream)).await.unwrap();
        tokio::spawn(connection);
        let head = |path: &str| {
            let uri = format!("http://{}{path}", stage.gateway.public);
            let request = http::Request::builder().method(Method::POST).uri(uri);
            request.header("content-type", "application/grpc").header("te", "trailers").body(()).unwrap()
        };
        let mut call = crate::stage::begin_on(sender.clone(), head(DOWN)).await;
        call.out.send_data(frame(b""), true).unwrap();
        let mut answer = soon("the head", call.answer).await.unwrap().into_body();
        let at = stalled(&sent).await;
        assert!(at <= BOUND, "{at} bytes were sent to a reader that reads nothing; at most {BOUND} expected");
        // Others on the same connection, through the same upstream connection, are served meanwhile.
        for _ in 0..20 {
            let mut other = crate::stage::begin_on(sender.clone(), head(UNARY)).await;
            other.out.send_data(frame(b""), true).unwrap();
            let mut body = soon("another call", other.answer).await.unwrap().into_body();
            assert!(next(&mut body).await.is_none());
            assert_eq!(soon("trailers", body.trailers()).await.unwrap().unwrap()["grpc-status"], "0");
        }
        assert_eq!(sent.load(Ordering::SeqCst), at, "still stalled");
        // And when it reads again, everything comes.
        let mut read = 0;
        while let Some(piece) = next(&mut answer).await {
            read += piece.unwrap().len();
        }
        assert_eq!(read, ALL);
        assert_eq!(soon("trailers", answer.trailers()).await.unwrap().unwrap()["grpc-status"], "0");
    });
    stage.recorded(DOWN, "OK", 1);
}

#[test]
fn a_service_that_does_not_read_stalls_its_caller() {
    let go = Arc::new(tokio::sync::Notify::new());
    let gate = go.clone();
    let backend = GrpcBackend::streaming(move |request, mut respond| {
        let gate = gate.clone();
        async move {
            let mut read = 0;
            let path = request.uri().path().to_owned();
            let mut body = request.into_body();
            if path == UP {
                gate.notified().await;
            }
            while let Some(Ok(piece)) = next(&mut body).await {
                read += piece.len();
            }
            let mut out = respond.send_response(head(), false).unwrap();
            out.send_data(Bytes::from(read.to_string()), false).unwrap();
            let _ = out.send_trailers(trailers(0));
        }
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        let mut call = begin(&client, UP, &[]).await;
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        let pouring = tokio::spawn(async move {
            pour(&mut call.out, &counted).await.unwrap();
            call.out.send_data(Bytes::new(), true).unwrap();
        });
        let at = stalled(&sent).await;
        assert!(
            at <= BOUND,
            "{at} bytes were taken for a service that reads nothing; at most {BOUND} expected"
        );
        // Others with the same connection to the gateway are served: what they send is not stuck behind it. (Calls with a
        // body to the same instance share the window that the instance itself gave the connection; that is its to set.)
        for _ in 0..20 {
            let reply = client.call(Method::GET, "/errors/OK", &[], None).await.unwrap();
            assert_eq!(reply.status, 200);
        }
        assert_eq!(sent.load(Ordering::SeqCst), at, "still stalled");
        go.notify_one();
        let answer = soon("the answer", call.answer).await.unwrap();
        let reply = soon("the whole answer", tenet_tests::h2c::collect(answer)).await.unwrap();
        soon("the sender", pouring).await.unwrap();
        assert_eq!((reply.grpc_status(), String::from_utf8_lossy(&reply.body).parse()), (Some(0), Ok(ALL)));
    });
    stage.recorded(UP, "OK", 1);
}

/// Both directions at once, message by message, far beyond every window: neither waits for the other's end.
#[test]
fn both_directions_flow_at_once() {
    let backend = GrpcBackend::streaming(|request, mut respond| async move {
        let mut body = request.into_body();
        let mut out = respond.send_response(head(), false).unwrap();
        while let Some(Ok(piece)) = next(&mut body).await {
            let mut rest = piece;
            while !rest.is_empty() {
                out.reserve_capacity(rest.len());
                let Some(Ok(capacity)) = poll_fn(|cx| out.poll_capacity(cx)).await else { return };
                out.send_data(rest.split_to(capacity.min(rest.len())), false).unwrap();
            }
        }
        let _ = out.send_trailers(trailers(0));
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        let mut call = begin(&client, BOTH, &[]).await;
        let sent = Arc::new(AtomicUsize::new(0));
        let pouring = tokio::spawn(async move {
            pour(&mut call.out, &sent).await.unwrap();
            call.out.send_data(Bytes::new(), true).unwrap();
        });
        let answer = soon("the head", call.answer).await.unwrap();
        let reply = soon("everything back", tenet_tests::h2c::collect(answer)).await.unwrap();
        soon("the sender", pouring).await.unwrap();
        assert_eq!((reply.body.len(), reply.grpc_status()), (ALL, Some(0)));
    });
}
