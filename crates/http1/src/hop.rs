//! Fields that are about one connection only and go no further (RFC 9110 §7.6.1).

use crate::grammar::{is_token, list};
use http::header::{CONNECTION, HeaderMap, HeaderName};

/// Fields that never pass a gateway, nominated by `Connection` or not. `Trailer` is not among them: trailers pass.
const ALWAYS: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Fields for every recipient, whose nomination by `Connection` is ignored: RFC 9110 §7.6.1 forbids it to senders, and
/// following it would let a caller take away what the service or the gateway decides by.
const NEVER: [&str; 16] = [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "origin",
    "trailer",
    "traceparent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

/// The names that have to be removed before `headers` are passed on: the fixed set where present, and what
/// `Connection` nominates. No name occurs twice.
pub fn hop_by_hop(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = Vec::new();
    let fixed = ALWAYS.iter().filter(|name| headers.contains_key(**name));
    names.extend(fixed.map(|name| HeaderName::from_static(name)));
    for option in headers.get_all(CONNECTION).iter().flat_map(|value| list(value.as_bytes())) {
        if !is_token(option) {
            continue;
        }
        let Ok(name) = HeaderName::from_bytes(option) else { continue };
        if headers.contains_key(&name) && !NEVER.contains(&name.as_str()) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Removes what [`hop_by_hop`] names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    for name in hop_by_hop(headers) {
        headers.remove(name);
    }
}

/// Whether a field belongs to the connection whatever `Connection` says; such are never written by the encoder.
pub(crate) fn is_connection_field(name: &HeaderName) -> bool {
    ALWAYS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_fixed_set_and_the_nominated_go_and_the_rest_stays() {
        let check = |fields: &[(&'static str, &'static str)], stays: &[&str]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            strip_hop_by_hop(&mut headers);
            let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, stays, "{fields:?}");
        };
        check(&[("accept", "*/*")], &["accept"]);
        check(&[("connection", "close"), ("te", "trailers"), ("upgrade", "h2c"), ("host", "a")], &["host"]);
        check(
            &[("connection", "x-one, X-Two"), ("x-one", "1"), ("x-two", "2"), ("x-three", "3")],
            &["x-three"],
        );
        check(&[("connection", "x-one"), ("connection", "x-two"), ("x-one", "1"), ("x-two", "2")], &[]);
        check(
            &[("connection", "host, authorization"), ("authorization", "b"), ("host", "a")],
            &["authorization", "host"],
        );
        check(
            &[("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"), ("trailer", "x")],
            &["trailer"],
        );
        check(&[("connection", ", \"quoted\" ,,x-one"), ("x-one", "1")], &[]);
    }
}
