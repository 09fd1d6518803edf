//! A service's gRPC status as a catalogued failure.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, StatusCode};
use prost::Message as _;
use std::time::Duration;
use tenet_error::{Code, Detail, Failure, GrpcCode};

/// The status' number.
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// Its text, percent-encoded.
pub const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// `google.rpc.Status`, in base64.
pub const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const RETRY_INFO: &str = "google.rpc.RetryInfo";

/// What a response head with a status other than 200 means (gRPC: http-grpc-status-mapping).
pub fn of_http(status: StatusCode) -> Failure {
    let code = match status.as_u16() {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::ServiceUnavailable,
        _ => Code::UpstreamProtocol,
    };
    Failure::from(code).with_cause(format!("the instance answered HTTP {status} to a gRPC call"))
}

/// The status in trailers, or in the head of an answer without body.
///
/// # Errors
/// The failure that the status is; `UpstreamProtocol` when there is none.
pub fn check(trailers: &HeaderMap) -> Result<(), Failure> {
    match trailers.get(GRPC_STATUS).map(HeaderValue::as_bytes) {
        Some(b"0") => Ok(()),
        Some(status) => match GrpcCode::from_header(status) {
            GrpcCode::Ok => Ok(()),
            code => Err(failure(code, trailers)),
        },
        None => {
            Err(Failure::from(Code::UpstreamProtocol).with_cause("the answer ended without a grpc-status"))
        }
    }
}

fn failure(grpc: GrpcCode, trailers: &HeaderMap) -> Failure {
    let message =
        trailers.get(GRPC_MESSAGE).map(|value| percent_decode(value.as_bytes())).unwrap_or_default();
    let details = details(trailers);
    let retry_after =
        details.iter().find(|d| d.type_url.ends_with(RETRY_INFO)).and_then(|d| retry_delay(&d.value));
    let failure = Failure::new(Code::from_service(grpc), message).with_details(details);
    match retry_after {
        Some(after) => failure.with_retry_after(after),
        None => failure,
    }
}

/// The details of `grpc-status-details-bin`; none when it cannot be read.
fn details(trailers: &HeaderMap) -> Vec<Detail> {
    let Some(value) = trailers.get(GRPC_STATUS_DETAILS) else { return Vec::new() };
    let text = value.as_bytes();
    // Senders need not pad and receivers must take both (gRPC over HTTP/2, Custom-Metadata).
    let Ok(bytes) = STANDARD_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text)) else {
        return Vec::new();
    };
    let Ok(status) = Status::decode(&bytes[..]) else { return Vec::new() };
    status.details.into_iter().map(|any| Detail { type_url: any.type_url, value: any.value.into() }).collect()
}

/// `google.rpc.RetryInfo.retry_delay`.
fn retry_delay(value: &Bytes) -> Option<Duration> {
    let delay = RetryInfo::decode(&value[..]).ok()?.retry_delay?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?))
}

#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// Decodes a `grpc-message`. What is not a whole escape stays as it came, and what is not UTF-8 is replaced.
fn percent_decode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = (byte == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                rest = &rest[2..];
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Encodes a `grpc-message`: what is not printable ASCII, and `%`.
pub fn percent_encode(text: &str) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    /// A status must fit a header list; details carry what is longer.
    const MOST: usize = 1024;
    // Cut between characters: half of one would be replaced by whoever reads it.
    let edge = (0..=text.len().min(MOST)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let mut out = Vec::with_capacity(edge);
    for &byte in &text.as_bytes()[..edge] {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    HeaderValue::from_bytes(&out).unwrap_or(HeaderValue::from_static(""))
}

/// `google.rpc.Status` bytes as a `-bin` value.
pub fn details_value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::try_from(STANDARD_NO_PAD.encode(bytes)).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        for text in ["plain", "50% of \"it\"\n", "naïve – ünïcode", ""] {
            assert_eq!(percent_decode(percent_encode(text).as_bytes()), text);
        }
        let long = format!("x{}", "ü".repeat(1000));
        assert_eq!(percent_decode(percent_encode(&long).as_bytes()), long[..1023], "cut between characters");
        assert_eq!(percent_decode(b"%zz%4"), "%zz%4");
        assert_eq!(percent_decode(b"%ff"), "\u{fffd}");
    }

    #[test]
    fn a_status_becomes_its_catalogued_failure() {
        let mut trailers = HeaderMap::new();
        assert_eq!(check(&trailers).unwrap_err().code(), Code::UpstreamProtocol);
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        assert!(check(&trailers).is_ok());
        let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 3, nanos: 0 }) };
        let any = prost_types::Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
            value: info.encode_to_vec(),
        };
        let status = Status { details: vec![any] };
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("8"));
        trailers.insert(GRPC_MESSAGE, HeaderValue::from_static("too%20much"));
        trailers.insert(GRPC_STATUS_DETAILS, details_value(&status.encode_to_vec()));
        let failure = check(&trailers).unwrap_err();
        assert_eq!((failure.code(), failure.detail()), (Code::ResourceExhausted, "too much"));
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(failure.details().len(), 1);
    }
}
