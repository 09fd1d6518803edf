//! Bounds that hold for every request, whatever it asks for.

use crate::exchange::{Exchange, Protocol};
use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tenet_error::{Code, Failure};

/// When to come back after a bound was reached: most bursts are shorter.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Refuses a request at once when the process serves as many as it may.
///
/// # Errors
/// `Overloaded`, with when to come back.
pub fn in_flight(exchange: &Exchange) -> Result<(), Failure> {
    let limit = exchange.program.limits().in_flight as usize;
    // This request is counted already.
    if exchange.worker.process.in_flight.load(Ordering::Relaxed) > limit {
        return Err(
            Failure::new(Code::Overloaded, "too many requests are in flight").with_retry_after(RETRY_AFTER)
        );
    }
    Ok(())
}

/// What the HTTP/1 codec checks of every head is checked of HTTP/2 heads here, and the authority of both.
///
/// # Errors
/// `HeadTooLarge`, `TargetTooLong`, `MalformedRequest`, `ExpectationFailed`, `UnknownMethod` or `Misdirected`.
pub fn head(exchange: &Exchange) -> Result<(), Failure> {
    if exchange.head.protocol == Protocol::Http2 {
        http2_head(exchange)?;
    }
    authority(exchange)
}

fn http2_head(exchange: &Exchange) -> Result<(), Failure> {
    let limits = exchange.program.limits();
    let head = &exchange.head;
    let target = head.target.as_str();
    if target.len() > limits.target.bytes() {
        return Err(Failure::new(
            Code::TargetTooLong,
            format!("the target is longer than {}", limits.target),
        ));
    }
    // Trace fields were added since: two more than came.
    if head.headers.len() > limits.headers as usize + 2 {
        return Err(Failure::new(Code::HeadTooLarge, format!("more than {} header fields", limits.headers)));
    }
    let bytes: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes + target.len() > limits.head.bytes() {
        return Err(Failure::new(Code::HeadTooLarge, format!("the head is larger than {}", limits.head)));
    }
    if head.method == http::Method::CONNECT {
        return Err(Failure::new(Code::UnknownMethod, format!("{} is not served", head.method)));
    }
    let asterisk = target == "*" && head.method == http::Method::OPTIONS;
    if !asterisk && !target.starts_with('/') {
        return Err(Failure::new(
            Code::MalformedRequest,
            ":path does not begin with a slash (RFC 9113 §8.3.1)",
        ));
    }
    if let Some(at) = bad_escape(head.target.path()) {
        return Err(Failure::new(
            Code::MalformedRequest,
            format!("byte {at} of :path: a % must be followed by two hexadecimal digits (RFC 3986 §2.1)"),
        ));
    }
    let mut lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    if let (Some(_), Some(_)) = (lengths.next(), lengths.next()) {
        return Err(Failure::new(Code::AmbiguousFraming, "Content-Length stands more than once"));
    }
    if let Some(expect) = head.headers.get(EXPECT)
        && !expect.as_bytes().eq_ignore_ascii_case(b"100-continue")
    {
        return Err(Code::ExpectationFailed.into());
    }
    if head.headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Failure::new(Code::MalformedRequest, "Host stands more than once (RFC 9110 §7.2)"));
    }
    if head.authority.is_none() && !head.headers.contains_key(HOST) {
        return Err(Failure::new(
            Code::MalformedRequest,
            "neither :authority nor Host is there (RFC 9113 §8.3.1)",
        ));
    }
    Ok(())
}

fn bad_escape(path: &str) -> Option<usize> {
    let bytes = path.as_bytes();
    memchr::memchr_iter(b'%', bytes).find(|at| {
        let digits = bytes.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn authority(exchange: &Exchange) -> Result<(), Failure> {
    let served = &exchange.program.config().authorities;
    if served.is_empty() || exchange.peer.door == crate::program::Door::Private {
        return Ok(());
    }
    let host = exchange.head.authority.as_ref().map(|authority| authority.host()).unwrap_or_default();
    if served.iter().any(|served| served.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(Failure::new(Code::Misdirected, format!("this gateway does not serve {host:?}")))
}

#[cfg(test)]
mod tests {
    use super::bad_escape;

    #[test]
    fn escapes_are_whole_or_found() {
        for (path, expected) in
            [("/a%2Fb", None), ("/%zz", Some(1)), ("/a%2", Some(2)), ("/%", Some(1)), ("/", None)]
        {
            assert_eq!(bad_escape(path), expected, "{path}");
        }
    }
}
