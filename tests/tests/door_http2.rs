//! HTTP/2 and gRPC through the public door with a real client: REST and gRPC on one port, all kinds of streaming, flow control end
//! to end, cancellation, deadlines, drain.

use bytes::Bytes;
use h2::Reason;
use http::Method;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenet_tests::h2c::{H2, frame};
use tenet_tests::{Answer, Door, GrpcBackend, PATIENCE, door, eventually, raw};
use tokio::time::timeout;

const JSON: (&str, &str) = ("content-type", "application/json");
const GRPC: [(&str, &str); 2] = [("content-type", "application/grpc"), ("te", "trailers")];

/// Header fields of a row.
type Fields = &'static [(&'static str, &'static str)];

/// `Words { name }` on the wire.
fn words(name: &str) -> Vec<u8> {
    let mut out = vec![0x0a, u8::try_from(name.len()).expect("a short name")];
    out.extend(name.bytes());
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_over_http2_ends_as_over_http1() {
    let mut door = Door::open("authorities = [\"127.0.0.1\"]\n[gateway.limits]\nbody = \"1KiB\"");
    let client = H2::connect(door.gateway.public).await;
    type Row = (Method, &'static str, Fields, Option<&'static [u8]>, u16, &'static str);
    let rows: [Row; 15] = [
        (Method::GET, "/v1/echo/a?text=b", &[], None, 200, "OK"),
        (Method::POST, "/v1/echo", &[JSON], Some(b"{\"name\":\"a\"}"), 200, "OK"),
        (Method::HEAD, "/v1/echo/a", &[], None, 200, "OK"),
        (Method::OPTIONS, "/v1/echo/a", &[], None, 204, "OK"),
        (Method::POST, "/plain/a", &[], Some(b"hello"), 200, "OK"),
        (Method::POST, "/plain2/a", &[], Some(b"hello"), 200, "OK"),
        (Method::GET, "/v1/nowhere", &[], None, 404, "ROUTE_NOT_FOUND"),
        (Method::GET, "/v1/inner", &[], None, 404, "ROUTE_NOT_FOUND"),
        (Method::POST, "/v1/chat", &[JSON], Some(b"{}"), 501, "STREAMING_NOT_MAPPED"),
        (Method::DELETE, "/v1/echo/a", &[], None, 405, "METHOD_NOT_ALLOWED"),
        (Method::GET, "/v1/echo/a", &[("accept", "text/html")], None, 406, "NOT_ACCEPTABLE"),
        (
            Method::POST,
            "/v1/echo",
            &[("content-type", "text/plain")],
            Some(b"{}"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (Method::POST, "/v1/echo", &[JSON], Some(&[b' '; 2000]), 413, "BODY_TOO_LARGE"),
        (Method::GET, "/v1/impatient", &[], None, 504, "GATEWAY_DEADLINE_EXCEEDED"),
        (Method::GET, "/v1/echo/a", &[("expect", "tea")], None, 417, "EXPECTATION_FAILED"),
    ];
    for (method, path, fields, body, status, code) in rows {
        let what = format!("{method} {path} {fields:?}");
        let reply = client.call(method, path, fields, body.map(Bytes::copy_from_slice)).await;
        let reply = reply.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(reply.status, status, "{what}: {reply:?}");
        if code != "OK" {
            let problem: serde_json::Value = serde_json::from_slice(&reply.body).expect("a problem");
            assert_eq!(problem["code"], code, "{what}");
            assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"), "{what}");
        }
        assert_eq!(reply.header("connection"), None, "{what}: RFC 9113 §8.2.2");
        door.ledger.expect(code);
    }
    let elsewhere = http::Request::get("http://other.test/v1/echo/a").body(()).expect("a request");
    let (answer, _) =
        client.sender().ready().await.expect("ready").send_request(elsewhere, true).expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), 421);
    door.ledger.expect("MISDIRECTED_REQUEST");
    door.settle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_calls_are_answered_in_grpc() {
    let mut door = Door::open("");
    let client = H2::connect(door.gateway.public).await;
    let rows: [(&str, Fields, u32, &str); 8] = [
        ("/door.v1.Echo/Get", &[], 0, "OK"),
        ("/door.v1.Echo/Lost", &[], 5, "NOT_FOUND"),
        ("/door.v1.Echo/Nothing", &[], 12, "ROUTE_NOT_FOUND"),
        ("/nobody.v1.Nothing/Get", &[], 12, "ROUTE_NOT_FOUND"),
        ("/door.v1.Echo/Hidden", &[], 12, "ROUTE_NOT_FOUND"),
        ("/door.v1.Inner/Get", &[], 12, "ROUTE_NOT_FOUND"),
        ("/door.v1.Echo/Impatient", &[], 4, "GATEWAY_DEADLINE_EXCEEDED"),
        ("/door.v1.Echo/Slow", &[("grpc-timeout", "50m")], 4, "GATEWAY_DEADLINE_EXCEEDED"),
    ];
    for (path, fields, status, code) in rows {
        let reply = client.grpc(path, fields, &words("abc")).await.unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!((reply.status, reply.grpc_status()), (200, Some(status)), "{path}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/grpc"), "{path}");
        assert!(reply.header("x-request-id").is_some(), "{path}");
        match status {
            0 => assert_eq!(reply.messages(), [Bytes::from(words("abc"))], "{path}"),
            _ => assert!(reply.grpc_message().is_some_and(|text| !text.is_empty()), "{path}: {reply:?}"),
        }
        if code.contains('_') && code != "NOT_FOUND" {
            let all = reply
                .trailers
                .get("grpc-status-details-bin")
                .or(reply.headers.get("grpc-status-details-bin"));
            assert!(all.is_some(), "{path}: our own failures say their code: {reply:?}");
        }
        door.ledger.expect(code);
    }
    door.settle();
}

/// A service that answers each message of a stream as it comes, and remembers how its streams ended.
fn chatting(ends: &Arc<Mutex<Vec<String>>>) -> GrpcBackend {
    let ends = ends.clone();
    GrpcBackend::streaming(move |request, mut respond| {
        let ends = ends.clone();
        async move {
            let mut incoming = request.into_body();
            let head = http::Response::builder()
                .header("content-type", "application/grpc")
                .body(())
                .expect("a head");
            let Ok(mut out) = respond.send_response(head, false) else { return };
            let end = loop {
                match incoming.data().await {
                    Some(Ok(data)) => {
                        let _ = incoming.flow_control().release_capacity(data.len());
                        let _ = out.send_data(data, false);
                    }
                    Some(Err(error)) => break format!("reset {:?}", error.reason()),
                    None => break "end".to_owned(),
                }
            };
            ends.lock().expect("not poisoned").push(end);
            let trailers = http::HeaderMap::from_iter([
                (http::HeaderName::from_static("grpc-status"), http::HeaderValue::from_static("0")),
                (http::HeaderName::from_static("x-last"), http::HeaderValue::from_static("words")),
            ]);
            let _ = out.send_trailers(trailers);
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_stream_both_ways_as_they_come() {
    let ends = Arc::default();
    let mut door = Door::over(chatting(&ends), "", &[]);
    let client = H2::connect(door.gateway.public).await;
    let request = client.request(&Method::POST, "/door.v1.Echo/Chat", &GRPC);
    let (answer, mut send) =
        client.sender().ready().await.expect("ready").send_request(request, false).expect("sent");
    let mut receive =
        timeout(PATIENCE, answer).await.expect("a head before any message").expect("a head").into_body();
    for round in 0..10 {
        let message = frame(&words(&format!("round {round}")));
        send.send_data(message.clone(), false).expect("sent");
        // The answer to this message comes while the request goes on.
        let mut heard = Vec::new();
        while heard.len() < message.len() {
            let data =
                timeout(PATIENCE, receive.data()).await.expect("an answer").expect("data").expect("whole");
            receive.flow_control().release_capacity(data.len()).expect("released");
            heard.extend_from_slice(&data);
        }
        assert_eq!(heard, message, "round {round}");
    }
    send.send_data(Bytes::new(), true).expect("sent");
    assert!(timeout(PATIENCE, receive.data()).await.expect("the end").is_none());
    let trailers = receive.trailers().await.expect("trailers").expect("some");
    assert_eq!(trailers.get("grpc-status").map(|v| v.as_bytes()), Some(&b"0"[..]));
    assert_eq!(trailers.get("x-last").map(|v| v.as_bytes()), Some(&b"words"[..]));
    assert_eq!(*ends.lock().expect("not poisoned"), ["end"]);
    door.ledger.expect("OK");
    door.settle();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_a_reset_at_once_all_the_way() {
    let ends = Arc::default();
    let mut door = Door::over(chatting(&ends), "", &[]);
    let client = H2::connect(door.gateway.public).await;
    let request = client.request(&Method::POST, "/door.v1.Echo/Chat", &GRPC);
    let (answer, mut send) =
        client.sender().ready().await.expect("ready").send_request(request, false).expect("sent");
    send.send_data(frame(&words("first")), false).expect("sent");
    let _head = timeout(PATIENCE, answer).await.expect("a head").expect("a head");
    tokio::time::sleep(Duration::from_millis(200)).await;
    send.send_reset(Reason::CANCEL);
    let ended = || ends.lock().expect("not poisoned").first().cloned();
    let end = eventually("the service to see the reset", ended);
    assert!(end.starts_with("reset"), "{end}");
    door.ledger.expect("CANCELLED");
    // Its neighbours on the connection go on.
    let reply = client.grpc("/door.v1.Echo/Chat", &[], &words("second")).await.expect("an answer");
    assert_eq!(reply.grpc_status(), Some(0));
    door.ledger.expect("OK");
    door.settle();
    let spent = door.gateway.metric("tenet_request_duration_seconds_sum", &["code=\"CANCELLED\""]);
    assert!((0.1..20.0).contains(&spent), "recorded with its time: {spent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_cancels_its_calls() {
    let ends = Arc::default();
    let mut door = Door::over(chatting(&ends), "", &[]);
    let client = H2::connect(door.gateway.public).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let request = client.request(&Method::POST, "/door.v1.Echo/Chat", &GRPC);
        let sent = client.sender().ready().await.expect("ready").send_request(request, false).expect("sent");
        held.push((timeout(PATIENCE, sent.0).await.expect("a head").expect("a head"), sent.1));
    }
    client.abort();
    let all = || (ends.lock().expect("not poisoned").len() == 3).then_some(());
    eventually("the service to see three resets", all);
    door.ledger.expect_many("CANCELLED", 3);
    door.settle();
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_service_stalls_its_caller_within_a_bound() {
    // Takes the call and never reads it.
    let stalled = GrpcBackend::streaming(|request, respond| async move {
        tokio::time::sleep(PATIENCE).await;
        drop((request, respond));
    });
    let window = "[gateway.limits]\nstream_window = \"64KiB\"\nconnection_window = \"256KiB\"";
    let door = Door::over(stalled, window, &[]);
    let client = H2::connect(door.gateway.public).await;
    let request = client.request(&Method::POST, "/door.v1.Echo/Chat", &GRPC);
    let (_answer, mut send) =
        client.sender().ready().await.expect("ready").send_request(request, false).expect("sent");
    let mut taken = 0;
    loop {
        send.reserve_capacity(16 << 10);
        let granted =
            timeout(Duration::from_secs(2), std::future::poll_fn(|cx| send.poll_capacity(cx))).await;
        let Ok(Some(Ok(granted))) = granted else { break };
        send.send_data(Bytes::from(vec![0; granted]), false).expect("sent");
        taken += granted;
        assert!(taken < 4 << 20, "a stalled service takes {taken} bytes and more");
    }
    // Our window, and the service's own of 64 KiB, and what is on the way between them.
    assert!((64 << 10..1 << 20).contains(&taken), "{taken} bytes were taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_caller_stalls_the_service_within_a_bound() {
    // Sends for ever, and counts what it could.
    let sent = Arc::new(AtomicU64::new(0));
    let counted = sent.clone();
    let eager = GrpcBackend::streaming(move |_, mut respond| {
        let counted = counted.clone();
        async move {
            let head = http::Response::builder()
                .header("content-type", "application/grpc")
                .body(())
                .expect("a head");
            let Ok(mut out) = respond.send_response(head, false) else { return };
            loop {
                out.reserve_capacity(16 << 10);
                let Some(Ok(granted)) = std::future::poll_fn(|cx| out.poll_capacity(cx)).await else {
                    return;
                };
                if out.send_data(Bytes::from(vec![0; granted]), false).is_err() {
                    return;
                }
                counted.fetch_add(granted as u64, Ordering::Relaxed);
            }
        }
    });
    let door = Door::over(eager, "", &[]);
    let client = H2::connect(door.gateway.public).await;
    let request = client.request(&Method::POST, "/door.v1.Echo/Chat", &GRPC);
    let (answer, mut send) =
        client.sender().ready().await.expect("ready").send_request(request, false).expect("sent");
    send.send_data(frame(&words("go")), true).expect("sent");
    // Its data is never read: the client's window of 64 KiB is all it gives.
    let held = timeout(PATIENCE, answer).await.expect("a head").expect("a head");
    let mut before = u64::MAX;
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = sent.load(Ordering::Relaxed);
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    let total = sent.load(Ordering::Relaxed);
    assert_eq!(total, before, "it is still sending");
    assert!(total < 4 << 20, "{total} bytes wait for a caller that reads none");
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_left_travels_with_the_call() {
    let mut door = Door::open("deadline = \"9s\"");
    let client = H2::connect(door.gateway.public).await;
    for (asked, most_us) in
        [("", 9_000_000), ("2S", 2_000_000), ("2000m", 2_000_000), ("5000000u", 5_000_000), ("9H", 9_000_000)]
    {
        let fields: Vec<_> = (!asked.is_empty()).then_some(("grpc-timeout", asked)).into_iter().collect();
        let reply = client.grpc("/door.v1.Echo/Get", &fields, &words("a")).await.expect("an answer");
        assert_eq!(reply.grpc_status(), Some(0), "{asked:?}");
        door.ledger.expect("OK");
        let call = door.echo.calls().pop().expect("a call");
        let left = micros(call.header("grpc-timeout").unwrap_or_default());
        assert!(
            left.is_some_and(|left| left <= most_us && left > most_us / 2),
            "{asked:?}: {left:?} of {most_us}"
        );
    }
    // The contract promised a tenth of a second: a caller may ask for less, not more.
    let reply = client
        .grpc("/door.v1.Echo/Impatient", &[("grpc-timeout", "5S")], &words("a"))
        .await
        .expect("an answer");
    assert_eq!(reply.grpc_status(), Some(4));
    door.ledger.expect("GATEWAY_DEADLINE_EXCEEDED");
    door.settle();
}

/// A `grpc-timeout` in microseconds.
fn micros(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    Some(match unit {
        'H' => number * 3_600_000_000,
        'M' => number * 60_000_000,
        'S' => number * 1_000_000,
        'm' => number * 1000,
        'u' => number,
        'n' => number / 1000,
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_breaks_off_is_a_failure_and_never_a_success() {
    let broken = GrpcBackend::start(|call| match call.path.rsplit('/').next() {
        Some("Get") => Answer::grpc(&call.message()).aborted(),
        // An end without a status is no success (gRPC over HTTP/2, Responses).
        Some("Post") => Answer { trailers: Vec::new(), ..Answer::grpc(&call.message()) },
        _ => door::echo(call),
    });
    let mut door = Door::over(broken, "", &[]);
    let client = H2::connect(door.gateway.public).await;
    for (path, fields, body) in [("/v1/echo/a", &[][..], None), ("/v1/echo", &[JSON][..], Some("{}"))] {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let reply = client.call(method, path, fields, body.map(Bytes::from)).await.expect("an answer");
        let problem: serde_json::Value = serde_json::from_slice(&reply.body).expect("a problem");
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        assert!(reply.status >= 500, "{path}: {}", reply.status);
        assert!(
            matches!(code.as_str(), "CONNECTION_LOST" | "UPSTREAM_PROTOCOL_ERROR" | "INTERNAL" | "UNKNOWN"),
            "{path}: {code}"
        );
        door.ledger.expect(&code);
    }
    let reply = client.grpc("/door.v1.Echo/Post", &[], &words("a")).await.expect("an answer");
    assert!(reply.grpc_status().is_some_and(|status| status != 0), "{reply:?}");
    let recorded = tenet_tests::ledger::recorded(&door.gateway.metrics());
    assert_eq!(recorded.get("OK"), None, "nothing succeeded: {recorded:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_what_runs_end_and_takes_nothing_new() {
    let mut door = Door::open("drain = \"20s\"");
    let client = H2::connect(door.gateway.public).await;
    let running = client.call(Method::GET, "/plain/a", &[("x-want-delay-ms", "1500")], None);
    let stop = async {
        eventually("the call to be in flight", || (door.gateway.status()["in_flight"] == 1).then_some(()));
        door.gateway.process.signal(nix::sys::signal::Signal::SIGTERM);
    };
    let (reply, ()) = tokio::join!(running, stop);
    assert_eq!(reply.expect("what ran has ended").status, 200);
    // GOAWAY without an error: the connection ends by itself.
    client.closed().await.expect("closed in peace");
    assert!(door.gateway.process.wait().success(), "{:?}", door.gateway.process.output());
}

#[test]
fn a_drain_tells_http1_callers_to_close() {
    let mut door = Door::open("drain = \"20s\"");
    let mut idle = tenet_tests::http1::Connection::open(door.gateway.public);
    let mut busy = tenet_tests::http1::Connection::open(door.gateway.public);
    idle.send(b"GET /v1/echo/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert_eq!(idle.receive(false, PATIENCE).map(|a| a.status), Some(200));
    busy.send(b"GET /plain/a HTTP/1.1\r\nHost: x\r\nX-Want-Delay-Ms: 1500\r\n\r\n").expect("sent");
    eventually("the call to be in flight", || (door.gateway.status()["in_flight"] == 1).then_some(()));
    door.gateway.process.signal(nix::sys::signal::Signal::SIGTERM);
    let answer = busy.receive(false, PATIENCE).expect("what ran has ended");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(busy.closes_within(PATIENCE) && idle.closes_within(PATIENCE));
    assert!(door.gateway.process.wait().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_protocols_share_the_port() {
    let mut door = Door::open("");
    let client = H2::connect(door.gateway.public).await;
    assert_eq!(client.call(Method::GET, "/v1/echo/a", &[], None).await.expect("an answer").status, 200);
    // The preface may come in pieces, and what only begins like it is HTTP/1.1's to refuse.
    let heard = raw::send_slowly(
        door.gateway.public,
        &[b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n", b"\r\n\0\0\0\x04\0\0\0\0\0"],
        Duration::from_millis(20),
        Duration::from_millis(500),
    );
    assert_eq!(heard.bytes.get(3), Some(&4), "SETTINGS: {heard:?}");
    let heard = raw::send(door.gateway.public, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", PATIENCE);
    assert!(heard.closed && heard.text().starts_with("HTTP/1.1 "), "{}", heard.text());
    let status = heard.responses()[0].status;
    assert!(matches!(status, 400 | 501 | 505), "{status}");
    let code = heard.responses()[0].json()["code"].as_str().unwrap_or_default().to_owned();
    door.ledger.expect("OK");
    door.ledger.expect(&code);
    door.settle();
}
