//! REST to gRPC, unary: transcode in, call, transcode out.

use super::call::{self, Ask};
use super::{forward, respond, status};
use crate::answer::Answer;
use crate::body::{self, Bounded, RequestBody};
use crate::exchange::Exchange;
use crate::program::Rest;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_resilience::{affinity, timeout};
use tenet_telemetry::CounterId;
use tenet_transcode::{RequestBody as Input, ResponseKind, Unknowns};
use tenet_upstream::{Meaning, Outgoing, WholeReply};

/// Names the fields and parameters that were ignored, so that a caller can see that the service does not know them (yet).
pub const IGNORED: HeaderName = HeaderName::from_static("tenet-ignored-fields");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Compressed flag and length (gRPC over HTTP/2, Length-Prefixed-Message).
const PREFIX: usize = 5;

/// Serves a REST request through one unary gRPC call.
///
/// # Errors
/// What the caller sent wrong, what the service answered, or what kept the call from being made.
pub async fn call(
    exchange: &mut Exchange,
    plan: &Rest,
    captures: &[&str],
    query: Option<&str>,
    body: Option<RequestBody>,
) -> Result<Answer, Failure> {
    if plan.streaming {
        return Err(Code::StreamingNotMapped.into());
    }
    media_types(exchange, plan, body.is_some())?;
    let within = within(exchange, plan.deadline)?;
    let deadline = exchange.deadline(within);
    let body = match body {
        Some(body) => whole_body(exchange, plan, body).await?,
        None => Bytes::new(),
    };
    let idempotent = plan.policy.idempotent || call::has_idempotency_key(&exchange.head.headers);
    let mut ask = Ask {
        deadline,
        tell_deadline: true,
        meaning: Meaning::Grpc,
        idempotent,
        affinity: None,
        streams: false,
    };
    let permit = call::admit(exchange, &plan.policy, &ask).await?;
    let mut unknowns = Unknowns::new();
    let message = transcode_in(exchange, plan, captures, query, &body, &mut unknowns)?;
    drop(body);

    ask.affinity =
        plan.policy.hash_by.as_ref().and_then(|field| field.find(&message[PREFIX..])).map(affinity::hash);
    let mut request = Request::new(Outgoing::<Bounded>::Full(message));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = plan.uri.clone();
    *request.headers_mut() = forward::rest_to_grpc(exchange);
    let limit = plan.max_response.saturating_add(PREFIX);
    let WholeReply { head, body, trailers, .. } =
        call::send_whole(exchange, &plan.policy, request, ask, permit, limit).await?;
    if head.status != StatusCode::OK {
        return Err(status::of_http(head.status));
    }
    let message = unary(&head.headers, trailers.as_ref(), &body)?;
    let mut answer = transcode_out(exchange, plan, &message)?;
    metadata(head.headers, &mut answer.headers);
    if !unknowns.is_empty() {
        ignored(exchange, &unknowns, &mut answer.headers);
    }
    Ok(if exchange.head.method == http::Method::HEAD { answer.without_body() } else { answer })
}

/// The time this call may take: the smallest of contract and configuration, and what the caller asks.
pub fn within(exchange: &Exchange, planned: Duration) -> Result<Duration, Failure> {
    Ok(match caller_timeout(exchange)? {
        Some(asked) => asked.min(planned),
        None => planned,
    })
}

/// The caller's `grpc-timeout`, at most what the gateway allows.
pub fn caller_timeout(exchange: &Exchange) -> Result<Option<Duration>, Failure> {
    let Some(value) = exchange.head.headers.get(forward::GRPC_TIMEOUT) else { return Ok(None) };
    let most = exchange.program.config().max_deadline.duration();
    timeout::parse(value.as_bytes()).map(|asked| Some(asked.min(most))).ok_or_else(|| {
        Failure::new(
            Code::MalformedRequest,
            "grpc-timeout: expected at most eight digits and one of H, M, S, m, u, n",
        )
    })
}

/// 415 and 406, before anything is read.
fn media_types(exchange: &Exchange, plan: &Rest, has_body: bool) -> Result<(), Failure> {
    let headers = &exchange.head.headers;
    if has_body && plan.takes_body {
        if let Some(coding) = headers.get(CONTENT_ENCODING)
            && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(Failure::new(
                Code::UnsupportedMediaType,
                "encoded bodies are not read here: send identity",
            ));
        }
        if !plan.binding.takes_http_body() {
            match headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) {
                None => {}
                Some(value) if is_json(value) => {}
                Some(value) => {
                    let found = String::from_utf8_lossy(value);
                    return Err(Failure::new(
                        Code::UnsupportedMediaType,
                        format!("found Content-Type {found:?}, expected application/json"),
                    ));
                }
            }
        }
    }
    if !plan.binding.gives_http_body()
        && let Some(accept) = headers.get(ACCEPT)
        && !respond::accepts_json(accept.as_bytes())
    {
        return Err(Failure::new(Code::NotAcceptable, "the endpoint produces application/json"));
    }
    Ok(())
}

/// `application/json` or any `+json`, whatever the parameters; ProtoJSON is UTF-8 by definition (RFC 8259 §8.1).
fn is_json(value: &[u8]) -> bool {
    let essence = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
        || (essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json"))
}

async fn whole_body(exchange: &Exchange, plan: &Rest, body: RequestBody) -> Result<Bytes, Failure> {
    let declared =
        exchange.head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > plan.max_body as u64) {
        return Err(body::too_large(plan.max_body));
    }
    body::collect(body, plan.max_body).await
}

fn transcode_in(
    exchange: &Exchange,
    plan: &Rest,
    captures: &[&str],
    query: Option<&str>,
    body: &Bytes,
    unknowns: &mut Unknowns,
) -> Result<Bytes, Failure> {
    let content_type =
        exchange.head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let input = match body {
        _ if !plan.takes_body => Input::Empty,
        data if plan.binding.takes_http_body() => Input::Http { content_type, data },
        body if body.is_empty() => Input::Empty,
        body => Input::Json(body),
    };
    let mut message = Vec::with_capacity(PREFIX + 64 + body.len());
    message.extend_from_slice(&[0; PREFIX]);
    plan.binding
        .request(&exchange.program.codec, captures, query, input, &plan.parse, &mut message, unknowns)
        .map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let length = (message.len() - PREFIX) as u32;
    message[1..PREFIX].copy_from_slice(&length.to_be_bytes());
    Ok(message.into())
}

/// The one message of a unary answer.
fn unary(head: &HeaderMap, trailers: Option<&HeaderMap>, framed: &Bytes) -> Result<Bytes, Failure> {
    status::check(trailers.unwrap_or(head))?;
    let Some((prefix, message)) = framed.split_at_checked(PREFIX) else {
        return Err(invalid("the status is OK but there is no message".into()));
    };
    if prefix[0] != 0 {
        return Err(invalid("the message is compressed, which was not offered".into()));
    }
    let said = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if said != message.len() {
        return Err(invalid(format!("{} bytes follow a prefix that says {said}", message.len())));
    }
    Ok(framed.slice(PREFIX..))
}

fn invalid(cause: String) -> Failure {
    Failure::from(Code::UpstreamBody).with_cause(cause)
}

fn transcode_out(exchange: &Exchange, plan: &Rest, message: &Bytes) -> Result<Answer, Failure> {
    let mut json = Vec::with_capacity(message.len() * 2 + 64);
    let kind = plan
        .binding
        .response(&exchange.program.codec, message, &plan.print, &mut json)
        .map_err(|error| invalid(error.to_string()))?;
    Ok(match kind {
        ResponseKind::Json => Answer::full(StatusCode::OK, JSON, json.into(), Code::Ok),
        ResponseKind::HttpBody { content_type, data } => {
            let content_type =
                HeaderValue::try_from(content_type).ok().filter(|v| !v.is_empty()).unwrap_or(OCTETS);
            Answer::full(StatusCode::OK, content_type, message.slice(data), Code::Ok)
        }
    })
}

/// The service's initial metadata as header fields, but what belongs to gRPC.
fn metadata(from: HeaderMap, to: &mut HeaderMap) {
    let mut last = None;
    for (name, value) in from {
        // A repeated field comes without its name again.
        if let Some(name) = name {
            last = Some(name);
        }
        if let Some(name) = &last
            && name != CONTENT_TYPE
            && name != CONTENT_LENGTH
            && name != http::header::DATE
            && !name.as_str().starts_with("grpc-")
        {
            to.append(name.clone(), value);
        }
    }
    forward::answer(to, false);
}

fn ignored(exchange: &Exchange, unknowns: &Unknowns, headers: &mut HeaderMap) {
    exchange.worker.count(CounterId::UnknownFields, unknowns.total() - unknowns.parameters());
    exchange.worker.count(CounterId::UnknownParameters, unknowns.parameters());
    let mut text = unknowns.names().join(", ");
    if unknowns.total() > unknowns.names().len() as u64 {
        text.push_str(", …");
    }
    // Names may hold anything JSON can: what a header cannot carry is escaped.
    let text: String = text
        .chars()
        .flat_map(|c| {
            let plain = c == ' ' || c.is_ascii_graphic();
            plain.then_some(c).into_iter().chain((!plain).then(|| c.escape_unicode()).into_iter().flatten())
        })
        .collect();
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(IGNORED, value);
    }
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_is_told_by_its_media_type() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("text/plain", false),
            ("application/jsonp", false),
            ("+json", false),
            ("", false),
        ] {
            assert_eq!(is_json(value.as_bytes()), expected, "{value}");
        }
    }
}
