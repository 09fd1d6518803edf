//! Percent-decoding of what a path variable captured.

use std::borrow::Cow;

/// A capture that is no text once decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// A `%` that two hexadecimal digits do not follow (RFC 3986 §2.1).
    #[error("`%` at byte {offset} of the path segment is not followed by two hexadecimal digits")]
    Escape {
        /// Byte offset in the raw capture.
        offset: usize,
    },
    /// The decoded bytes are not UTF-8.
    #[error("the percent-decoded path segment is not UTF-8 (from byte {offset} of the decoded text)")]
    Utf8 {
        /// Byte offset in the decoded bytes.
        offset: usize,
    },
}

/// Decodes a raw capture as [`Router::find`](crate::Router::find) gives it.
///
/// `multi` says that the variable can span several segments
/// ([`Variable::multi_segment`](crate::template::Variable::multi_segment)): then `%2F` stays as it is written, because
/// decoding it would move the boundary between segments (google/api/http.proto, "simple and reserved expansion"). A
/// single-segment capture is decoded wholly. `+` is itself in a path (RFC 3986), never a space.
///
/// # Errors
/// A broken escape, or bytes that are not UTF-8: the caller sent an invalid parameter.
pub fn decode_capture(raw: &str, multi: bool) -> Result<Cow<'_, str>, CaptureError> {
    let bytes = raw.as_bytes();
    let Some(first) = memchr::memchr(b'%', bytes) else { return Ok(Cow::Borrowed(raw)) };
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..first]);
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            out.push(byte);
            at += 1;
            continue;
        }
        let escape =
            bytes.get(at + 1).zip(bytes.get(at + 2)).and_then(|(&h, &l)| Some(hex(h)? << 4 | hex(l)?));
        let decoded = escape.ok_or(CaptureError::Escape { offset: at })?;
        if multi && decoded == b'/' {
            out.extend_from_slice(&bytes[at..at + 3]);
        } else {
            out.push(decoded);
        }
        at += 3;
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|error| CaptureError::Utf8 { offset: error.utf8_error().valid_up_to() })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_by_the_rules_of_simple_and_reserved_expansion() {
        let rows: &[(&str, bool, Result<&str, CaptureError>)] = &[
            ("plain", false, Ok("plain")),
            ("", false, Ok("")),
            ("a%20b", false, Ok("a b")),
            ("a+b", false, Ok("a+b")),
            ("a%2Fb", false, Ok("a/b")),
            ("a%2Fb%2fc/d", true, Ok("a%2Fb%2fc/d")),
            ("a%3Fb%20c", true, Ok("a?b c")),
            ("%C3%A9", false, Ok("é")),
            ("%", false, Err(CaptureError::Escape { offset: 0 })),
            ("ab%4", false, Err(CaptureError::Escape { offset: 2 })),
            ("ab%zz", true, Err(CaptureError::Escape { offset: 2 })),
            ("ab%C3", false, Err(CaptureError::Utf8 { offset: 2 })),
            ("%00", false, Ok("\0")),
        ];
        for (raw, multi, want) in rows {
            assert_eq!(decode_capture(raw, *multi).as_deref(), want.as_ref().map(|s| *s), "{raw:?} {multi}");
        }
    }
}
