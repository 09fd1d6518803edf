//! Answers: the fields every one carries, and the forms a failure takes.

use super::{route, status, trace};
use crate::answer::{Answer, Body};
use crate::exchange::{Exchange, Protocol};
use crate::program::Program;
use crate::worker::Worker;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use tenet_error::{Code, Failure, problem_json, status_details, status_json};

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Completes an answer.
pub fn finish(exchange: &Exchange, mut answer: Answer) -> Answer {
    trace::answer(&exchange.request_id, &mut answer.headers);
    // The trailers of a gRPC answer say it, once all of it has passed.
    if !matches!(answer.body, Body::Stream { grpc: true, .. }) {
        exchange.tree.end(&exchange.worker, exchange.peer.door, &mut answer.headers);
    }
    answer
}

/// The answer to a failed request, in the form its caller reads.
pub fn failure(exchange: &mut Exchange, failure: &Failure) -> Answer {
    log(exchange, failure);
    let mut answer = if exchange.form == Form::Grpc {
        grpc(failure)
    } else {
        let request_id = exchange.request_id.to_str().unwrap_or_default();
        rest(&exchange.program, failure, exchange.form, request_id)
    };
    trace::answer(&exchange.request_id, &mut answer.headers);
    exchange.tree.end(&exchange.worker, exchange.peer.door, &mut answer.headers);
    if exchange.head.method == http::Method::HEAD { answer.without_body() } else { answer }
}

/// The answer to what never became a request.
pub fn refusal(worker: &Worker, failure: &Failure) -> Answer {
    let id = trace::fresh_id(worker);
    let mut answer = rest(&worker.program(), failure, Form::Problem, id.to_str().unwrap_or_default());
    trace::answer(&id, &mut answer.headers);
    answer
}

/// Which form of failure a caller reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 9457.
    Problem,
    /// `google.rpc.Status` as JSON: `Accept` names `application/json` and not `application/problem+json`.
    Status,
    /// gRPC trailers.
    Grpc,
}

/// The form for a request with these header fields.
pub fn form(headers: &HeaderMap, protocol: Protocol) -> Form {
    if protocol == Protocol::Http2 && route::is_grpc(headers) {
        return Form::Grpc;
    }
    let Some(accept) = headers.get(ACCEPT).map(HeaderValue::as_bytes) else { return Form::Problem };
    if ranges(accept).any(|range| range.eq_ignore_ascii_case(b"application/problem+json")) {
        return Form::Problem;
    }
    if ranges(accept).any(|range| range.eq_ignore_ascii_case(b"application/json")) {
        return Form::Status;
    }
    Form::Problem
}

fn rest(program: &Program, failure: &Failure, form: Form, request_id: &str) -> Answer {
    let mut details = Vec::new();
    if !failure.details().is_empty() {
        let list = failure.details().iter().map(|detail| (detail.type_url.as_str(), &detail.value[..]));
        tenet_transcode::any_details_json(&program.codec, list, &mut details);
    }
    let entry = failure.entry();
    let http = StatusCode::from_u16(entry.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (media_type, body) = match form {
        Form::Status => (JSON, status_json(failure, &details)),
        _ => (PROBLEM, problem_json(failure, entry.http, request_id, &details)),
    };
    let mut answer = Answer::full(http, media_type, body.into(), failure.code());
    if let Some(after) = failure.retry_after() {
        // Whole seconds, and never 0, which would invite at once (RFC 9110 §10.2.3).
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        answer.headers.insert(RETRY_AFTER, seconds.max(1).into());
    }
    if let Some(allow) = failure.allow().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        answer.headers.insert(ALLOW, allow);
    }
    answer
}

/// Trailers-Only: gRPC says everything in the status, the HTTP status is always 200.
fn grpc(failure: &Failure) -> Answer {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(CONTENT_TYPE, GRPC);
    grpc_status(failure, &mut headers);
    Answer { status: StatusCode::OK, headers, body: Body::Empty, code: failure.code() }
}

/// A failure as gRPC trailers.
pub fn grpc_status(failure: &Failure, headers: &mut HeaderMap) {
    headers.insert(status::GRPC_STATUS, HeaderValue::from_static(failure.entry().grpc.header()));
    headers.insert(status::GRPC_MESSAGE, status::percent_encode(failure.message()));
    headers.insert(status::GRPC_STATUS_DETAILS, status::details_value(&status_details(&with_info(failure))));
}

/// A failure of our own gets `google.rpc.ErrorInfo` with the catalogue's code, so that callers need not read text.
fn with_info(failure: &Failure) -> Failure {
    if !failure.details().is_empty() {
        return failure.clone();
    }
    let info = ErrorInfo { reason: failure.entry().name.into(), domain: "tenet".into() };
    failure.clone().with_details(vec![tenet_error::Detail {
        type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
        value: prost::Message::encode_to_vec(&info).into(),
    }])
}

#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
}

/// What a path can do (RFC 9110 §9.3.7).
pub fn options(allow: &str) -> Answer {
    let mut answer = Answer::empty(StatusCode::NO_CONTENT, Code::Ok);
    if let Ok(allow) = HeaderValue::from_str(allow) {
        answer.headers.insert(ALLOW, allow);
    }
    answer
}

fn log(exchange: &Exchange, failure: &Failure) {
    use tenet_error::Blame;
    let blame = failure.entry().blame;
    // A refusal under overload is counted and costs as little as possible; a line for each would be the next overload.
    if blame == Blame::Caller || blame == Blame::Nobody || failure.code() == Code::Overloaded {
        return;
    }
    let id = exchange.request_id.to_str().unwrap_or_default();
    tracing::warn!(request_id = id, path = exchange.head.path(), "{failure}");
}

/// Whether `Accept` lets JSON through (RFC 9110 §12.5.1).
pub fn accepts_json(accept: &[u8]) -> bool {
    accept.trim_ascii().is_empty()
        || accept.split(|b| *b == b',').any(|range| {
            let mut parts = range.split(|b| *b == b';').map(<[u8]>::trim_ascii);
            let essence = parts.next().unwrap_or_default();
            let fits = [&b"*/*"[..], b"application/*", b"application/json"]
                .iter()
                .any(|fit| essence.eq_ignore_ascii_case(fit))
                || essence.to_ascii_lowercase().ends_with(b"+json");
            fits && !parts.any(is_zero_weight)
        })
}

/// `q=0`, `q=0.0`, …: not acceptable.
fn is_zero_weight(parameter: &[u8]) -> bool {
    let lower = parameter.to_ascii_lowercase();
    lower
        .strip_prefix(b"q=")
        .is_some_and(|q| q.starts_with(b"0") && q.iter().all(|b| matches!(b, b'0' | b'.')))
}

/// The media ranges named, but for those a zero weight rules out.
fn ranges(accept: &[u8]) -> impl Iterator<Item = &[u8]> {
    accept.split(|b| *b == b',').filter_map(|range| {
        let mut parts = range.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        let essence = parts.next().unwrap_or_default();
        (!parts.any(is_zero_weight)).then_some(essence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_decides_whether_json_fits() {
        for (accept, expected) in [
            ("*/*", true),
            ("", true),
            ("application/json", true),
            ("text/html, application/*;q=0.8", true),
            ("application/problem+json", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("application/json; q=0.000", false),
            ("image/*, text/plain", false),
        ] {
            assert_eq!(accepts_json(accept.as_bytes()), expected, "{accept}");
        }
    }

    #[test]
    fn the_form_of_a_failure_follows_accept() {
        for (accept, expected) in [
            ("*/*", Form::Problem),
            ("application/json", Form::Status),
            ("application/problem+json, application/json", Form::Problem),
            ("application/json;q=0", Form::Problem),
            ("application/json, application/problem+json;q=0", Form::Status),
            ("text/html", Form::Problem),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(form(&headers, Protocol::Http11), expected, "{accept}");
        }
    }
}
