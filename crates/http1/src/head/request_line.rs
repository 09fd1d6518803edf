//! The request line (RFC 9112 §3): method SP target SP version, with single spaces and nothing else.

use crate::grammar::{is_tchar, is_token, show};
use crate::{Limits, Refusal};
use http::Method;
use std::ops::Range;
use tenet_error::Code;

/// The version of a request. A higher minor version than 1 is read as 1.1 (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// A request line whose method and version are checked and whose target is still raw.
#[derive(Debug)]
pub(crate) struct RequestLine {
    pub method: Method,
    pub version: Version,
    /// Where the target stands in the head.
    pub target: Range<usize>,
    /// Length of the line with its CRLF.
    pub bytes: usize,
}

/// `HTTP/1.1`, with its space before.
const VERSION_BYTES: usize = 9;

/// Reads a line without its CRLF.
pub(crate) fn parse(line: &[u8], limits: &Limits) -> Result<RequestLine, Refusal> {
    let Some(method_end) = memchr::memchr(b' ', line) else { return Err(refuse_shape(line)) };
    let method = &line[..method_end];
    if let Some(at) = method.iter().position(|&byte| !is_tchar(byte)) {
        let found = show(method[at]);
        let column = at + 1;
        return Err(Refusal::malformed(format!(
            "request line: {found} at byte {column} cannot stand in a method (RFC 9110 §9.1)"
        )));
    }
    if line.len() < method_end + 1 + VERSION_BYTES {
        return Err(refuse_shape(line));
    }
    let target = method_end + 1..line.len() - VERSION_BYTES;
    let (space, version) = (line[target.end], &line[target.end + 1..]);
    if space != b' ' {
        return Err(refuse_shape(line));
    }
    let version = parse_version(version).ok_or_else(|| refuse_shape(line))??;
    let method = known_method(method, limits)?;
    if target.is_empty() {
        return Err(Refusal::malformed("request line: the target is empty (RFC 9112 §3.2)"));
    }
    if target.len() > limits.target.min(Limits::TARGET_MAX) {
        return Err(refuse_long_target(limits));
    }
    Ok(RequestLine { method, version, target, bytes: line.len() + 2 })
}

/// `None`: not a version at all. The name is case-sensitive and both numbers are one digit (RFC 9112 §2.3).
fn parse_version(text: &[u8]) -> Option<Result<Version, Refusal>> {
    match text {
        b"HTTP/1.1" => Some(Ok(Version::Http11)),
        b"HTTP/1.0" => Some(Ok(Version::Http10)),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => Some(Ok(Version::Http11)),
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            let (major, minor) = (char::from(*major), char::from(*minor));
            let detail = format!(
                "request line: HTTP/{major}.{minor}, expected HTTP/1.1 or HTTP/1.0 (RFC 9110 §15.6.6)"
            );
            Some(Err(Refusal::new(Code::HttpVersion, detail)))
        }
        _ => None,
    }
}

fn known_method(name: &[u8], limits: &Limits) -> Result<Method, Refusal> {
    match name {
        b"GET" => Ok(Method::GET),
        b"POST" => Ok(Method::POST),
        b"PUT" => Ok(Method::PUT),
        b"DELETE" => Ok(Method::DELETE),
        b"HEAD" => Ok(Method::HEAD),
        b"OPTIONS" => Ok(Method::OPTIONS),
        b"PATCH" => Ok(Method::PATCH),
        // Known, so that the router can say that no path has it; nothing here would ever echo a request.
        b"TRACE" => Ok(Method::TRACE),
        // CONNECT would make a tunnel of a gateway.
        _ if limits.extension_methods && name != b"CONNECT" && name.len() <= Limits::METHOD_MAX => {
            Method::from_bytes(name).map_err(|_| refuse_method(name))
        }
        _ => Err(refuse_method(name)),
    }
}

fn refuse_method(name: &[u8]) -> Refusal {
    let shown = String::from_utf8_lossy(&name[..name.len().min(Limits::METHOD_MAX)]);
    let upper = name.to_ascii_uppercase();
    let hint = match upper.as_slice() {
        b"GET" | b"POST" | b"PUT" | b"DELETE" | b"HEAD" | b"OPTIONS" | b"PATCH" => {
            format!("; methods are case-sensitive, perhaps {} is meant", String::from_utf8_lossy(&upper))
        }
        _ => String::new(),
    };
    Refusal::new(
        Code::UnknownMethod,
        format!("request line: method {shown} is not implemented (RFC 9110 §15.6.2){hint}"),
    )
}

fn refuse_shape(line: &[u8]) -> Refusal {
    let rule = "expected METHOD SP target SP HTTP/1.1 with single spaces (RFC 9112 §3)";
    match line.iter().position(|&byte| !(0x20..0x7f).contains(&byte)) {
        Some(at) => {
            let found = show(line[at]);
            let column = at + 1;
            Refusal::malformed(format!("request line: {found} at byte {column}; {rule}"))
        }
        None => Refusal::malformed(format!("request line: {rule}")),
    }
}

/// A request line that has not ended within its bound: which part is too long?
pub(crate) fn refuse_long(seen: &[u8], limits: &Limits) -> Refusal {
    let method = &seen[..seen.len().min(Limits::METHOD_MAX + 1)];
    match method.iter().position(|&byte| !is_tchar(byte)) {
        Some(at) if method[at] == b' ' => refuse_long_target(limits),
        Some(at) => {
            let found = show(method[at]);
            let column = at + 1;
            Refusal::malformed(format!(
                "request line: {found} at byte {column} cannot stand in a method (RFC 9110 §9.1)"
            ))
        }
        // RFC 9112 §3: a method longer than any implemented is answered 501.
        None if is_token(method) => refuse_method(method),
        None => refuse_shape(seen),
    }
}

fn refuse_long_target(limits: &Limits) -> Refusal {
    let most = limits.target.min(Limits::TARGET_MAX).min(limits.head);
    Refusal::new(
        Code::TargetTooLong,
        format!("request line: the target is longer than {most} bytes (RFC 9110 §15.5.15)"),
    )
}
