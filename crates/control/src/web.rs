//! The routes of the console's listener. All of them only read.

use crate::fleet::{Fleet, Subject, unix_ms};
use crate::live::{self, Follower, Live, WINDOWS};
use crate::{Own, assets, until_true};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) live: Arc<Live>,
    pub(crate) own: Arc<Own>,
    pub(crate) stopped: watch::Receiver<bool>,
}

/// How a page of metrics ends.
const END: &str = "# EOF\n";

/// Everything comes from here and nothing else may run: the page needs no more.
const SECURITY: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .route("/api/live", get(follow))
        .route("/api/history", get(history))
        .fallback(get(asset))
        .layer(middleware::from_fn(secure))
        .with_state(shared)
}

async fn secure(request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    for (name, value) in SECURITY {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn asset(uri: Uri, headers: HeaderMap) -> Response<Body> {
    let path = uri.path().trim_start_matches('/');
    assets::serve(path, &headers).unwrap_or_else(|| {
        (StatusCode::NOT_FOUND, format!("the console has no {}\n", uri.path())).into_response()
    })
}

async fn metrics(State(shared): State<Shared>) -> Response<Body> {
    // Tens of thousands of lines at most, but formatting them should not hold up the live streams.
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        shared.fleet.openmetrics(&mut text);
        let length = text.strip_suffix(END).map_or(text.len(), str::len);
        text.truncate(length);
        (shared.own.metrics)(&mut text);
        text.push_str(END);
        text
    });
    match text.await {
        Ok(text) => ([(header::CONTENT_TYPE, tenet_telemetry::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[derive(Deserialize)]
struct HistoryQuery {
    /// A group's name.
    group: Option<String>,
    /// An endpoint's name, with what else tells it from others.
    endpoint: Option<String>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    of_group: String,
    #[serde(default)]
    service: String,
}

/// The last quarter of an hour of everything, a group or an endpoint.
async fn history(State(shared): State<Shared>, Query(query): Query<HistoryQuery>) -> Response<Body> {
    let subject = match query {
        HistoryQuery { group: Some(group), .. } => Subject::Group(group),
        HistoryQuery { endpoint: Some(name), method, of_group: group, service, .. } => {
            Subject::endpoint(name, method, group, service)
        }
        _ => Subject::Total,
    };
    let second = live::told_second(SystemTime::now());
    let found = tokio::task::spawn_blocking(move || shared.fleet.history(&subject, second));
    match found.await {
        Ok(Some(history)) => json(&history),
        Ok(None) => (StatusCode::NOT_FOUND, "nothing was measured under this name\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn json(value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (headers, bytes).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[derive(Deserialize)]
struct FollowQuery {
    window: Option<u32>,
}

/// Server-sent events: `hello` once, then `second` each second. Who cannot keep up is dropped.
async fn follow(State(shared): State<Shared>, Query(query): Query<FollowQuery>) -> Response<Body> {
    let asked = query.window.unwrap_or(WINDOWS[1]);
    let Some(window) = WINDOWS.iter().position(|seconds| *seconds == asked) else {
        let text = format!("window={asked} is not one of {WINDOWS:?}\n");
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let Some(follower) = shared.live.follow(window) else {
        let headers = [(header::RETRY_AFTER, "5")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers, "too many pages are open\n").into_response();
    };
    let now = SystemTime::now();
    let second = live::told_second(now);
    tracing::debug!(window = asked, at = unix_ms(now), "a page follows");
    let mut first = live::frame("hello", &shared.fleet.hello(second));
    // So that a page shows something at once and not after a second. Its events were in the hello.
    first += &live::frame("second", &shared.fleet.live(second, asked, u64::MAX));
    let stream = stream::once(std::future::ready(Bytes::from(first)))
        .chain(seconds(follower))
        .take_until(until_true(shared.stopped))
        .map(Ok::<_, Infallible>);
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(stream)).into_response()
}

/// Each second as it is told, until the follower lags too far behind.
fn seconds(follower: Follower) -> impl Stream<Item = Bytes> {
    stream::unfold(follower, |mut follower| async move {
        let frame = follower.seconds.recv().await.ok()?;
        Some((Bytes::copy_from_slice(frame.as_bytes()), follower))
    })
}
