//! Method and path to a plan.

use crate::exchange::{Exchange, Protocol};
use crate::program::{Door, Program};
use crate::reference::Page;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use smallvec::SmallVec;
use tenet_contract::Found;
use tenet_error::{Code, Failure};

/// Where a request goes.
pub enum Routed<'p> {
    /// To the plan with this number; the captures are raw, one for each variable of the template.
    Plan(u32, SmallVec<[&'p str; 4]>),
    /// To a page of the reference.
    Reference(Page),
    /// Nowhere: it asks what the path can do. The value of `Allow`.
    Options(String),
}

/// What `OPTIONS *` lists.
const ALL_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Finds where the request goes, and names its endpoint.
///
/// # Errors
/// `RouteNotFound`, or `MethodNotAllowed` or `UnknownMethod` with what is allowed.
pub fn find<'p>(exchange: &Exchange, program: &Program, path: &'p str) -> Result<Routed<'p>, Failure> {
    let head = &exchange.head;
    let door = exchange.peer.door;
    if head.method == Method::POST && is_grpc(&head.headers) {
        return grpc(exchange, program, path, door);
    }
    if path == "*" {
        return Ok(Routed::Options(ALL_METHODS.into()));
    }
    let allow = match program.router(door).find(&head.method, path) {
        Found::Match { value, captures } => {
            exchange.endpoint.set(program.plan(*value).endpoint());
            return Ok(Routed::Plan(*value, captures));
        }
        Found::MethodNotAllowed { allow } => Some(allow),
        Found::NotFound => None,
    };
    if let Some(index) = program.prefix(path) {
        exchange.endpoint.set(program.plan(index).endpoint());
        return Ok(Routed::Plan(index, SmallVec::new()));
    }
    if program.config().reference
        && let Some(page) = program.reference.find(&head.method, path)
    {
        exchange.endpoint.set(program.reference_endpoint);
        return Ok(Routed::Reference(page));
    }
    let of_page = || program.config().reference.then(|| program.reference.allow(path)).flatten();
    match allow.or_else(of_page) {
        Some(allow) if head.method == Method::OPTIONS => Ok(Routed::Options(with_implied(allow))),
        Some(allow) => Err(not_allowed(head, &with_implied(allow))),
        None => Err(Failure::new(Code::RouteNotFound, format!("no endpoint has the path {path}"))),
    }
}

/// The methods bound, and those that follow from them.
fn with_implied(mut allow: String) -> String {
    let has = |allow: &str, name: &str| allow.split(", ").any(|method| method == name);
    if has(&allow, "GET") && !has(&allow, "HEAD") {
        allow.push_str(", HEAD");
    }
    if !has(&allow, "OPTIONS") {
        allow.push_str(if allow.is_empty() { "OPTIONS" } else { ", OPTIONS" });
    }
    allow
}

/// Whether a method is one that HTTP knows, so that a path can merely not have it: those served, TRACE, and QUERY
/// (the safe method with a body).
pub fn is_known(method: &Method) -> bool {
    ALL_METHODS.split(", ").chain(["TRACE", "QUERY"]).any(|known| known == method.as_str())
}

/// A method that no contract can have bound by its usual name is unknown here, not merely unwelcome on this path
/// (RFC 9110 §15.6.2). One that a contract binds elsewhere by `custom` counts as unknown too: nobody but its own path knows it.
fn not_allowed(head: &crate::exchange::Head, allow: &str) -> Failure {
    if !is_known(&head.method) {
        return Failure::new(
            Code::UnknownMethod,
            format!("{} is not a method served here, the path has {allow}", head.method),
        )
        .with_allow(allow.into());
    }
    Failure::new(Code::MethodNotAllowed, format!("{} is not among {allow}", head.method))
        .with_allow(allow.into())
}

fn grpc<'p>(
    exchange: &Exchange,
    program: &Program,
    path: &'p str,
    door: Door,
) -> Result<Routed<'p>, Failure> {
    if exchange.head.protocol != Protocol::Http2 {
        return Err(Failure::new(Code::HttpVersion, "gRPC needs HTTP/2"));
    }
    match program.grpc(path, door) {
        Some(index) => {
            exchange.endpoint.set(program.plan(index).endpoint());
            Ok(Routed::Plan(index, SmallVec::new()))
        }
        None => Err(Failure::new(Code::RouteNotFound, format!("no public method has the path {path}"))),
    }
}

/// Whether the request is a gRPC call: `application/grpc`, alone or with a message format or parameters; gRPC-Web
/// is another protocol.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .strip_prefix(b"application/grpc")
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_grpc(&headers), expected, "{value}");
        }
    }

    #[test]
    fn a_method_nobody_knows_is_unknown_and_not_merely_unwelcome() {
        for (method, code) in [
            ("DELETE", Code::MethodNotAllowed),
            ("TRACE", Code::MethodNotAllowed),
            ("QUERY", Code::MethodNotAllowed),
            ("BREW", Code::UnknownMethod),
            ("get", Code::UnknownMethod),
        ] {
            let head = crate::exchange::Head {
                method: method.parse().unwrap(),
                target: http::uri::PathAndQuery::from_static("/"),
                authority: None,
                headers: HeaderMap::new(),
                protocol: Protocol::Http11,
            };
            let failure = not_allowed(&head, "GET, HEAD");
            assert_eq!((failure.code(), failure.allow()), (code, Some("GET, HEAD")), "{method}");
        }
    }

    #[test]
    fn allow_lists_what_follows_from_what_is_bound() {
        assert_eq!(with_implied("GET, POST".into()), "GET, POST, HEAD, OPTIONS");
        assert_eq!(with_implied("DELETE".into()), "DELETE, OPTIONS");
    }
}
