//! What a service answers arrives as it was sent: status, message, details, metadata, compressed messages. What is no
//! answer never looks like one.

use crate::stage::{BOTH, DOWN, Stage, UNARY, UP};
use std::collections::BTreeMap;
use tenet_tests::h2c::{H2, frame};
use tenet_tests::{Answer, GrpcBackend};

/// Base64 without padding, as gRPC libraries send it; nobody on the way may normalise it.
const DETAILS: &str = "CAUSBWdvbmUhGi0KK3R5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5FcnJvckluZm8";

#[test]
fn every_status_passes_unchanged() {
    let backend = GrpcBackend::start(|call| {
        let asked = |name: &str| call.header(name).map(str::to_owned);
        let status = asked("x-want").unwrap();
        let mut answer = match asked("x-form").as_deref() {
            Some("trailers-only") => Answer::grpc_failure(status.parse().unwrap(), "50%25 gone%0A"),
            _ => {
                let mut answer = Answer::grpc(b"\x0a\x01a");
                answer.trailers =
                    vec![("grpc-status".into(), status), ("grpc-message".into(), "50%25 gone%0A".into())];
                answer
            }
        };
        let end = if answer.trailers.is_empty() { &mut answer.headers } else { &mut answer.trailers };
        end.extend([
            ("grpc-status-details-bin".to_owned(), DETAILS.to_owned()),
            ("x-end".to_owned(), "last".to_owned()),
            ("x-bytes-bin".to_owned(), "AAEC/w".to_owned()),
        ]);
        answer.header("x-begin", "first")
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rows = 0;
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        for path in [UNARY, DOWN, UP, BOTH] {
            for form in ["trailers-only", "after a message"] {
                for status in (1..=16).chain([99]) {
                    let text = status.to_string();
                    let reply = client.grpc(path, &[("x-want", &text), ("x-form", form)], b"").await.unwrap();
                    let row = format!("{path} {form} {status}: {reply:?}");
                    assert_eq!((reply.status, reply.grpc_status()), (200, Some(status)), "{row}");
                    assert_eq!(reply.grpc_message().as_deref(), Some("50%25 gone%0A"), "{row}");
                    assert_eq!(reply.header("x-begin"), Some("first"), "{row}");
                    let end = if form == "trailers-only" { &reply.headers } else { &reply.trailers };
                    let at = |name: &str| end.get(name).and_then(|value| value.to_str().ok());
                    assert_eq!(at("grpc-status-details-bin"), Some(DETAILS), "{row}");
                    assert_eq!((at("x-end"), at("x-bytes-bin")), (Some("last"), Some("AAEC/w")), "{row}");
                    assert_eq!(reply.messages().len(), usize::from(form != "trailers-only"), "{row}");
                    rows += 1;
                }
            }
        }
    });
    assert_eq!(stage.backend.calls().len(), rows);
    // One record each, under the code the service gave; a number nobody knows is UNKNOWN.
    for path in [UNARY, DOWN, UP, BOTH] {
        for (code, count) in [("NOT_FOUND", 2), ("CANCELLED", 2), ("DATA_LOSS", 2), ("UNKNOWN", 4)] {
            stage.recorded(path, code, count);
        }
    }
}

#[test]
fn metadata_and_messages_pass_as_they_are() {
    let backend = GrpcBackend::start(|call| Answer {
        body: vec![call.body.clone()],
        ..Answer::grpc(b"").header("grpc-encoding", "gzip")
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        // A compressed message, an empty one, and one that is no protobuf of any kind.
        let body = [&b"\x01\0\0\0\x04gzip"[..], &frame(b""), &frame(b"\xff\xff\xff")].concat();
        let headers = [
            ("content-type", "application/grpc+proto"),
            ("te", "trailers"),
            ("grpc-encoding", "gzip"),
            ("grpc-accept-encoding", "identity,gzip"),
            ("user-agent", "grpc-test/1"),
            ("x-twice", "1"),
            ("x-twice", "2"),
            ("x-raw-bin", "AAEC/w"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("baggage", "k=v"),
        ];
        let reply = client.call(http::Method::POST, BOTH, &headers, Some(body.clone().into())).await.unwrap();
        assert_eq!((reply.grpc_status(), &reply.body[..]), (Some(0), &body[..]));
        assert_eq!(reply.header("grpc-encoding"), Some("gzip"));
    });
    let call = &stage.backend.calls()[0];
    for (name, value) in [
        ("content-type", "application/grpc+proto"),
        ("te", "trailers"),
        ("grpc-encoding", "gzip"),
        ("grpc-accept-encoding", "identity,gzip"),
        ("user-agent", "grpc-test/1"),
        ("x-raw-bin", "AAEC/w"),
    ] {
        assert_eq!(call.header(name), Some(value), "{name}");
    }
    // What rides along goes on, and with it what the call tree may spend on repetitions.
    assert!(call.header("baggage").unwrap().starts_with("k=v,tenet-allowance="));
    let twice: Vec<_> = call.headers.get_all("x-twice").iter().collect();
    assert_eq!(twice, ["1", "2"]);
    let trace = call.header("traceparent").unwrap();
    assert!(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{trace}");
    assert!(call.header("x-request-id").is_some());
}

#[test]
fn what_is_no_answer_is_never_ok() {
    let backend = GrpcBackend::start(|call| {
        let ok = || Answer::grpc(b"\x0a\x01a");
        match call.header("x-want").unwrap() {
            "503" => Answer::http(503, "busy").header("content-type", "text/plain"),
            "404" => Answer::http(404, "no"),
            "html" => Answer::http(200, "<html>").header("content-type", "text/html"),
            "no status" => Answer { trailers: vec![("x-end".into(), "1".into())], ..ok() },
            "no trailers" => Answer { trailers: Vec::new(), ..ok() },
            "word" => Answer { trailers: vec![("grpc-status".into(), "ok".into())], ..ok() },
            "cut" => ok().aborted(),
            other => panic!("{other}"),
        }
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcomes: BTreeMap<_, _> = runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        let mut outcomes = BTreeMap::new();
        for want in ["503", "404", "html", "no status", "no trailers", "word", "cut"] {
            let outcome = client.grpc(UNARY, &[("x-want", want)], b"").await;
            outcomes.insert(want, outcome.map(|reply| reply.grpc_status()).map_err(|error| error.reason()));
        }
        outcomes
    });
    // The mapping of HTTP statuses is gRPC's own; a cut stream is a reset or a status, never a good end.
    assert_eq!((outcomes["503"], outcomes["404"]), (Ok(Some(14)), Ok(Some(12))), "{outcomes:?}");
    for (want, outcome) in &outcomes {
        // Without a status the caller's library makes up one that is not OK (gRPC over HTTP/2, Responses).
        assert!(!matches!(outcome, Ok(Some(0))), "{want}: {outcome:?}");
    }
    assert_eq!(stage.gateway.metric("tenet_requests_total", &["code=\"OK\""]), 0.0);
}

#[test]
fn what_the_gateway_refuses_is_a_status_too() {
    let stage = Stage::open(
        GrpcBackend::start(|call| Answer::grpc(&call.message())),
        "authorities = [\"127.0.0.1\"]",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        for (path, headers, expected) in [
            ("/calls.v1.Calls/Nothing", &[][..], 12),
            ("/no.Such/Method", &[], 12),
            ("/calls.v1.Calls", &[], 12),
            (UNARY, &[("grpc-timeout", "soon")], 3),
            (UNARY, &[("grpc-timeout", "123456789S")], 3),
        ] {
            let reply = client.grpc(path, headers, b"").await.unwrap();
            let row = format!("{path} {headers:?}: {reply:?}");
            assert_eq!((reply.status, reply.grpc_status()), (200, Some(expected)), "{row}");
            assert_eq!(reply.header("content-type"), Some("application/grpc"), "{row}");
            assert!(reply.header("x-request-id").is_some() && reply.grpc_message().is_some(), "{row}");
        }
    });
    let none = tenet_tests::http1::call(
        stage.gateway.public,
        "POST",
        UNARY,
        &[("content-type", "application/grpc")],
        b"\0\0\0\0\0",
    );
    assert!(none.status >= 400, "gRPC needs HTTP/2: {none:?}");
}
