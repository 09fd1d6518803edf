//! gRPC passed through: messages are not looked at, flow control reaches from end to end.

use super::{call, forward, rest, status};
use crate::answer::{Answer, Body};
use crate::body::{Bounded, RequestBody};
use crate::exchange::Exchange;
use crate::program::Grpc;
use http::Request;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use tenet_error::{Code, Failure};
use tenet_upstream::Outgoing;

/// Passes one call of any of the four kinds on.
///
/// # Errors
/// What kept the call from being answered; a status the service itself sent is passed on as it came.
pub async fn call(
    exchange: &mut Exchange,
    plan: &Grpc,
    body: Option<RequestBody>,
) -> Result<Answer, Failure> {
    let within = match (rest::caller_timeout(exchange)?, plan.deadline) {
        (Some(asked), Some(planned)) => Some(asked.min(planned)),
        (asked, planned) => asked.or(planned),
    };
    let deadline = within.map(|within| exchange.deadline(within));
    let left = deadline.map(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now()));
    let headers = forward::grpc_to_grpc(exchange, left);
    let mut request = Request::new(match body {
        Some(RequestBody::H2(body)) => {
            Outgoing::Stream(Bounded::new(RequestBody::H2(body.without_pace()), u64::MAX))
        }
        Some(body) => Outgoing::Stream(Bounded::new(body, u64::MAX)),
        None => Outgoing::Empty,
    });
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = plan.uri.clone();
    *request.headers_mut() = headers;
    // A stream without a deadline still waits no longer for its head than any call may last.
    let head_by =
        deadline.unwrap_or_else(|| exchange.deadline(exchange.program.config().max_deadline.duration()));
    let response = call::send(exchange, &plan.service, request, head_by).await?;
    let (head, mut incoming) = response.into_parts();
    if head.status != http::StatusCode::OK {
        return Err(status::of_http(head.status));
    }
    if let Some(deadline) = deadline {
        incoming.set_deadline(deadline);
    }
    let mut headers = head.headers;
    forward::answer(&mut headers, false);
    headers.remove(CONTENT_LENGTH);
    // An answer without body carries its status in the head (Trailers-Only).
    if incoming.is_end_stream() {
        let code = super::record::code_of_trailers(&headers);
        return Ok(Answer { status: head.status, headers, body: Body::Empty, code });
    }
    let body = Body::Stream { incoming, length: None, grpc: true };
    Ok(Answer { status: head.status, headers, body, code: Code::Ok })
}
