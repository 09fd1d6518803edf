//! What the fields say about the message and the connection: body length, persistence, expectation.

use super::fields::{Known, Seen};
use super::request_line::{RequestLine, Version};
use crate::Refusal;
use crate::grammar::{is_token, list};
use http::Method;
use http::header::{CONNECTION, EXPECT, HeaderMap};
use tenet_error::Code;

/// Largest `Content-Length` and chunk size: what fits a signed 64-bit number, which is what others count in.
pub(crate) const LENGTH_MAX: u64 = i64::MAX as u64;

/// How the end of a body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body. `Content-Length: 0` is [`BodyLength::Exact`]`(0)`.
    None,
    /// So many bytes follow.
    Exact(u64),
    /// Chunks follow.
    Chunked,
}

pub(crate) fn body_length(line: &RequestLine, known: &Known) -> Result<BodyLength, Refusal> {
    match (&known.transfer_encoding, &known.content_length) {
        (Seen { count: 0, .. }, Seen { count: 0, .. }) => without_length(line),
        (Seen { count: 0, .. }, Seen { count: 1, value: Some(value) }) => {
            content_length(value).map(BodyLength::Exact)
        }
        // RFC 9110 §8.6 would let equal values pass as one; whoever repeats them has merged two messages or wants us to.
        (Seen { count: 0, .. }, Seen { count, .. }) => Err(Refusal::ambiguous(format!(
            "Content-Length occurs {count} times, expected one (RFC 9112 §6.3)"
        ))),
        (transfer_encoding, Seen { count: 0, .. }) => chunked(line.version, transfer_encoding),
        // RFC 9112 §6.3 rule 3: ought to be handled as an error.
        _ => Err(Refusal::ambiguous("both Content-Length and Transfer-Encoding are present (RFC 9112 §6.3)")),
    }
}

/// RFC 9112 §6.3 rule 7: no body. HTTP/1.0 ended bodies by closing, which a request cannot; RFC 1945 §8.3 makes the
/// length a must for methods that carry one.
fn without_length(line: &RequestLine) -> Result<BodyLength, Refusal> {
    let carries_body =
        line.method == Method::POST || line.method == Method::PUT || line.method == Method::PATCH;
    if line.version == Version::Http10 && carries_body {
        let detail = format!("{} over HTTP/1.0 needs Content-Length (RFC 1945 §8.3)", line.method);
        return Err(Refusal::new(Code::LengthRequired, detail));
    }
    Ok(BodyLength::None)
}

/// `1*DIGIT` (RFC 9110 §8.6), without sign, list or overflow.
pub(crate) fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.contains(&b',') {
        return Err(Refusal::ambiguous("Content-Length is a list, expected one number (RFC 9112 §6.3)"));
    }
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::malformed("Content-Length is not a decimal number (RFC 9110 §8.6)"));
    }
    value
        .iter()
        .try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|number| *number <= LENGTH_MAX)
        .ok_or_else(|| {
            Refusal::malformed(format!("Content-Length is greater than {LENGTH_MAX} (RFC 9110 §8.6)"))
        })
}

/// Only the one coding `chunked`, in one line (RFC 9112 §6.1, §7).
pub(crate) fn chunked(version: Version, seen: &Seen) -> Result<BodyLength, Refusal> {
    let value = seen.value.as_deref().unwrap_or_default();
    if version == Version::Http10 {
        // RFC 9112 §6.1: the framing is faulty, whatever the coding.
        return Err(Refusal::ambiguous("Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1)"));
    }
    if seen.count > 1 {
        let count = seen.count;
        return Err(Refusal::ambiguous(format!(
            "Transfer-Encoding occurs {count} times, expected one (RFC 9112 §6.1)"
        )));
    }
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(BodyLength::Chunked);
    }
    let codings: Vec<&[u8]> = value.split(|&byte| byte == b',').map(crate::grammar::trim_ows).collect();
    let named = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let one_final =
        codings.last().is_some_and(named) && codings.iter().filter(|coding| named(coding)).count() == 1;
    if one_final && codings.iter().all(|coding| is_token(coding)) {
        // Well-framed, but a coding inside that we do not undo.
        return Err(Refusal::new(
            Code::UnknownTransferCoding,
            "Transfer-Encoding has a coding besides chunked, which is not implemented (RFC 9112 §6.1)",
        ));
    }
    // RFC 9112 §6.3 rule 4: without a final chunked the length cannot be determined.
    Err(Refusal::ambiguous("Transfer-Encoding is not exactly `chunked` (RFC 9112 §6.3)"))
}

/// RFC 9112 §9.3. A malformed `Connection` is refused: what it nominates could not be removed.
pub(crate) fn keep_alive(version: Version, known: &Known, headers: &HeaderMap) -> Result<bool, Refusal> {
    let mut keep_alive = version == Version::Http11;
    match &known.connection {
        Seen { count: 0, .. } => return Ok(keep_alive),
        // What nearly every client that sends one sends.
        Seen { count: 1, value: Some(value) } if value.eq_ignore_ascii_case(b"keep-alive") => {
            return Ok(true);
        }
        _ => {}
    }
    let mut close = false;
    for option in headers.get_all(CONNECTION).iter().flat_map(|value| list(value.as_bytes())) {
        if option.eq_ignore_ascii_case(b"close") {
            close = true;
        } else if option.eq_ignore_ascii_case(b"keep-alive") {
            keep_alive = true;
        } else if !is_token(option) {
            return Err(Refusal::malformed("Connection is not a list of tokens (RFC 9110 §7.6.1)"));
        }
    }
    Ok(keep_alive && !close)
}

/// RFC 9110 §10.1.1: only `100-continue` is known; HTTP/1.0 senders and requests without a body wait for nothing.
pub(crate) fn expect_continue(
    version: Version,
    body: BodyLength,
    known: &Known,
    headers: &HeaderMap,
) -> Result<bool, Refusal> {
    if !known.expect || version == Version::Http10 {
        return Ok(false);
    }
    let mut expected = false;
    for expectation in headers.get_all(EXPECT).iter().flat_map(|value| list(value.as_bytes())) {
        if !expectation.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::new(
                Code::ExpectationFailed,
                "Expect has something other than 100-continue (RFC 9110 §10.1.1)",
            ));
        }
        expected = true;
    }
    Ok(expected && !matches!(body, BodyLength::None | BodyLength::Exact(0)))
}
