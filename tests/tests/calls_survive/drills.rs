//! Delays for drills: only where the process was started for it, and only for as long as was asked.

use crate::stage::{Stage, good};
use std::time::{Duration, Instant};
use tenet_tests::{eventually, http1};

fn ask(stage: &Stage, method: &str, body: &str) -> http1::Response {
    http1::call(
        stage.gateway.admin,
        method,
        "/-/faults",
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

fn took(stage: &Stage) -> Duration {
    let begun = Instant::now();
    assert_eq!(http1::get(stage.gateway.public, "/v1/buy").status, 405);
    let json = [("content-type", "application/json")];
    assert_eq!(http1::call(stage.gateway.public, "POST", "/v1/buy", &json, b"{}").status, 200);
    begun.elapsed()
}

#[test]
fn without_the_node_fact_there_are_no_fault_points() {
    let stage = Stage::open(vec![good()], "");
    assert_eq!(ask(&stage, "PUT", r#"{"zone":"a","delay_ms":50,"for_ms":1000}"#).status, 404);
    assert_eq!(ask(&stage, "DELETE", "").status, 404);
}

#[test]
fn a_delay_begins_is_renewed_and_ends_by_itself() {
    let stage = Stage::open_with(vec![good()], "", &[("TENET_FAULT_POINTS", "true")]);
    for (body, expected) in [
        (r#"{"delay_ms":50,"for_ms":1000}"#, "zone"),
        (r#"{"zone":"a","instance":"x","delay_ms":50,"for_ms":1000}"#, "either"),
        (r#"{"zone":"q","delay_ms":50,"for_ms":1000}"#, "no zone"),
        (r#"{"zone":"a","delay_ms":0,"for_ms":1000}"#, "delay_ms"),
        (r#"{"zone":"a","delay_ms":5,"for_ms":999999999}"#, "for_ms"),
        (r#"{"zone":"a","delay":5,"for_ms":1000}"#, "delay"),
    ] {
        let answer = ask(&stage, "PUT", body);
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.text().contains(expected), "{body}: {}", answer.text());
    }
    assert_eq!(ask(&stage, "PUT", r#"{"zone":"a","delay_ms":400,"for_ms":60000}"#).status, 200);
    assert!(took(&stage) >= Duration::from_millis(400));
    assert_eq!(ask(&stage, "DELETE", "").status, 204);
    assert!(took(&stage) < Duration::from_millis(400));
    assert_eq!(ask(&stage, "PUT", r#"{"zone":"a","delay_ms":400,"for_ms":1}"#).status, 200);
    eventually("its lease ends", || (took(&stage) < Duration::from_millis(400)).then_some(()));
}
