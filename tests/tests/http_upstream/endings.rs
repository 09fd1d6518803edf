//! How exchanges end early: a service that dies in its answer is never taken for whole, a caller that leaves is told to
//! the service, and a connection that the service has closed is not used again.

use crate::stage::{RawBackend, Stage, nobody, read_body, read_head};
use bytes::Bytes;
use http::Method;
use std::io::{BufReader, Read, Write};
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use tenet_tests::h2c::H2;
use tenet_tests::{GrpcBackend, PATIENCE, http1, raw};

#[test]
fn a_service_that_dies_in_its_answer_is_not_taken_for_whole() {
    let one = RawBackend::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let Some(head) = read_head(&mut BufReader::new(stream)) else { return };
        let framed = match head[0].split(' ').nth(1).unwrap() {
            "/one/length" => "content-length: 100\r\n\r\nhello",
            "/one/chunked" => "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "/one/in-a-chunk" => "transfer-encoding: chunked\r\n\r\n64\r\nhello",
            "/one/before-the-end" => "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "/one/bad-chunk" => "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
            other => panic!("{other}"),
        };
        let _ = write!(out, "HTTP/1.1 200 OK\r\n{framed}");
    });
    let two = GrpcBackend::streaming(|_request, mut respond| async move {
        let Ok(mut out) = respond.send_response(http::Response::new(()), false) else { return };
        let _ = out.send_data(Bytes::from_static(b"hello"), false);
        tokio::time::sleep(Duration::from_millis(50)).await;
        out.send_reset(h2::Reason::INTERNAL_ERROR);
    });
    let stage = Stage::open(&one, Some(two), "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let paths =
        ["/one/length", "/one/chunked", "/one/in-a-chunk", "/one/before-the-end", "/one/bad-chunk", "/two"];
    for path in paths {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        let heard = raw::send(stage.gateway.public, request.as_bytes(), PATIENCE);
        assert!(heard.closed, "{path}: the connection cannot go on: {}", heard.text());
        match http1::parse(&heard.bytes, false, true) {
            // The head had not been passed on yet: then the caller is told plainly.
            Ok(Some((answer, _))) => assert_eq!(answer.status, 502, "{path}: {}", heard.text()),
            // Or it breaks off, at the latest where the service did.
            Ok(None) => assert!(
                heard.bytes.is_empty() || heard.text().starts_with("HTTP/1.1 200 "),
                "{path}: {}",
                heard.text()
            ),
            Err(what) => panic!("{path}: {what}: {}", heard.text()),
        }
        runtime.block_on(async {
            let client = H2::connect(stage.gateway.public).await;
            match client.call(Method::GET, path, &[], None).await {
                Ok(reply) => assert_eq!(reply.status, 502, "{path}: {reply:?}"),
                Err(error) => assert!(error.is_reset(), "{path}: {error}"),
            }
            // The stream alone is lost, not the connection.
            assert_eq!(
                client.call(Method::GET, "/errors/OK", &[], None).await.unwrap().status,
                200,
                "{path}"
            );
        });
    }
    stage.recorded("OK", u32::try_from(paths.len()).unwrap());
    let lost = |code: &str| stage.gateway.metric("tenet_requests_total", &[&format!("code=\"{code}\"")]);
    let both = tenet_tests::eventually("every broken answer to be recorded", || {
        let both = lost("CONNECTION_LOST") + lost("UPSTREAM_PROTOCOL_ERROR");
        (both >= 12.0).then_some(both)
    });
    assert!((both - 12.0).abs() < f64::EPSILON, "{both} recorded");
}

#[test]
fn a_service_that_is_not_there_is_unavailable_at_once() {
    let stage = Stage::at(nobody(), None, "");
    for (method, body) in [("GET", &b""[..]), ("POST", b"x")] {
        for path in ["/one", "/two"] {
            let answer = http1::call(stage.gateway.public, method, path, &[], body);
            assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text());
            let json = answer.json();
            let code = json["code"].as_str().unwrap();
            // The first finds out; whoever comes while it is known finds no instance.
            assert!(["CONNECT_FAILED", "NO_INSTANCE"].contains(&code), "{method} {path}: {json}");
            assert_eq!(json["retry"], "safe", "{json}");
        }
    }
}

#[test]
fn a_caller_that_leaves_is_told_to_the_service() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let one = RawBackend::start(move |stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        let Some(head) = read_head(&mut stream) else { return };
        let tell = tell.lock().unwrap().clone();
        let what = head[0].split(' ').nth(1).unwrap().to_owned();
        if what == "/one/up" {
            let whole = read_body(&mut stream, &head, |_| drop(tell.send("piece".to_owned())));
            let _ = tell.send(format!("{what} {}", whole.is_some()));
            return;
        }
        if what == "/one/down" {
            let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello");
        }
        let _ = tell.send("piece".to_owned());
        // Nothing more is sent to us: the end is the gateway's closing.
        let end = stream.read(&mut [0; 1]);
        let _ = tell.send(format!("{what} {}", matches!(end, Ok(1..))));
    });
    let stage = Stage::open(&one, None, "");
    let heard = || told.recv_timeout(PATIENCE).unwrap();
    for (path, head) in [
        ("/one/up", "POST /one/up HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhello"),
        ("/one/down", "GET /one/down HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("/one/wait", "GET /one/wait HTTP/1.1\r\nhost: x\r\n\r\n"),
    ] {
        let mut stream = raw::connect(stage.gateway.public);
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(heard(), "piece", "{path}");
        drop(stream);
        assert_eq!(heard(), format!("{path} false"));

        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let client = H2::connect(stage.gateway.public).await;
            let method = if path == "/one/up" { Method::POST } else { Method::GET };
            let request = client.request(&method, path, &[]);
            let up = path == "/one/up";
            let (answer, mut out) =
                client.sender().ready().await.unwrap().send_request(request, !up).unwrap();
            if up {
                out.send_data(Bytes::from_static(b"hello"), false).unwrap();
            }
            assert_eq!(heard(), "piece", "{path}");
            out.send_reset(h2::Reason::CANCEL);
            drop(answer);
            assert_eq!(heard(), format!("{path} false"));
        });
    }
    stage.recorded("CANCELLED", 6);
}

/// A service may close a kept connection whenever it is idle; what comes next must not pay for it.
#[test]
fn a_connection_the_service_closed_is_not_used_again() {
    let (tell, closed) = mpsc::channel();
    let tell = Mutex::new(tell);
    let one = RawBackend::start(move |stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        let Some(head) = read_head(&mut stream) else { return };
        let _ = read_body(&mut stream, &head, |_| {});
        let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
        drop((out, stream));
        let _ = tell.lock().unwrap().send(());
    });
    let stage = Stage::open(&one, None, "");
    for round in 0..30 {
        let (method, body) = if round % 2 == 0 { ("GET", &b""[..]) } else { ("POST", &b"x"[..]) };
        let answer = http1::call(stage.gateway.public, method, "/one", &[], body);
        assert_eq!((answer.status, answer.text().as_str()), (200, "hi"), "{method} {round}");
        closed.recv_timeout(PATIENCE).unwrap();
        // The news must travel; nobody can know of a closing that has not arrived.
        std::thread::sleep(Duration::from_millis(50));
    }
    stage.recorded("OK", 30);
}

#[test]
fn a_route_has_its_own_deadline_for_the_head() {
    let one = RawBackend::start(|stream| {
        let mut out = stream.try_clone().unwrap();
        let mut stream = BufReader::new(stream);
        let Some(head) = read_head(&mut stream) else { return };
        if head[0].contains("/late") {
            std::thread::sleep(Duration::from_secs(2));
        }
        let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
        // The deadline is for the head: the body may take its time.
        std::thread::sleep(Duration::from_millis(600));
        let _ = write!(out, "there");
    });
    let stage = Stage::open(&one, None, "");
    let late = http1::get(stage.gateway.public, "/soon/late");
    tenet_tests::door::check_problem("/soon/late", &late, 504, "GATEWAY_DEADLINE_EXCEEDED");
    assert_eq!(http1::get(stage.gateway.public, "/soon/enough").text(), "hellothere");
}
