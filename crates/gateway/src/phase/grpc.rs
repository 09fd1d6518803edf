//! gRPC passed through: messages are not looked at, flow control reaches from end to end.

use super::call::{self, Ask};
use super::{forward, rest, status};
use crate::answer::{Answer, Body};
use crate::body::{self, Bounded, RequestBody};
use crate::exchange::Exchange;
use crate::program::Grpc;
use http::Request;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use tenet_error::{Code, Failure};
use tenet_resilience::affinity;
use tenet_upstream::{Meaning, Outgoing};

/// Compressed flag and length before each message (gRPC over HTTP/2, Length-Prefixed-Message).
const PREFIX: usize = 5;

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
    let outgoing = match body {
        Some(RequestBody::H2(body)) => {
            let body = RequestBody::H2(body.without_pace());
            // One message can be held, and then sent a second time; a stream of them cannot.
            if plan.client_streaming {
                Outgoing::Stream(Bounded::new(body, u64::MAX))
            } else {
                body::repeatable(body, u64::MAX).await?
            }
        }
        Some(body) => Outgoing::Stream(Bounded::new(body, u64::MAX)),
        None => Outgoing::Empty,
    };
    let affinity = match (&plan.policy.hash_by, &outgoing) {
        (Some(field), Outgoing::Full(framed)) => {
            // A compressed message has no fields to be found.
            let message = framed.get(PREFIX..).filter(|_| framed.first() == Some(&0));
            message.and_then(|message| field.find(message)).map(affinity::hash)
        }
        _ => None,
    };
    let idempotent = plan.policy.idempotent || call::has_idempotency_key(&exchange.head.headers);
    // A stream without a deadline still waits no longer for its head than any call may last.
    let head_by =
        deadline.unwrap_or_else(|| exchange.deadline(exchange.program.config().max_deadline.duration()));
    let ask = Ask {
        deadline: head_by,
        tell_deadline: deadline.is_some(),
        meaning: Meaning::Grpc,
        idempotent,
        affinity,
        streams: plan.client_streaming || plan.server_streaming,
    };
    let permit = call::admit(exchange, &plan.policy, &ask).await?;
    let mut request = Request::new(outgoing);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = plan.uri.clone();
    *request.headers_mut() = forward::grpc_to_grpc(exchange);
    let response = call::send(exchange, &plan.policy, request, ask, permit).await?.response;
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
