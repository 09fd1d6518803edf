//! Fields that are about one connection only and go no further (RFC 9110 §7.6.1).

use crate::grammar::{is_token, list};
use crate::names::header_name;
use http::header::{self, HeaderMap, HeaderName};

/// Fields that never pass a gateway, nominated by `Connection` or not. `Trailer` is not among them: trailers pass.
static ALWAYS: [HeaderName; 9] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// Where [`ALWAYS`] has `Connection`.
const CONNECTION_INDEX: usize = 0;

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
    let mut names = nominated(headers);
    let fixed = ALWAYS.iter().filter(|name| headers.contains_key(*name));
    names.extend(fixed.cloned());
    names
}

/// Removes what [`hop_by_hop`] names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // One look over the few names there are is cheaper than searching for each that might be.
    let present = headers.keys().filter_map(fixed).fold(0u16, |present, index| present | 1 << index);
    if present & 1 << CONNECTION_INDEX != 0 {
        for name in nominated(headers) {
            headers.remove(name);
        }
    }
    for (index, name) in ALWAYS.iter().enumerate() {
        if present & 1 << index != 0 {
            headers.remove(name);
        }
    }
}

/// What `Connection` nominates beyond the fixed set. Does not allocate when it is only `close` or `keep-alive`.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = Vec::new();
    for option in headers.get_all(header::CONNECTION).iter().flat_map(|value| list(value.as_bytes())) {
        let about_persistence =
            option.eq_ignore_ascii_case(b"close") || option.eq_ignore_ascii_case(b"keep-alive");
        if about_persistence || !is_token(option) {
            continue;
        }
        let Ok(name) = header_name(option) else { continue };
        let stays = NEVER.contains(&name.as_str()) || is_connection_field(&name) || names.contains(&name);
        if !stays && headers.contains_key(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether a field belongs to the connection whatever `Connection` says; such are never written by the encoder.
pub(crate) fn is_connection_field(name: &HeaderName) -> bool {
    fixed(name).is_some()
}

/// Where [`ALWAYS`] has a name. Written as a match, which decides by length first: asked for every field of every message.
fn fixed(name: &HeaderName) -> Option<usize> {
    Some(match name.as_str() {
        "connection" => CONNECTION_INDEX,
        "te" => 1,
        "transfer-encoding" => 2,
        "upgrade" => 3,
        "proxy-authenticate" => 4,
        "proxy-authorization" => 5,
        "keep-alive" => 6,
        "proxy-connection" => 7,
        "http2-settings" => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn each_fixed_name_is_found_in_its_place() {
        for (index, name) in ALWAYS.iter().enumerate() {
            assert_eq!(fixed(name), Some(index), "{name}");
        }
        assert_eq!(ALWAYS[CONNECTION_INDEX], header::CONNECTION);
        for other in [header::TRAILER, header::HOST, HeaderName::from_static("tee")] {
            assert_eq!(fixed(&other), None, "{other}");
        }
    }

    #[test]
    fn the_fixed_set_and_the_nominated_go_and_the_rest_stays() {
        let check = |fields: &[(&'static str, &'static str)], stays: &[&str]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            let named = hop_by_hop(&headers);
            let before = headers.keys_len();
            strip_hop_by_hop(&mut headers);
            assert_eq!(before - headers.keys_len(), named.len(), "{fields:?}: {named:?}");
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
        check(
            &[
                ("connection", "close, upgrade, X-One"),
                ("upgrade", "h2c"),
                ("x-one", "1"),
                ("http2-settings", "x"),
            ],
            &[],
        );
        check(&[("connection", ", \"quoted\" ,,x-one"), ("x-one", "1")], &[]);
    }
}
