//! One call from its head to its last trailer: context, deadline, panics, metrics, and who answered.
//!
//! ```text
//!   request ──▶ bounded body ──▶ [ context · deadline · catch panic ▶ generated server ▶ handler ] ──▶ guarded body
//! ```
//!
//! The handler's future and its response stream are both inside the brackets, so a streaming method obeys the deadline
//! and ends well when it panics. Dropping either, as hyper does when the caller resets the stream, cancels the work.

mod request_body;
mod response_body;

use crate::admission::{NOT_RUN_TRAILER, refusal};
use crate::context::{GRPC_STATUS, GRPC_TIMEOUT};
use crate::methods::Method;
use crate::metrics::InFlight;
use crate::shared::Shared;
use crate::{Context, Fault, Limits};
use futures_util::FutureExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use request_body::RequestBody;
use response_body::ResponseBody;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tenet_error::GrpcCode;
use tenet_resilience::limit::Priority;
use tenet_resilience::timeout;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt;

/// Response metadata that names the instance which answered.
pub(crate) const INSTANCE: HeaderName = HeaderName::from_static("tenet-instance");

/// The longest `grpc-timeout` that is taken at its word; the clock cannot hold 99999999 hours from now everywhere, and a
/// call that may take a month has no deadline worth a timer.
const MAX_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// The way of all calls of one process.
pub(crate) struct Calls {
    pub(crate) routes: axum::Router,
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Limits,
    pub(crate) instance: HeaderValue,
}

/// Why a call did not come to its handler.
enum Stopped {
    /// There was no place for it.
    Overloaded,
    /// A fault point answered.
    Fault(Status),
}

/// Whether a request is a gRPC call rather than a page.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

impl Calls {
    /// Serves one call.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Response<Body> {
        let mut response = self.answer(request).await;
        response.headers_mut().insert(INSTANCE, self.instance.clone());
        response
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut record = self.shared.metrics.start(request.uri().path());
        let asked = self.deadline(request.headers());
        let deadline = asked.as_ref().copied().unwrap_or_default();
        let context = Context::from_headers(request.headers(), deadline);
        if let Err(status) = asked {
            return self.refuse(&status, &context, &mut record);
        }
        let request =
            request.map(|body| axum::body::Body::new(RequestBody::new(body, self.limits.request_message)));
        // Boxed, because it holds the handler's whole state and would otherwise be copied through every layer below.
        let handler = Box::pin(AssertUnwindSafe(self.run(request, record.method(), deadline)).catch_unwind());
        let handler = context.clone().scope(handler);
        let outcome = match deadline {
            None => Ok(handler.await),
            Some(at) => timeout_at(at, handler).await,
        };
        let response = match outcome {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(Stopped::Overloaded))) => {
                let mut response = self.refuse(&refusal(rand::random()), &context, &mut record);
                response.headers_mut().insert(NOT_RUN_TRAILER, HeaderValue::from_static("1"));
                return response;
            }
            Ok(Ok(Err(Stopped::Fault(status)))) => return self.refuse(&status, &context, &mut record),
            Ok(Err(panic)) => {
                let status = panicked(&self.shared, &context, panic.as_ref());
                return self.refuse(&status, &context, &mut record);
            }
            Err(_) => return self.refuse(&out_of_time(), &context, &mut record),
        };
        let (mut head, body) = response.into_parts();
        if let Some(status) = head.headers.get(GRPC_STATUS) {
            // A head that carries the status is the whole answer ("Trailers-Only").
            record.finish(GrpcCode::from_header(status.as_bytes()));
            self.shared.end(&context, record.method(), &mut head.headers);
        }
        let guarded = ResponseBody::new(body, context, record, self.shared.clone());
        Response::from_parts(head, Body::new(guarded))
    }

    /// The way to the handler and through it.
    async fn run(
        &self,
        request: Request<axum::body::Body>,
        method: &Method,
        deadline: Option<Instant>,
    ) -> Result<Response<axum::body::Body>, Stopped> {
        if let Some(points) = &self.shared.fault_points {
            points.black_hole().await;
        }
        let mut place = match &self.shared.admission {
            Some(admission) => {
                let place = admission.place(method.priority).await.map_err(|_| Stopped::Overloaded)?;
                Some(place.of(method.shape, deadline))
            }
            None => None,
        };
        if let Some(points) =
            self.shared.fault_points.as_ref().filter(|_| method.priority != Priority::Exempt)
        {
            points.pass().await.map_err(Stopped::Fault)?;
        }
        if let Some(place) = &mut place {
            place.begin();
        }
        let response = match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if let Some(place) = place {
            let status = response.headers().get(GRPC_STATUS);
            place.answered(status.map(|status| GrpcCode::from_header(status.as_bytes())));
        }
        Ok(response)
    }

    /// A head that is the whole answer.
    fn refuse(&self, status: &Status, context: &Context, record: &mut InFlight) -> Response<Body> {
        record.finish(grpc_code(status));
        let mut response = status.clone().into_http();
        self.shared.end(context, record.method(), response.headers_mut());
        response
    }

    /// The absolute deadline of a call: its `grpc-timeout`, or the service's own for callers that send none.
    fn deadline(&self, headers: &HeaderMap) -> Result<Option<Instant>, Status> {
        let mut values = headers.get_all(GRPC_TIMEOUT).iter();
        let asked = match (values.next(), values.next()) {
            (None, _) => self.limits.deadline,
            (Some(value), None) => Some(timeout::parse(value.as_bytes()).ok_or_else(|| malformed(value))?),
            (Some(_), Some(second)) => return Err(malformed(second)),
        };
        Ok(asked.map(|timeout| Instant::now() + timeout.min(MAX_TIMEOUT)))
    }
}

fn panicked(shared: &Shared, context: &Context, panic: &(dyn Any + Send)) -> Status {
    shared.metrics.panics.fetch_add(1, Ordering::Relaxed);
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is not text");
    tracing::error!(request_id = &*context.request_id, panic = text, "a handler panicked");
    Fault::internal("The service failed unexpectedly. Give its owner the request id.")
        .reason("PANIC", "tenet")
        .metadata("request_id", &*context.request_id)
        .into()
}

fn out_of_time() -> Status {
    Fault::new(GrpcCode::DeadlineExceeded, "The call's deadline passed before the service was done.").into()
}

fn malformed(value: &HeaderValue) -> Status {
    // INTERNAL is what other gRPC servers answer to a broken grpc-timeout.
    let found = String::from_utf8_lossy(value.as_bytes());
    let text =
        format!("grpc-timeout {found:?}: expected one value of 1 to 8 digits and a unit (H, M, S, m, u, n).");
    Fault::internal(text).into()
}

fn grpc_code(status: &Status) -> GrpcCode {
    GrpcCode::from_number(status.code() as i32 as u32).unwrap_or(GrpcCode::Unknown)
}
