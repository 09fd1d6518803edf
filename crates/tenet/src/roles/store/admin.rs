//! The admin listener of a store: readiness, status and releases, in the words of the gateways'. Never public.
//!
//! | path | what |
//! |---|---|
//! | `GET /-/ready` | 200 while serving, 503 once draining |
//! | `GET /-/status` | process, release, epoch |
//! | `POST /-/prepare` | a bundle: what it adds is declared and served; 422 says why that cannot be |
//! | `POST /-/commit` | `{"hash", "epoch"}`: the prepared release serves from now on |
//!
//! Its metrics are beside its calls, as every service of the SDK has them.

use super::follow::Followed;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use tenet_release::{Current, ReleaseHash};
use tokio::net::TcpListener;

/// Largest bundle taken, as gateways do.
const BUNDLE_MAX: usize = 128 << 20;

/// Serves until the process ends.
pub async fn serve(followed: Arc<Followed>, listener: TcpListener) {
    let router = Router::new()
        .route("/-/ready", get(ready))
        .route("/-/status", get(status))
        .route("/-/prepare", post(prepare).layer(DefaultBodyLimit::max(BUNDLE_MAX)))
        .route("/-/commit", post(commit))
        .with_state(followed);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the admin listener ended: {error}");
    }
}

async fn ready(State(followed): State<Arc<Followed>>) -> (StatusCode, &'static str) {
    if followed.ending() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn status(State(followed): State<Arc<Followed>>) -> Json<Value> {
    let serving = followed.serving();
    Json(json!({
        // Two processes may share the socket: the answer says which one gave it.
        "pid": std::process::id(),
        "release": serving.hash.to_string(),
        "epoch": serving.epoch,
        "draining": followed.ending(),
    }))
}

async fn prepare(State(followed): State<Arc<Followed>>, bundle: Bytes) -> Response {
    match followed.prepare(bundle.to_vec()).await {
        Ok(hash) => Json(json!({ "hash": hash.to_string() })).into_response(),
        Err(reason) => refused(&reason),
    }
}

async fn commit(State(followed): State<Arc<Followed>>, Json(body): Json<Value>) -> Response {
    let hash = body["hash"].as_str().and_then(|hash| hash.parse::<ReleaseHash>().ok());
    let (Some(hash), Some(epoch)) = (hash, body["epoch"].as_u64()) else {
        return refused("expected {\"hash\": a release's hash, \"epoch\": a number}");
    };
    match followed.commit(Current { hash, epoch }).await {
        Ok(()) => Json(json!({ "hash": hash.to_string(), "epoch": epoch })).into_response(),
        Err(reason) => refused(&reason),
    }
}

fn refused(detail: &str) -> Response {
    let body = json!({ "title": "Release refused", "status": 422, "detail": detail });
    let media_type = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::UNPROCESSABLE_ENTITY, media_type, body.to_string()).into_response()
}
