//! `google.protobuf.Timestamp` as text, for those who show one without a message around it.

use super::timestamp;

/// RFC 3339 in UTC, with 0, 3, 6 or 9 digits of a second's fraction; `None` for what no Timestamp may hold: seconds outside the years 1
/// to 9999, or nanoseconds that make a second.
pub fn print(seconds: i64, nanos: u32) -> Option<String> {
    let mut out = Vec::with_capacity(30);
    let printed = timestamp::print(seconds, i32::try_from(nanos).ok()?, &mut out);
    if printed { String::from_utf8(out).ok() } else { None }
}

/// The seconds since 1970 and nanoseconds of an RFC 3339 text, with `Z` or an offset.
pub fn parse(text: &str) -> Option<(i64, u32)> {
    let (seconds, nanos) = timestamp::parse(text.as_bytes())?;
    Some((seconds, u32::try_from(nanos).ok()?))
}
