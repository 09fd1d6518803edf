//! How calls end: answers, refusals, deadlines, panics, cancellation, bounds.

use crate::probe::{Client, Say, call, down, eventually, say, start, start_default};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tenet_service::Limits;
use tenet_service::details::{BadRequest, ErrorInfo, RetryInfo, read};
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

#[tokio::test]
async fn an_answer_names_the_instance() {
    let running = start_default().await;
    let answer = call(running.channel(), "Echo", say("hello")).await.unwrap();
    assert_eq!(answer.metadata().get("tenet-instance").unwrap(), "probe-a-1");
    assert_eq!(answer.into_inner().text, "hello");
    let count = "tenet_service_call_duration_seconds_count{method=\"probe.v1.Probe/Echo\",code=\"OK\"} 1\n";
    eventually("one OK", async || running.metrics().await.contains(count)).await;
}

#[tokio::test]
async fn a_refusal_carries_its_details_and_not_its_cause() {
    let running = start_default().await;
    let status = call(running.channel(), "Refuse", say("")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(read::<BadRequest>(&status).unwrap().field_violations[0].field, "number");
    assert_eq!(read::<RetryInfo>(&status).unwrap().retry_delay.unwrap().nanos, 250_000_000);
    assert_eq!(status.metadata().get("tenet-instance").unwrap(), "probe-a-1");
    assert!(!format!("{status:?}").contains("secret"));
}

/// A call by a client that has no timer of its own, so that only the server can end it.
async fn patient(uri: &http::Uri, path: &str, timeout: &str) -> (Code, Duration) {
    let began = Instant::now();
    let stream = tokio::net::TcpStream::connect(uri.authority().unwrap().as_str()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::post(format!("{uri}probe.v1.Probe/{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(())
        .unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(bytes::Bytes::from_static(&[0; 5]), true).unwrap();
    let head = tokio::time::timeout(Duration::from_secs(5), response).await.unwrap().unwrap().into_parts().0;
    connection.abort();
    let status = head.headers.get("grpc-status").expect("the head is the whole answer");
    (Code::from_bytes(status.as_bytes()), began.elapsed())
}

#[tokio::test]
async fn a_handler_is_dropped_at_its_deadline() {
    let running = start_default().await;
    for (timeout, least) in [("80m", 80), ("120000u", 120)] {
        let before = running.seen.cancelled.load(Ordering::SeqCst);
        let (code, took) = patient(&running.uri, "Wait", timeout).await;
        assert_eq!(code, Code::DeadlineExceeded, "{timeout}");
        assert!(took >= Duration::from_millis(least) && took < Duration::from_secs(3), "{timeout}: {took:?}");
        assert_eq!(running.seen.cancelled.load(Ordering::SeqCst), before + 1, "{timeout}");
    }
    assert_eq!(patient(&running.uri, "Wait", "0n").await.0, Code::DeadlineExceeded);
    let count = "method=\"probe.v1.Probe/Wait\",code=\"DEADLINE_EXCEEDED\"} 3\n";
    eventually("three deadlines", async || running.metrics().await.contains(count)).await;
}

#[tokio::test]
async fn a_broken_timeout_is_refused_by_name() {
    let running = start_default().await;
    let mut request = Request::new(say(""));
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    let status = call(running.channel(), "Echo", request).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("\"soon\""), "{}", status.message());
}

#[tokio::test]
async fn a_stream_is_cut_at_its_deadline_with_a_status() {
    let running = start_default().await;
    let mut request = Request::new(say("endless"));
    request.metadata_mut().insert("grpc-timeout", "100m".parse().unwrap());
    let mut stream = down(running.channel(), request).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().text, "first");
    assert_eq!(stream.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(running.seen.cancelled.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_handler_and_stream() {
    let running = start_default().await;
    let waiting = tokio::spawn(call(running.channel(), "Wait", say("")));
    running.seen.waiting.notified().await;
    waiting.abort();
    let mut stream = down(running.channel(), say("endless")).await.unwrap().into_inner();
    stream.message().await.unwrap();
    drop(stream);
    eventually("both dropped", async || running.seen.cancelled.load(Ordering::SeqCst) == 2).await;
    for method in ["Wait", "Down"] {
        let count = format!("method=\"probe.v1.Probe/{method}\",code=\"CANCELLED\"}} 1\n");
        eventually("recorded", async || running.metrics().await.contains(&count)).await;
    }
}

#[tokio::test]
async fn a_panic_ends_one_call_and_the_connection_goes_on() {
    let running = start_default().await;
    let channel = running.channel();
    let other = tokio::spawn(call(channel.clone(), "Wait", say("other")));
    running.seen.waiting.notified().await;

    let mut request = Request::new(say("on purpose"));
    request.metadata_mut().insert("x-request-id", "id-7".parse().unwrap());
    let status = call(channel.clone(), "Panic", request).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("on purpose"), "a panic's text is an internal");
    assert_eq!(read::<ErrorInfo>(&status).unwrap().metadata["request_id"], "id-7");

    let mut stream = down(channel, say("panic")).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().number, 0);
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Internal);

    running.seen.release.notify_one();
    assert_eq!(other.await.unwrap().unwrap().into_inner().text, "other");
    let metrics = running.metrics().await;
    assert!(metrics.contains("tenet_service_panics_total 2\n"), "{metrics}");
    assert!(
        metrics.contains("tenet_service_connections_open 2\n"),
        "all calls shared one connection: {metrics}"
    );
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented_and_grows_no_table() {
    let running = start_default().await;
    for path in ["/probe.v1.Probe/Nope", "/no.Such/Method", "/x"] {
        let mut client = Client::new(running.channel());
        client.ready().await.unwrap();
        let status = client
            .unary(Request::new(say("")), path.parse().unwrap(), ProstCodec::<Say, Say>::default())
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
    let metrics = running.metrics().await;
    assert!(metrics.contains("method=\"(unknown)\",code=\"UNIMPLEMENTED\"} 3\n"), "{metrics}");
}

#[tokio::test]
async fn a_message_over_the_bound_is_refused_whatever_the_kind_of_call() {
    let limits = Limits { request_message: 1000, ..Limits::default() };
    let running = start(limits, Duration::from_secs(5), None).await;
    assert!(call(running.channel(), "Echo", say(&"x".repeat(900))).await.is_ok());
    let status = call(running.channel(), "Echo", say(&"x".repeat(1001))).await.unwrap_err();
    assert_eq!((status.code(), status.message().contains("at most 1000")), (Code::ResourceExhausted, true));

    let mut client = Client::new(running.channel());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/probe.v1.Probe/Up");
    let sizes = [10, 10, 2000].map(|size| say(&"x".repeat(size)));
    let status = client
        .client_streaming(Request::new(tokio_stream::iter(sizes)), path, ProstCodec::<Say, Say>::default())
        .await
        .map(|answer: tonic::Response<Say>| answer.into_inner())
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_counted() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let running = start(limits, Duration::from_secs(5), None).await;
    let channel = running.channel();
    call(channel.clone(), "Echo", say("")).await.unwrap();
    assert_eq!(call(running.channel(), "Echo", say("")).await.unwrap_err().code(), Code::Unavailable);
    call(channel, "Echo", say("")).await.unwrap();
}
