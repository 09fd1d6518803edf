//! What of a request's and an answer's header fields passes through.
//!
//! Everything passes but what belongs to one hop (RFC 9110 §7.6.1), what the gateway speaks for itself, and, from hops that are
//! not trusted, claims about who came before.

use crate::exchange::{Exchange, Protocol};
use crate::program::Door;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, FORWARDED, HOST, HeaderName, TE, TRAILER,
};
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;
use tenet_http1::strip_hop_by_hop;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The gRPC call's time left (gRPC over HTTP/2, Timeout).
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Who the consumer is. Services take the gateway's word for it, so a caller's own goes no further than the public door;
/// between services it travels on.
const CONSUMER: HeaderName = HeaderName::from_static("tenet-consumer");
/// What ends here: the first at either door, the second only at the public one.
static OF_THE_CALLER: [HeaderName; 2] = [TE, CONSUMER];
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// The fields of a REST request as metadata of its gRPC call.
pub fn rest_to_grpc(exchange: &mut Exchange) -> HeaderMap {
    let mut headers = end_to_end(exchange);
    remove_present(&mut headers, &OF_REST);
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(TE, TRAILERS);
    headers
}

/// The metadata of a gRPC call that is passed on.
pub fn grpc_to_grpc(exchange: &mut Exchange) -> HeaderMap {
    let mut headers = end_to_end(exchange);
    headers.remove(HOST);
    headers.remove(CONTENT_LENGTH);
    headers.insert(TE, TRAILERS);
    // Each attempt says anew what is left.
    headers.remove(GRPC_TIMEOUT);
    headers
}

/// The fields of a request to a plain HTTP upstream. Its `Host` is set by who sends it, from the authority; `Trailer` stays,
/// because only the trailers it names go on to an HTTP/1.1 upstream.
pub fn http_to_http(exchange: &mut Exchange) -> HeaderMap {
    let mut headers = end_to_end(exchange);
    headers.remove(HOST);
    // Answered here already, or not at all.
    headers.remove(EXPECT);
    headers
}

/// Fields of a REST request that say nothing to its gRPC call.
const OF_REST: [HeaderName; 8] =
    [ACCEPT, ACCEPT_ENCODING, EXPECT, CONTENT_LENGTH, HOST, TRAILER, GRPC_ENCODING, GRPC_ACCEPT_ENCODING];

/// Removes those of `names` that are there. Looking over the few names of a request is cheaper than searching for each.
fn remove_present(headers: &mut HeaderMap, names: &[HeaderName]) {
    let mut present: smallvec::SmallVec<[&HeaderName; 8]> = smallvec::SmallVec::new();
    present.extend(names.iter().filter(|name| headers.keys().any(|key| key == *name)));
    for name in present {
        headers.remove(name);
    }
}

fn end_to_end(exchange: &mut Exchange) -> HeaderMap {
    let mut headers = std::mem::take(&mut exchange.head.headers);
    if exchange.head.protocol != Protocol::Http2 {
        strip_hop_by_hop(&mut headers);
    }
    let public = exchange.peer.door == Door::Public;
    remove_present(&mut headers, if public { &OF_THE_CALLER } else { &OF_THE_CALLER[..1] });
    forwarded(exchange, &mut headers);
    headers
}

/// Says who asked. The chain of a trusted hop is continued, any other's is dropped.
fn forwarded(exchange: &Exchange, headers: &mut HeaderMap) {
    let peer = &exchange.peer;
    if !peer.trusted {
        // After it there are none to be looked for.
        drop_claims(headers);
        headers.insert(X_FORWARDED_FOR, peer.ip_value.clone());
        headers.insert(X_FORWARDED_PROTO, scheme(exchange));
        return name_host(exchange, headers);
    }
    let client = match chain(headers, &X_FORWARDED_FOR) {
        Some(chain) => {
            HeaderValue::try_from(format!("{chain}, {}", peer.ip)).unwrap_or(peer.ip_value.clone())
        }
        None => peer.ip_value.clone(),
    };
    headers.insert(X_FORWARDED_FOR, client);
    if !headers.contains_key(X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, scheme(exchange));
    }
    if !headers.contains_key(X_FORWARDED_HOST) {
        name_host(exchange, headers);
    }
    if let Some(before) = chain(headers, &FORWARDED) {
        let hop = if peer.ip.is_ipv6() {
            format!("{before}, for=\"[{}]\"", peer.ip)
        } else {
            format!("{before}, for={}", peer.ip)
        };
        if let Ok(value) = HeaderValue::try_from(hop) {
            headers.insert(FORWARDED, value);
        }
    }
}

/// What the caller spoke to us.
fn scheme(exchange: &Exchange) -> HeaderValue {
    HeaderValue::from_static(if exchange.peer.tls { "https" } else { "http" })
}

/// Says whom the caller asked, where that can stand in a field.
fn name_host(exchange: &Exchange, headers: &mut HeaderMap) {
    let host = exchange.head.authority.as_ref().map(|authority| authority.as_str());
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        headers.insert(X_FORWARDED_HOST, host);
    }
}

/// Removes everything a stranger says about who came before, also what only some services read (`X-Forwarded-Port`).
fn drop_claims(headers: &mut HeaderMap) {
    headers.remove(FORWARDED);
    let claims: SmallVec<[HeaderName; 4]> =
        headers.keys().filter(|name| name.as_str().starts_with("x-forwarded-")).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

/// A list field as one value, however many fields it came in (RFC 9110 §5.3).
fn chain(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut chain = values.next()?.to_owned();
    for value in values {
        chain.push_str(", ");
        chain.push_str(value);
    }
    Some(chain)
}

/// The fields of an answer that go on to the caller.
pub fn answer(headers: &mut HeaderMap, upstream_is_http1: bool) {
    if upstream_is_http1 {
        strip_hop_by_hop(headers);
    }
    headers.remove(TRAILER);
}
