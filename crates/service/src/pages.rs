//! The few pages a service has beside its calls, over HTTP/1.1 or 2 on the same port: `/metrics`, `/healthz`, and
//! `/-/faults` where there are fault points.

use crate::Facts;
use crate::call::INSTANCE;
use crate::fault_points;
use crate::metrics::OPENMETRICS;
use crate::shared::Shared;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tenet_error::{Code, Failure, problem_json};
use tonic::body::Body;

/// What the pages show.
pub(crate) struct Pages {
    pub(crate) facts: Facts,
    pub(crate) shared: Arc<Shared>,
}

impl Pages {
    /// Answers a request that is not a gRPC call. Its body is read only where fault points are set.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Response<Body> {
        let get = matches!(*request.method(), Method::GET | Method::HEAD);
        let mut response = match (request.uri().path(), &self.shared.fault_points) {
            ("/metrics", _) if get => self.metrics(),
            ("/healthz", points) if get => {
                // A black hole that still said it is healthy would be one that nobody has to find.
                if let Some(points) = points {
                    points.black_hole().await;
                }
                self.health()
            }
            ("/metrics" | "/healthz", _) => {
                problem(&Failure::new(Code::MethodNotAllowed, "").with_allow("GET, HEAD".into()))
            }
            (fault_points::PATH, Some(points)) => {
                let (head, body) = request.into_parts();
                match points.answer(&head.method, body).await {
                    Ok(json) => page(StatusCode::OK, "application/json", json),
                    Err(failure) => problem(&failure),
                }
            }
            _ => problem(&Failure::new(
                Code::RouteNotFound,
                "A service has gRPC methods, /metrics and /healthz; its REST endpoints are at the gateway.",
            )),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(instance) = HeaderValue::from_str(&self.facts.instance) {
            response.headers_mut().insert(INSTANCE, instance);
        }
        response
    }

    fn metrics(&self) -> Response<Body> {
        let mut text = String::new();
        match self.shared.write_metrics(&self.facts, &mut text) {
            Ok(()) => page(StatusCode::OK, OPENMETRICS, text.into_bytes()),
            Err(_) => problem(&Failure::new(Code::ServiceInternal, "The metrics cannot be written.")),
        }
    }

    fn health(&self) -> Response<Body> {
        if self.shared.metrics.draining.load(Ordering::Relaxed) == 0 {
            page(StatusCode::OK, "text/plain; charset=utf-8", b"serving\n".to_vec())
        } else {
            problem(&Code::Draining.into())
        }
    }
}

fn problem(failure: &Failure) -> Response<Body> {
    let status = failure.entry().http;
    let body = problem_json(failure, status, "", b"");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = page(status, "application/problem+json", body);
    if let Some(allow) = failure.allow().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

fn page(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::new(bytes::Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
