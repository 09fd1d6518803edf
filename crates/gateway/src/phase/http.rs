//! Plain HTTP passed through to upstreams declared in `tenet.toml`.

use super::call::{self, Ask};
use super::forward;
use super::route::is_known;
use crate::answer::{Answer, Body};
use crate::body::{self, Bounded, RequestBody, too_large};
use crate::exchange::Exchange;
use crate::program::Http;
use http::header::CONTENT_LENGTH;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body::Body as _;
use tenet_error::{Code, Failure};
use tenet_upstream::{Meaning, Outgoing, Protocol};

/// Passes one request on, bodies streaming both ways.
///
/// # Errors
/// What kept the request from being answered. The upstream's own error statuses are passed on as they came.
pub async fn call(
    exchange: &mut Exchange,
    plan: &Http,
    body: Option<RequestBody>,
) -> Result<Answer, Failure> {
    method_allowed(exchange, plan)?;
    let limit = exchange.program.limits().streamed_body.0;
    if content_length(&exchange.head.headers).is_some_and(|length| length > limit) {
        return Err(too_large(limit as usize));
    }
    let deadline = exchange.deadline(plan.deadline);
    let head_request = exchange.head.method == Method::HEAD;
    let method = exchange.head.method.clone();
    let idempotent = method.is_idempotent() || call::has_idempotency_key(&exchange.head.headers);
    let outgoing = match body {
        Some(body) if idempotent => body::repeatable(body, limit).await?,
        Some(body) => Outgoing::Stream(Bounded::new(body, limit)),
        None => Outgoing::Empty,
    };
    let ask = Ask {
        deadline,
        tell_deadline: false,
        meaning: Meaning::Http,
        idempotent,
        affinity: None,
        streams: false,
    };
    let permit = call::admit(exchange, &plan.policy, &ask).await?;
    let mut request = Request::new(outgoing);
    *request.method_mut() = method;
    *request.uri_mut() = uri(exchange, plan)?;
    *request.headers_mut() = forward::http_to_http(exchange);
    let response = call::send(exchange, &plan.policy, request, ask, permit).await?.response;
    let (head, incoming) = response.into_parts();
    let mut headers = head.headers;
    forward::answer(&mut headers, plan.policy.service.protocol() == Protocol::H1);
    // Framing is the downstream protocol's; the length is kept where there is one. It is that of the body as it was framed: a chunked
    // answer may carry a `Content-Length` too, which means nothing (RFC 9112 §6.3) and would promise the caller other bytes.
    let length = if head_request { content_length(&headers) } else { incoming.size_hint().exact() };
    headers.remove(CONTENT_LENGTH);
    let body = if head_request {
        Body::Head { length }
    } else if incoming.is_end_stream() {
        Body::Empty
    } else {
        Body::Stream { incoming, length, grpc: false }
    };
    Ok(Answer { status: head.status, headers, body, code: code_of(head.status) })
}

fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        400..=499 => Code::UpstreamHttp4xx,
        500.. => Code::UpstreamHttp5xx,
        _ => Code::Ok,
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn method_allowed(exchange: &Exchange, plan: &Http) -> Result<(), Failure> {
    let method = &exchange.head.method;
    let allowed: &[Method] = if plan.methods.is_empty() { &PASSED_ON } else { &plan.methods };
    if allowed.contains(method) {
        return Ok(());
    }
    let allow: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    let code = if is_known(method) { Code::MethodNotAllowed } else { Code::UnknownMethod };
    Err(Failure::new(code, format!("{method} is not among the methods passed on here"))
        .with_allow(allow.join(", ")))
}

/// Methods passed on where a route names none.
const PASSED_ON: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The URI for upstream: the caller's authority, and the path without the route's prefix where that is asked for.
fn uri(exchange: &Exchange, plan: &Http) -> Result<Uri, Failure> {
    let target = &exchange.head.target;
    let path_and_query = if plan.strip == 0 {
        target.clone()
    } else {
        let rest = &target.as_str()[plan.strip..];
        let rooted = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        PathAndQuery::try_from(rooted).map_err(|_| Failure::from(Code::MalformedRequest))?
    };
    let authority = match &exchange.head.authority {
        Some(authority) => authority.clone(),
        None => Authority::try_from(plan.policy.service.name()).map_err(|_| Failure::from(Code::Internal))?,
    };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).map_err(|_| Failure::from(Code::MalformedRequest))
}
