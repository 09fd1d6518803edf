//! What a call below inherits from the call above.

use crate::probe::{call, down, say, start, start_default};
use std::time::Duration;
use tenet_service::{Limits, Trace};
use tonic::{Code, Request};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn request(text: &str, timeout: Option<&'static str>) -> Request<crate::probe::Say> {
    let mut request = Request::new(say(text));
    for (name, value) in [
        ("x-request-id", "id-1"),
        ("traceparent", PARENT),
        ("tracestate", "vendor=1"),
        ("baggage", "tenet.epoch=7"),
        ("tenet-consumer", "app"),
    ] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    if let Some(timeout) = timeout {
        request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn ids_trace_baggage_and_remaining_time_go_down_the_tree() {
    let bottom = start_default().await;
    let top = start(Limits::default(), Duration::from_secs(5), Some(bottom.channel())).await;
    let answer = call(top.channel(), "Below", request("Context", Some("5S"))).await.unwrap().into_inner();
    let words: Vec<&str> = answer.text.split(' ').collect();
    assert_eq!((words[0], words[2], words[3], words[4]), ("id-1", "vendor=1", "tenet.epoch=7", "app"));
    let parent = Trace::parse(PARENT.as_bytes()).unwrap();
    let seen = Trace::parse(words[1].as_bytes()).unwrap();
    assert_eq!((seen.trace_id, seen.flags), (parent.trace_id, 1));
    assert_ne!(seen.span_id, parent.span_id);
    assert!((1..5000).contains(&answer.number), "{} ms left", answer.number);
}

#[tokio::test]
async fn the_deadline_of_the_call_above_ends_the_call_below() {
    let bottom = start_default().await;
    let top = start(Limits::default(), Duration::from_secs(5), Some(bottom.channel())).await;
    let status = call(top.channel(), "Below", request("Wait", Some("100m"))).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    crate::probe::eventually("the handler below is dropped", async || {
        bottom.seen.cancelled.load(std::sync::atomic::Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn a_stream_is_polled_with_the_context_of_its_call() {
    let running = start_default().await;
    let mut stream = down(running.channel(), request("", None)).await.unwrap().into_inner();
    while let Some(message) = stream.message().await.unwrap() {
        assert_eq!(message.text, "id-1");
    }
}

#[tokio::test]
async fn an_allowance_is_divided_below_and_accounted_for_above() {
    let bottom = start_default().await;
    let top = start(Limits::default(), Duration::from_secs(5), Some(bottom.channel())).await;
    for (method, text, baggage, below, spent) in [
        ("Below", "Context", "a=b,tenet-allowance=3", "a=b,tenet-allowance=2", Some("0")),
        ("Below", "Context", "tenet-allowance=1", "tenet-allowance=0", Some("0")),
        (
            "Below",
            "Context",
            "tenet-allowance=3.0a1f00c0ffee1234",
            "tenet-allowance=3.0a1f00c0ffee1234",
            None,
        ),
        ("Below", "Context", "a=b", "a=b", None),
    ] {
        let mut request = request(text, None);
        request.metadata_mut().insert("baggage", baggage.parse().unwrap());
        let answer = call(top.channel(), method, request).await.unwrap();
        let words: Vec<&str> = answer.get_ref().text.split(' ').collect();
        assert_eq!(words[3], below);
        let reported = answer.metadata().get("tenet-retries-spent").map(|value| value.to_str().unwrap());
        assert_eq!(reported, spent, "{baggage}");
    }
    // A gateway says beside its ledger's place what is for this service alone.
    let mut shared = request("Context", None);
    for (name, value) in [("baggage", "tenet-allowance=3.0a1f00c0ffee1234"), ("tenet-allowance", "3")] {
        shared.metadata_mut().insert(name, value.parse().unwrap());
    }
    let answer = call(top.channel(), "Below", shared).await.unwrap();
    assert!(answer.get_ref().text.ends_with(" tenet-allowance=2 app"), "{}", answer.get_ref().text);
    assert_eq!(answer.metadata().get("tenet-retries-spent").unwrap(), "0");
    // An answer that is all head reports too; one that passes on a status from below reports for itself.
    for (method, text, spent) in [("Refuse", "", "0"), ("Below", "Refuse", "0")] {
        let mut request = request(text, None);
        request.metadata_mut().insert("baggage", "tenet-allowance=3".parse().unwrap());
        let status = call(top.channel(), method, request).await.unwrap_err();
        assert_eq!(status.metadata().get("tenet-retries-spent").unwrap(), spent, "{method} {text}");
    }
}

#[tokio::test]
async fn a_call_without_context_gets_one() {
    let running = start_default().await;
    let answer = call(running.channel(), "Context", say("")).await.unwrap().into_inner();
    let words: Vec<&str> = answer.text.split(' ').collect();
    assert_eq!(words[0].len(), 32);
    assert!(Trace::parse(words[1].as_bytes()).is_some());
    assert_eq!(answer.number, 0);
}
