//! The load report (ORCA) as a caller reads it from trailers and from heads that are whole answers.

use crate::probe::{call, eventually, say, start, start_default, start_with};
use std::time::Duration;
use tenet_service::Limits;
use tonic::metadata::MetadataMap;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const KEY: &str = "endpoint-load-metrics-bin";

/// `xds.data.orca.v3.OrcaLoadReport`, the fields that are read here.
#[derive(Clone, PartialEq, prost::Message)]
struct Report {
    #[prost(double, tag = "1")]
    cpu_utilization: f64,
    #[prost(double, tag = "9")]
    application_utilization: f64,
}

fn report(metadata: &MetadataMap) -> Option<Report> {
    let bytes = metadata.get_bin(KEY)?.to_bytes().unwrap();
    Some(prost::Message::decode(bytes).unwrap())
}

#[tokio::test]
async fn answers_carry_a_report_and_health_checks_none() {
    let running = start_default().await;
    let answer = call(running.channel(), "Echo", say("")).await.unwrap();
    let report_of_answer = report(answer.metadata()).unwrap();
    assert!((0.0..=1.0).contains(&report_of_answer.application_utilization));
    assert!(report_of_answer.cpu_utilization >= 0.0);
    let status = call(running.channel(), "Refuse", say("")).await.unwrap_err();
    assert!(report(status.metadata()).is_some());
    let mut health = HealthClient::new(running.channel());
    let answer = health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    assert_eq!(report(answer.metadata()), None);
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let limits = Limits { load_report: false, ..Limits::default() };
    let running = start(limits, Duration::from_secs(5), None).await;
    let answer = call(running.channel(), "Echo", say("")).await.unwrap();
    assert_eq!(report(answer.metadata()), None);
}

#[tokio::test]
async fn with_slots_the_utilisation_is_that_of_the_slots() {
    let environment = [("TENET_FAULT_POINTS", "true"), ("TENET_FAULT_SLOTS", "4x60000ms")];
    let running = start_with(&environment, Limits::default(), Duration::from_millis(200), None).await;
    let held = tokio::spawn(call(running.channel(), "Echo", say("")));
    eventually("one slot is busy", async || running.http("GET /-/faults", "").await.contains(r#""busy":1"#))
        .await;
    // An error comes before the slots, so this call is answered although slots take a minute.
    running.http("PUT /-/faults", r#"{"error":{"code":"INTERNAL"},"for_ms":60000}"#).await;
    eventually("a report that is fresh says a quarter", async || {
        let status = call(running.channel(), "Echo", say("")).await.unwrap_err();
        report(status.metadata()).unwrap().application_utilization == 0.25
    })
    .await;
    held.abort();
}
