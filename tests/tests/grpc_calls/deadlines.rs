//! Deadlines: the smallest of contract, settings and caller holds, is enforced, and what is left of it goes on.

use crate::stage::{BOTH, DOWN, QUICK, Stage, UNARY, head, next, soon};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tenet_tests::h2c::{H2, frame};
use tenet_tests::{Answer, GrpcBackend, PATIENCE, http1};

/// What `grpc-timeout` says (gRPC over HTTP/2).
fn read(value: &str) -> Duration {
    let (digits, unit) = value.split_at(value.len() - 1);
    let number: u64 = digits.parse().unwrap_or_else(|_| panic!("{value}"));
    assert!(digits.len() <= 8, "{value}");
    match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => panic!("{value}"),
    }
}

#[test]
fn the_smallest_deadline_goes_on_with_what_is_left_of_it() {
    let backend = GrpcBackend::start(|call| Answer::grpc(&call.message()));
    let stage = Stage::open(backend, "deadline = \"15s\"\nmax_deadline = \"60s\"");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Path, the caller's own, and the most that may be left.
    let rows = [
        (UNARY, None, Some(15_000)),
        (UNARY, Some("5S"), Some(5_000)),
        (UNARY, Some("20S"), Some(15_000)),
        (UNARY, Some("100H"), Some(15_000)),
        (QUICK, None, Some(250)),
        (QUICK, Some("10S"), Some(250)),
        (QUICK, Some("200m"), Some(200)),
        (QUICK, Some("200000u"), Some(200)),
        (DOWN, Some("30S"), Some(30_000)),
        (BOTH, Some("30S"), Some(30_000)),
        (BOTH, Some("99999999H"), Some(60_000)),
        // A stream without a deadline has none: it may last.
        (BOTH, None, None),
    ];
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        for (path, own, most) in rows {
            let headers: Vec<_> = own.iter().map(|own| ("grpc-timeout", *own)).collect();
            let begun = Instant::now();
            let reply = client.grpc(path, &headers, b"\x0a\x01a").await.unwrap();
            let took = begun.elapsed();
            let row = format!("{path} {own:?}");
            assert_eq!(reply.grpc_status(), Some(0), "{row}: {reply:?}");
            let call = stage.backend.calls().pop().unwrap();
            let left = call.header("grpc-timeout").map(read);
            let most = most.map(Duration::from_millis);
            assert!(left <= most && left.is_some() == most.is_some(), "{row}: {left:?} is left of {most:?}");
            // No less than what cannot have been spent on the way.
            let least = most.map(|most| most.saturating_sub(took));
            assert!(left >= least, "{row}: {left:?} is left of {most:?} after at most {took:?}");
        }
    });
    // REST callers have the same deadlines.
    for (path, headers, most) in
        [("/v1/quick", &[][..], 250), ("/v1/unary", &[("grpc-timeout", "2S")], 2_000)]
    {
        assert_eq!(http1::call(stage.gateway.public, "GET", path, headers, b"").status, 200);
        let call = stage.backend.calls().pop().unwrap();
        assert!(read(call.header("grpc-timeout").unwrap()) <= Duration::from_millis(most), "{path}");
    }
}

#[test]
fn a_call_ends_at_its_deadline_on_both_sides() {
    let (tell, ends) = mpsc::channel();
    let backend = GrpcBackend::streaming(move |request, mut respond| {
        let tell = tell.clone();
        async move {
            let path = request.uri().path().to_owned();
            let late = request.headers().contains_key("x-late");
            if late {
                let mut out = respond.send_response(head(), false).unwrap();
                out.send_data(frame(b"\x0a\x01a"), false).unwrap();
                let ended =
                    tokio::time::timeout(PATIENCE, std::future::poll_fn(|cx| out.poll_reset(cx))).await;
                tell.send((path, matches!(ended, Ok(Ok(_))))).unwrap();
            } else {
                let ended =
                    tokio::time::timeout(PATIENCE, std::future::poll_fn(|cx| respond.poll_reset(cx))).await;
                tell.send((path, matches!(ended, Ok(Ok(_))))).unwrap();
            }
        }
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let heard = |path: &str| {
        assert_eq!(ends.recv_timeout(PATIENCE).unwrap(), (path.to_owned(), true), "the service is told");
    };
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        for (path, headers) in [
            (QUICK, &[][..]),
            (QUICK, &[("grpc-timeout", "20S")]),
            (UNARY, &[("grpc-timeout", "100m")]),
            (DOWN, &[("grpc-timeout", "100m")]),
        ] {
            let reply = client.grpc(path, headers, b"").await.unwrap();
            assert_eq!((reply.status, reply.grpc_status()), (200, Some(4)), "{path} {headers:?}: {reply:?}");
            heard(path);
        }
        // Between two messages of a stream that has begun: what came before is delivered, then the status.
        let begun = Instant::now();
        let reply = client.grpc(DOWN, &[("grpc-timeout", "300m"), ("x-late", "1")], b"").await.unwrap();
        assert_eq!((reply.messages().len(), reply.grpc_status()), (1, Some(4)), "{reply:?}");
        assert!(begun.elapsed() >= Duration::from_millis(300));
        heard(DOWN);
    });
    stage.recorded(QUICK, "GATEWAY_DEADLINE_EXCEEDED", 2);
    stage.recorded(UNARY, "GATEWAY_DEADLINE_EXCEEDED", 1);
    stage.recorded(DOWN, "GATEWAY_DEADLINE_EXCEEDED", 2);
    let problem = http1::call(stage.gateway.public, "GET", "/v1/quick", &[], b"");
    tenet_tests::door::check_problem("/v1/quick", &problem, 504, "GATEWAY_DEADLINE_EXCEEDED");
    heard(QUICK);
}

/// A stream whose caller gave no deadline outlives the deadline of unary calls.
#[test]
fn a_stream_without_a_deadline_goes_on() {
    let backend = GrpcBackend::streaming(|request, mut respond| async move {
        let mut questions = request.into_body();
        let mut out = respond.send_response(head(), false).unwrap();
        while let Some(Ok(question)) = next(&mut questions).await {
            out.send_data(question, false).unwrap();
        }
        let _ = out.send_trailers(crate::stage::trailers(0));
    });
    let stage = Stage::open(backend, "deadline = \"200ms\"");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        let mut call = crate::stage::begin(&client, BOTH, &[]).await;
        call.out.send_data(frame(b"\x0a\x01a"), false).unwrap();
        let mut answers = soon("the head", call.answer).await.unwrap().into_body();
        assert!(next(&mut answers).await.unwrap().is_ok());
        tokio::time::sleep(Duration::from_millis(600)).await;
        call.out.send_data(frame(b"\x0a\x01b"), true).unwrap();
        assert_eq!(next(&mut answers).await.unwrap().unwrap(), frame(b"\x0a\x01b"));
        assert!(next(&mut answers).await.is_none());
        let end = soon("trailers", answers.trailers()).await.unwrap().unwrap();
        assert_eq!(end["grpc-status"], "0");
    });
    stage.recorded(BOTH, "OK", 1);
}
