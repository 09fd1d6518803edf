//! The admin listener: readiness, status, metrics, telemetry for the console, and releases. Never public.
//!
//! | path | what |
//! |---|---|
//! | `GET /-/ready` | 200 while serving, 503 once draining |
//! | `GET /-/status` | release, epoch, connections, requests in flight |
//! | `POST /-/prepare` | a bundle to compile and keep; 422 says what is wrong with it |
//! | `POST /-/commit` | `{"hash", "epoch"}`: the prepared release serves from now on |
//! | `POST /-/event` | `{"kind", "subject", "text", "at_unix_ms"}`: something that only a neighbour saw, for the time line |
//! | `PUT /-/faults`, `GET`, `DELETE` | `{"zone" or "instance", "delay_ms", "for_ms"}`: attempts there are delayed; 404 without the node fact `fault_points` |
//! | `GET /metrics` | OpenMetrics |
//! | `tenet.telemetry.v1.Telemetry` | gRPC: a snapshot a second |

use crate::process::{Fault, Process};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tenet_release::ReleaseHash;
use tenet_telemetry::{Event, EventKind, watch_service};
use tokio::net::TcpListener;

/// Largest bundle taken; the contracts of all of googleapis are below 50 MiB.
const BUNDLE_MAX: usize = 128 << 20;

/// Largest event taken; the time line itself keeps less of its texts.
const EVENT_MAX: usize = 16 << 10;
/// How old an event may say it is. One that waited longer is news of now, or its clock is wrong.
const EVENT_AGE_MAX: Duration = Duration::from_secs(600);

/// Serves until the process ends.
pub async fn serve(process: Arc<Process>, listener: TcpListener) {
    let telemetry = watch_service(process.collector.clone());
    let router = Router::new()
        .route("/-/ready", get(ready))
        .route("/-/status", get(status))
        .route("/-/prepare", post(prepare).layer(DefaultBodyLimit::max(BUNDLE_MAX)))
        .route("/-/commit", post(commit))
        .route("/-/event", post(event).layer(DefaultBodyLimit::max(EVENT_MAX)))
        .route(
            "/-/faults",
            get(faults).put(begin_fault).delete(end_faults).layer(DefaultBodyLimit::max(EVENT_MAX)),
        )
        .route("/metrics", get(metrics))
        .route_service("/tenet.telemetry.v1.Telemetry/{method}", telemetry)
        .with_state(process);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the admin listener ended: {error}");
    }
}

async fn ready(State(process): State<Arc<Process>>) -> (StatusCode, &'static str) {
    if process.draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn status(State(process): State<Arc<Process>>) -> Json<Value> {
    let program = process.current();
    Json(json!({
        // Two processes share the socket during a restart: the answer says which one gave it.
        "pid": std::process::id(),
        "release": program.hash.to_string(),
        "epoch": program.epoch,
        "draining": process.draining(),
        "connections": process.open_connections(),
        "threads": process.open.iter().map(|open| open.load(Ordering::Relaxed)).collect::<Vec<_>>(),
        "in_flight": process.in_flight.load(Ordering::Relaxed),
    }))
}

async fn prepare(State(process): State<Arc<Process>>, bundle: Bytes) -> Response {
    // Compiling is work; it must not hold up the clock.
    let prepared = tokio::task::spawn_blocking(move || process.prepare(&bundle)).await;
    match prepared {
        Ok(Ok(hash)) => Json(json!({ "hash": hash.to_string() })).into_response(),
        Ok(Err(error)) => refused(&error.to_string()),
        Err(error) => refused(&error.to_string()),
    }
}

async fn commit(State(process): State<Arc<Process>>, Json(body): Json<Value>) -> Response {
    let hash = body["hash"].as_str().and_then(|hash| hash.parse::<ReleaseHash>().ok());
    let (Some(hash), Some(epoch)) = (hash, body["epoch"].as_u64()) else {
        return refused("expected {\"hash\": a release's hash, \"epoch\": a number}");
    };
    match tokio::task::spawn_blocking(move || process.commit(hash, epoch)).await {
        Ok(Ok(())) => Json(json!({ "hash": hash.to_string(), "epoch": epoch })).into_response(),
        Ok(Err(error)) => refused(&error.to_string()),
        Err(error) => refused(&error.to_string()),
    }
}

async fn begin_fault(State(process): State<Arc<Process>>, body: Bytes) -> Response {
    if !process.fault_points {
        return StatusCode::NOT_FOUND.into_response();
    }
    let begun = serde_json::from_slice::<Fault>(&body)
        .map_err(|error| error.to_string())
        .and_then(|fault| process.faults.begin(&fault, &process.upstream));
    match begun {
        Ok(instances) => Json(json!({ "instances": instances })).into_response(),
        Err(expected) => problem("Fault refused", &expected),
    }
}

async fn faults(State(process): State<Arc<Process>>) -> Response {
    if !process.fault_points {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({ "delayed": process.faults.targets() })).into_response()
}

async fn end_faults(State(process): State<Arc<Process>>) -> StatusCode {
    if !process.fault_points {
        return StatusCode::NOT_FOUND;
    }
    process.faults.end(&process.upstream);
    StatusCode::NO_CONTENT
}

async fn event(State(process): State<Arc<Process>>, Json(body): Json<Value>) -> Response {
    match read_event(&body, SystemTime::now()) {
        Ok(event) => {
            process.collector.event(event);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(expected) => problem("Event refused", expected),
    }
}

/// An event of a kind that a gateway cannot see for itself: its own kinds are not to be forged. The error says what was expected.
fn read_event(body: &Value, now: SystemTime) -> Result<Event, &'static str> {
    let kind = match body["kind"].as_str() {
        Some("drill") => EventKind::Drill,
        Some("instance-up") => EventKind::InstanceUp,
        Some("instance-down") => EventKind::InstanceDown,
        Some("restart") => EventKind::Restart,
        Some("scale") => EventKind::Scale,
        _ => return Err("expected a kind: drill, instance-up, instance-down, restart or scale"),
    };
    let (Some(subject), Some(text)) = (body["subject"].as_str(), body["text"].as_str()) else {
        return Err("expected texts: subject and text");
    };
    let said = body["at_unix_ms"].as_u64().and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    let at = said.filter(|at| now.duration_since(*at).is_ok_and(|age| age <= EVENT_AGE_MAX)).unwrap_or(now);
    Ok(Event { kind, at, subject: subject.to_owned(), text: text.to_owned() })
}

fn refused(detail: &str) -> Response {
    problem("Release refused", detail)
}

fn problem(title: &str, detail: &str) -> Response {
    let body = json!({ "title": title, "status": 422, "detail": detail });
    let media_type = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::UNPROCESSABLE_ENTITY, media_type, body.to_string()).into_response()
}

async fn metrics(State(process): State<Arc<Process>>) -> Response {
    let mut text = String::new();
    process.collector.openmetrics(&mut text);
    let media_type = [(header::CONTENT_TYPE, tenet_telemetry::CONTENT_TYPE)];
    (media_type, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_of_a_kind_that_others_see_and_of_a_time_that_can_be() {
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        let check = |body: Value, expected: Option<(EventKind, u64)>| {
            let found = read_event(&body, now).ok().map(|event| {
                assert_eq!((event.subject.as_str(), event.text.as_str()), ("s", "t"));
                (event.kind, event.at.duration_since(UNIX_EPOCH).unwrap().as_secs())
            });
            assert_eq!(found, expected, "{body}");
        };
        let event =
            |kind: &str, at: Value| json!({"kind": kind, "subject": "s", "text": "t", "at_unix_ms": at});
        check(event("drill", json!(9_999_000)), Some((EventKind::Drill, 9_999)));
        check(event("restart", Value::Null), Some((EventKind::Restart, 10_000)));
        // Of the future, too old, and beyond all time: it is news of now.
        for at in [json!(10_001_000), json!(9_000_000), json!(u64::MAX), json!(-1), json!("x")] {
            check(event("instance-down", at), Some((EventKind::InstanceDown, 10_000)));
        }
        check(event("release", Value::Null), None);
        check(json!({"kind": "drill", "subject": "s"}), None);
        check(json!([]), None);
    }
}
