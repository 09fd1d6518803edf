//! Who this request is: its id and its place in a trace (W3C Trace Context level 1).
//!
//! A well-formed `x-request-id` of the caller is kept, so that its logs and ours meet; else the trace id serves as one. The
//! gateway is a span of its own: upstream sees the caller's trace with a new parent id.

use crate::exchange::Exchange;
use crate::worker::Worker;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

/// The request id's field.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The trace's field.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Longest request id taken over from a caller.
const REQUEST_ID_MAX: usize = 128;
/// `00-` 32 hex `-` 16 hex `-` 2 hex (§3.2.2).
const TRACEPARENT_LENGTH: usize = 55;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Settles the request id and the traceparent that upstream will see.
pub fn begin(exchange: &mut Exchange) {
    let headers = &mut exchange.head.headers;
    let kept = headers.get(REQUEST_ID).filter(|id| is_request_id(id)).cloned();
    let known = headers.get(TRACEPARENT).and_then(|value| well_formed(value.as_bytes()));
    let (trace_id, flags) = known.unwrap_or_else(|| {
        // Without a valid parent its state means nothing (§3.3).
        headers.remove(TRACESTATE);
        let mut id = [0; 32];
        hex(exchange.worker.random().max(1), &mut id);
        (id, *b"00")
    });
    let mut parent = traceparent(&exchange.worker, &trace_id, flags);
    let mut id =
        kept.unwrap_or_else(|| HeaderValue::from_bytes(&trace_id).unwrap_or(HeaderValue::from_static("-")));
    // No other request has these values: in HPACK's table they would only push out and slow down what comes again (RFC 7541 §6.2.3).
    parent.set_sensitive(true);
    id.set_sensitive(true);
    headers.insert(TRACEPARENT, parent);
    headers.insert(REQUEST_ID, id.clone());
    exchange.request_id = id;
}

/// An id for an answer to what never became a request.
pub fn fresh_id(worker: &Worker) -> HeaderValue {
    let mut id = [0; 32];
    hex(worker.random(), &mut id);
    HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
}

fn traceparent(worker: &Worker, trace_id: &[u8; 32], flags: [u8; 2]) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    text[3..35].copy_from_slice(trace_id);
    // A parent id of all zeroes is invalid (§3.2.2.4).
    let span = (worker.random() as u64).max(1);
    for (place, digit) in text[36..52].iter_mut().zip((0..16).rev()) {
        *place = HEX[(span >> (digit * 4) & 15) as usize];
    }
    text[53..].copy_from_slice(&flags);
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
}

fn hex(value: u128, out: &mut [u8; 32]) {
    for (place, digit) in out.iter_mut().zip((0..32).rev()) {
        *place = HEX[(value >> (digit * 4) & 15) as usize];
    }
}

/// Trace id and flags of a valid traceparent. Higher versions are read as version 00 plus what we do not know (§4.3).
fn well_formed(value: &[u8]) -> Option<([u8; 32], [u8; 2])> {
    let is_hex = |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let (head, rest) = value.split_at_checked(TRACEPARENT_LENGTH)?;
    let version = &head[..2];
    let shape = head[2] == b'-' && head[35] == b'-' && head[52] == b'-';
    let fields = is_hex(version) && is_hex(&head[3..35]) && is_hex(&head[36..52]) && is_hex(&head[53..]);
    let tail = if version == b"00" { rest.is_empty() } else { rest.is_empty() || rest[0] == b'-' };
    let nonzero = head[3..35].iter().any(|b| *b != b'0') && head[36..52].iter().any(|b| *b != b'0');
    if !(shape && fields && tail && nonzero) || version == b"ff" {
        return None;
    }
    let mut id = [0; 32];
    id.copy_from_slice(&head[3..35]);
    Some((id, [head[53], head[54]]))
}

fn is_request_id(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=REQUEST_ID_MAX).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'='))
}

/// Puts the id on an answer.
pub fn answer(id: &HeaderValue, headers: &mut HeaderMap) {
    headers.insert(REQUEST_ID, id.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_parents_are_continued() {
        let good = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (id, flags) = well_formed(good).unwrap();
        assert_eq!((&id[..4], &flags), (&b"0af7"[..], b"01"));
        assert!(well_formed(b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what").is_some());
        for bad in [
            &b""[..],
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
            b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
            b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            b"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x",
        ] {
            assert!(well_formed(bad).is_none(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn request_ids_are_taken_over_only_when_harmless() {
        for (id, expected) in
            [("a1-B.2_c:/+=", true), ("", false), ("a b", false), ("a\"b", false), ("a;b", false)]
        {
            assert_eq!(is_request_id(&HeaderValue::from_str(id).unwrap()), expected, "{id:?}");
        }
        assert!(!is_request_id(&HeaderValue::from_str(&"x".repeat(129)).unwrap()));
    }
}
