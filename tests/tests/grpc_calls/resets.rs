//! A reset is a reset at once, in either direction, and is recorded.

use crate::stage::{BOTH, DOWN, Stage, UP, begin, head, next, soon, trailers};
use std::future::poll_fn;
use std::sync::mpsc;
use tenet_tests::h2c::{H2, frame};
use tenet_tests::{GrpcBackend, PATIENCE};

/// What a service saw of a call's end.
#[derive(Debug, PartialEq)]
enum End {
    Reset(h2::Reason),
    Finished,
}

/// A service that answers with a head and one message, then listens how the call ends.
fn listening() -> (GrpcBackend, mpsc::Receiver<End>) {
    let (tell, ends) = mpsc::channel();
    let backend = GrpcBackend::streaming(move |request, mut respond| {
        let tell = tell.clone();
        async move {
            let mut body = request.into_body();
            let mut out = respond.send_response(head(), false).unwrap();
            out.send_data(frame(b"\x0a\x01a"), false).unwrap();
            let by_body = async {
                loop {
                    match body.data().await {
                        Some(Ok(data)) => drop(body.flow_control().release_capacity(data.len())),
                        Some(Err(error)) => break End::Reset(error.reason().unwrap_or(h2::Reason::NO_ERROR)),
                        None => std::future::pending().await,
                    }
                }
            };
            let by_reset = poll_fn(|cx| out.poll_reset(cx));
            let end = tokio::select! {
                end = by_body => end,
                reason = by_reset => reason.map_or(End::Finished, End::Reset),
                () = tokio::time::sleep(PATIENCE) => End::Finished,
            };
            let _ = tell.send(end);
        }
    });
    (backend, ends)
}

#[test]
fn a_caller_that_cancels_cancels_the_service() {
    let (backend, ends) = listening();
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        // While both sides are open, and after the caller has sent all it will.
        for (path, finished) in [(BOTH, false), (DOWN, true)] {
            let mut call = begin(&client, path, &[]).await;
            call.out.send_data(frame(b""), finished).unwrap();
            let mut answer = soon("the head", call.answer).await.unwrap().into_body();
            assert!(next(&mut answer).await.unwrap().is_ok());
            call.out.send_reset(h2::Reason::CANCEL);
            let end = ends.recv_timeout(PATIENCE).unwrap();
            assert!(matches!(end, End::Reset(_)), "{path}: {end:?}");
        }
        // A connection that is lost cancels every call on it.
        let mut call = begin(&client, BOTH, &[]).await;
        call.out.send_data(frame(b""), false).unwrap();
        let mut answer = soon("the head", call.answer).await.unwrap().into_body();
        assert!(next(&mut answer).await.unwrap().is_ok());
    });
    // The runtime ends with its connections.
    runtime.shutdown_background();
    assert!(matches!(ends.recv_timeout(PATIENCE).unwrap(), End::Reset(_)));
    stage.recorded(BOTH, "CANCELLED", 2);
    stage.recorded(DOWN, "CANCELLED", 1);
}

#[test]
fn a_call_that_is_cancelled_before_its_answer_is_recorded_with_its_time() {
    let (tell, told) = mpsc::channel();
    let backend = GrpcBackend::streaming(move |request, mut respond| {
        let tell = tell.clone();
        async move {
            let _unread = request;
            let _ = tell.send("asked");
            let reset = tokio::time::timeout(PATIENCE, poll_fn(|cx| respond.poll_reset(cx))).await;
            let _ = tell.send(if matches!(reset, Ok(Ok(_))) { "reset" } else { "left alone" });
        }
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        let mut call = begin(&client, UP, &[]).await;
        call.out.send_data(frame(b""), false).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE), Ok("asked"));
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        call.out.send_reset(h2::Reason::CANCEL);
        assert_eq!(told.recv_timeout(PATIENCE), Ok("reset"));
    });
    stage.recorded(UP, "CANCELLED", 1);
    let labels = [format!("method=\"{}\"", &UP[1..])];
    let labels = labels.each_ref().map(String::as_str);
    let seconds = stage.gateway.metric("tenet_request_duration_seconds_sum", &labels);
    // Less than was waited here by what the request took to arrive there.
    assert!((0.1..30.0).contains(&seconds), "{seconds} seconds recorded");
}

#[test]
fn a_service_that_resets_resets_its_caller() {
    let backend = GrpcBackend::streaming(|request, mut respond| async move {
        let reason = match request.headers()["x-reason"].to_str().unwrap() {
            "refused" => h2::Reason::REFUSED_STREAM,
            "cancel" => h2::Reason::CANCEL,
            "calm" => h2::Reason::ENHANCE_YOUR_CALM,
            _ => h2::Reason::INTERNAL_ERROR,
        };
        if request.headers().contains_key("x-early") {
            respond.send_reset(reason);
            return;
        }
        let mut out = respond.send_response(head(), false).unwrap();
        out.send_data(frame(b"\x0a\x01a"), false).unwrap();
        // The data must leave first: a reset overtakes what is queued.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        out.send_reset(reason);
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        for reason in ["refused", "cancel", "calm", "internal"] {
            for early in [true, false] {
                let mut headers = vec![("x-reason", reason)];
                headers.extend(early.then_some(("x-early", "1")));
                let mut call = begin(&client, BOTH, &headers).await;
                call.out.send_data(frame(b""), false).unwrap();
                // A reset, or a status that is not OK; and soon, although the caller has not finished.
                let end = soon("the end", async {
                    let reply = tenet_tests::h2c::collect(call.answer.await?).await?;
                    Ok::<_, h2::Error>(reply.grpc_status())
                })
                .await;
                assert!(!matches!(end, Ok(Some(0) | None)), "{reason} {early}: {end:?}");
            }
        }
    });
    assert_eq!(stage.gateway.metric("tenet_requests_total", &["code=\"OK\""]), 0.0);
}

/// A service may answer before it has read everything: the caller has its status and need not send the rest.
#[test]
fn an_early_answer_ends_the_call() {
    let backend = GrpcBackend::streaming(|_request, mut respond| async move {
        let mut head = head();
        head.headers_mut().extend(trailers(7));
        let _ = respond.send_response(head, true);
    });
    let stage = Stage::open(backend, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = H2::connect(stage.gateway.public).await;
        for _ in 0..10 {
            let mut call = begin(&client, UP, &[]).await;
            call.out.send_data(frame(b"\x0a\x01a"), false).unwrap();
            let reply =
                soon("status", async { tenet_tests::h2c::collect(call.answer.await?).await }).await.unwrap();
            assert_eq!(reply.grpc_status(), Some(7), "{reply:?}");
        }
    });
    stage.recorded(UP, "PERMISSION_DENIED", 10);
}
