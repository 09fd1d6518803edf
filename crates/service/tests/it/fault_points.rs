//! Fault points as a drill uses them: set over HTTP/1.1, seen by gRPC callers, ended by lease or word.

use crate::probe::{Running, call, eventually, say, start_default, start_with};
use std::time::{Duration, Instant};
use tenet_service::Limits;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const ON: (&str, &str) = ("TENET_FAULT_POINTS", "true");

async fn start(environment: &[(&str, &str)]) -> Running {
    start_with(environment, Limits::default(), Duration::from_millis(200), None).await
}

async fn put(running: &Running, json: &str) -> String {
    let answer = running.http("PUT /-/faults", json).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

async fn check(running: &Running) -> Result<(), tonic::Status> {
    let request = HealthCheckRequest { service: String::new() };
    HealthClient::new(running.channel()).check(request).await.map(|_| ())
}

#[tokio::test]
async fn without_the_node_fact_there_is_no_such_page() {
    let running = start_default().await;
    for start in ["GET /-/faults", "PUT /-/faults", "DELETE /-/faults"] {
        let answer = running.http(start, "{}").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{start}: {answer}");
    }
    assert!(!running.metrics().await.contains("tenet_service_fault"));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_changes_nothing() {
    let running = start(&[ON]).await;
    for (start, body, status, part) in [
        ("PUT /-/faults", r#"{"delay":1}"#, "400", "unknown field `delay`"),
        ("PUT /-/faults", r#"{"delay_ms":1}"#, "400", "need for_ms"),
        ("PUT /-/faults", &" ".repeat(4097), "413", "BODY_TOO_LARGE"),
        ("POST /-/faults", "{}", "405", "allow: GET, HEAD, PUT, DELETE"),
        (
            "GET /-/faults",
            "",
            "200",
            r#"{"slots":null,"delay_ms":0,"error":null,"black_hole":false,"left_ms":0}"#,
        ),
    ] {
        let answer = running.http(start, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(part),
            "{body}: {answer}"
        );
    }
}

#[tokio::test]
async fn an_error_strikes_calls_but_not_health_checks_until_it_is_deleted() {
    let running = start(&[ON]).await;
    put(&running, r#"{"error":{"code":"INTERNAL","share":1.0},"for_ms":600000}"#).await;
    assert_eq!(call(running.channel(), "Echo", say("")).await.unwrap_err().code(), Code::Internal);
    check(&running).await.unwrap();
    assert!(running.metrics().await.contains("tenet_service_fault_active{fault=\"error\"} 1\n"));
    let answer = running.http("DELETE /-/faults", "").await;
    assert!(answer.contains(r#""error":null"#), "{answer}");
    call(running.channel(), "Echo", say("")).await.unwrap();
}

#[tokio::test]
async fn an_error_ends_with_its_lease() {
    let running = start(&[ON]).await;
    put(&running, r#"{"error":{"code":"UNAVAILABLE"},"for_ms":50}"#).await;
    eventually("the lease ends", async || call(running.channel(), "Echo", say("")).await.is_ok()).await;
}

#[tokio::test]
async fn a_delay_is_added_to_calls_and_not_to_health_checks() {
    let running = start(&[ON]).await;
    put(&running, r#"{"delay_ms":60000,"for_ms":600000}"#).await;
    check(&running).await.unwrap();
    let mut request = tonic::Request::new(say(""));
    request.set_timeout(Duration::from_millis(50));
    assert_eq!(call(running.channel(), "Echo", request).await.unwrap_err().code(), Code::DeadlineExceeded);
    put(&running, r#"{"delay_ms":30,"for_ms":600000}"#).await;
    let began = Instant::now();
    call(running.channel(), "Echo", say("")).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_black_hole_swallows_calls_and_health_checks_and_can_still_be_ended() {
    let running = start(&[ON]).await;
    put(&running, r#"{"black_hole":true,"for_ms":600000}"#).await;
    let mut request = tonic::Request::new(say(""));
    request.set_timeout(Duration::from_millis(50));
    assert_eq!(call(running.channel(), "Echo", request).await.unwrap_err().code(), Code::DeadlineExceeded);
    let silence = Duration::from_millis(50);
    assert!(tokio::time::timeout(silence, check(&running)).await.is_err());
    let healthz = running.http("GET /healthz", "");
    assert!(tokio::time::timeout(silence, healthz).await.is_err());
    assert!(running.metrics().await.contains("tenet_service_fault_active{fault=\"black_hole\"} 1\n"));
    running.http("DELETE /-/faults", "").await;
    check(&running).await.unwrap();
}

#[tokio::test]
async fn slots_from_the_start_bound_what_runs_at_a_time() {
    let running = start(&[ON, ("TENET_FAULT_SLOTS", "2x60000ms")]).await;
    let mut calls = JoinSet::new();
    for _ in 0..5 {
        calls.spawn(call(running.channel(), "Echo", say("")));
    }
    eventually("two run and three wait", async || {
        running.http("GET /-/faults", "").await.contains(r#""count":2,"time_ms":60000,"busy":2,"waiting":3"#)
    })
    .await;
    let metrics = running.metrics().await;
    assert!(metrics.contains("tenet_service_fault_slots_busy 2\n"), "{metrics}");
    assert!(metrics.contains("tenet_service_fault_slots_waiting 3\n"), "{metrics}");
    check(&running).await.unwrap();
    calls.shutdown().await;
    eventually("who left frees their slots", async || {
        running.http("GET /-/faults", "").await.contains(r#""busy":0,"waiting":0"#)
    })
    .await;
    put(&running, r#"{"slots":{"count":1,"time_ms":1}}"#).await;
    call(running.channel(), "Echo", say("")).await.unwrap();
}
