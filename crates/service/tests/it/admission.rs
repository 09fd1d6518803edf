//! Admission as callers see it, with slots for a capacity that does not depend on the machine.

use crate::probe::{Running, call, down, eventually, say, start_with};
use std::time::Duration;
use tenet_resilience::limit::{LimitRules, Limiter, Priority};
use tenet_service::details::{ErrorInfo, RetryInfo, read};
use tenet_service::{Limits, NOT_RUN};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// A probe with these slots, a limit of 10 calls at a time that does not move, and `waiting` seats.
async fn ten(slots: &str, waiting: usize) -> Running {
    let limits = Limits { calls_min: 10, calls_max: 10, waiting, ..Limits::default() };
    let environment = [("TENET_FAULT_POINTS", "true"), ("TENET_FAULT_SLOTS", slots)];
    start_with(&environment, limits, Duration::from_millis(200), None).await
}

/// Calls in flight up to which a priority is let in at a limit of 10.
fn bound(priority: Priority) -> usize {
    let rules = LimitRules { initial: 10, min: 10, max: 10, ..LimitRules::default() };
    Limiter::new(&rules).bound(priority) as usize
}

fn assert_refused(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.metadata().get(NOT_RUN).unwrap(), "1");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap();
    let pushback: u64 = pushback.parse().unwrap();
    assert!((200..1000).contains(&pushback), "{pushback}");
    let delay = read::<RetryInfo>(status).unwrap().retry_delay.unwrap();
    assert_eq!(delay.seconds as u64 * 1000 + delay.nanos as u64 / 1_000_000, pushback);
    let info = read::<ErrorInfo>(status).unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("OVERLOADED", "tenet"));
    assert!(status.metadata().get_bin("endpoint-load-metrics-bin").is_some(), "who is busy says so");
}

#[tokio::test]
async fn beyond_the_limit_calls_are_refused_by_priority_and_health_is_not() {
    let running = ten("40x60000ms", 0).await;
    let mut held = JoinSet::new();
    let busy = async |count: usize| {
        eventually("so many slots are busy", async || {
            running.http("GET /-/faults", "").await.contains(&format!("\"busy\":{count},"))
        })
        .await;
    };
    // Filled up to each bound in turn, by calls that could go on to the last.
    let mut fill = async |to: Priority, by: &'static str| {
        for _ in held.len()..bound(to) {
            held.spawn(call(running.channel(), by, say("")));
        }
        busy(bound(to)).await;
    };
    fill(Priority::Sheddable, "Echo").await;
    assert_refused(&call(running.channel(), "Sheddable", say("")).await.unwrap_err());
    fill(Priority::Normal, "Echo").await;
    assert_refused(&call(running.channel(), "Echo", say("")).await.unwrap_err());
    assert_refused(&down(running.channel(), say("")).await.unwrap_err());
    fill(Priority::Critical, "Critical").await;
    assert_refused(&call(running.channel(), "Critical", say("")).await.unwrap_err());
    HealthClient::new(running.channel()).check(HealthCheckRequest { service: String::new() }).await.unwrap();
    let metrics = running.metrics().await;
    for line in [
        "tenet_service_admission_limit 10\n",
        &format!("tenet_service_admission_in_flight {}\n", bound(Priority::Critical)),
        "tenet_service_admission_refused_total{priority=\"critical\"} 1\n",
        "tenet_service_admission_refused_total{priority=\"normal\"} 2\n",
        "tenet_service_admission_refused_total{priority=\"sheddable\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    held.shutdown().await;
    eventually("who went away left no trace", async || {
        running.metrics().await.contains("tenet_service_admission_in_flight 0\n")
    })
    .await;
}

#[tokio::test]
async fn under_overload_no_critical_call_is_refused_and_sheddable_ones_are() {
    let running = ten("5x2ms", 16).await;
    let mut callers = JoinSet::new();
    // Two critical callers fit between the limit of the others and their own, so none of their calls may ever be refused.
    for (method, count) in [("Critical", 2), ("Echo", 40), ("Sheddable", 20)] {
        for _ in 0..count {
            let channel = running.channel();
            callers.spawn(async move {
                let (mut served, mut refused) = (0, 0);
                for _ in 0..25 {
                    match call(channel.clone(), method, say("")).await {
                        Ok(_) => served += 1,
                        Err(status) => {
                            assert_refused(&status);
                            refused += 1;
                        }
                    }
                }
                (method, served, refused)
            });
        }
    }
    let mut sums = std::collections::HashMap::new();
    while let Some(ended) = callers.join_next().await {
        let (method, served, refused) = ended.unwrap();
        let sum: &mut (u32, u32) = sums.entry(method).or_default();
        (sum.0, sum.1) = (sum.0 + served, sum.1 + refused);
    }
    assert_eq!(sums["Critical"], (50, 0), "{sums:?}");
    assert!(sums["Echo"].0 > 0 && sums["Sheddable"].1 > 0, "{sums:?}");
}

#[tokio::test]
async fn a_stream_that_is_open_holds_no_place() {
    let running = ten("20x1ms", 0).await;
    let mut streams = Vec::new();
    for _ in 0..30 {
        let mut stream = down(running.channel(), say("endless")).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        streams.push(stream);
    }
    assert!(running.metrics().await.contains("tenet_service_admission_in_flight 0\n"));
    call(running.channel(), "Sheddable", say("")).await.unwrap();
}
