//! From a key's bytes back to its values.

use super::{END, ESCAPED, ZERO};
use crate::{KeyValue, Kind};
use std::borrow::Cow;

/// Bytes that are no key of the kinds that were expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// They are no value, or end inside of one.
    #[error("byte {at} of the key: expected {expected}")]
    Value {
        /// Where the value begins.
        at: usize,
        /// What was expected there.
        expected: Kind,
    },
    /// There are more than the values.
    #[error("byte {at} of the key: expected its end")]
    Rest {
        /// Where the rest begins.
        at: usize,
    },
}

/// The values of a key, which must be exactly of these kinds.
///
/// # Errors
/// The bytes are something else. Whatever is decoded encodes to the same bytes again.
pub fn decode(kinds: &[Kind], key: &[u8]) -> Result<Vec<KeyValue<'static>>, KeyError> {
    let mut rest = key;
    let mut values = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let at = key.len() - rest.len();
        values.push(value(*kind, &mut rest).ok_or(KeyError::Value { at, expected: *kind })?);
    }
    if rest.is_empty() { Ok(values) } else { Err(KeyError::Rest { at: key.len() - rest.len() }) }
}

fn value(kind: Kind, rest: &mut &[u8]) -> Option<KeyValue<'static>> {
    Some(match kind {
        Kind::Text => KeyValue::Text(Cow::Owned(String::from_utf8(bytes(rest)?).ok()?)),
        Kind::Bytes => KeyValue::Bytes(Cow::Owned(bytes(rest)?)),
        Kind::Signed => KeyValue::Signed(signed(rest)?),
        Kind::Unsigned => KeyValue::Unsigned(unsigned(rest)?),
        Kind::Boolean => match byte(rest)? {
            0 => KeyValue::Boolean(false),
            1 => KeyValue::Boolean(true),
            _ => return None,
        },
        Kind::Timestamp => KeyValue::Timestamp {
            seconds: signed(rest)?,
            nanos: u32::try_from(unsigned(rest)?).ok().filter(|nanos| *nanos < 1_000_000_000)?,
        },
    })
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        match byte(rest)? {
            0 => match byte(rest)? {
                ESCAPED => out.push(0),
                END => return Some(out),
                _ => return None,
            },
            other => out.push(other),
        }
    }
}

fn signed(rest: &mut &[u8]) -> Option<i64> {
    match integer(rest)? {
        (false, magnitude) => i64::try_from(magnitude).ok(),
        (true, magnitude) => 0i64.checked_sub_unsigned(magnitude),
    }
}

fn unsigned(rest: &mut &[u8]) -> Option<u64> {
    integer(rest).filter(|(negative, _)| !negative).map(|(_, magnitude)| magnitude)
}

/// Whether it is negative, and its magnitude.
fn integer(rest: &mut &[u8]) -> Option<(bool, u64)> {
    let head = byte(rest)?;
    let (negative, count) = (head < ZERO, usize::from(head.abs_diff(ZERO)));
    if count > size_of::<u64>() {
        return None;
    }
    let (digits, after) = rest.split_at_checked(count)?;
    *rest = after;
    let digit = |byte: &u8| u64::from(if negative { !byte } else { *byte });
    // A leading zero would be a second form of the same number.
    if digits.first().is_some_and(|first| digit(first) == 0) {
        return None;
    }
    Some((negative, digits.iter().fold(0, |magnitude, byte| magnitude << 8 | digit(byte))))
}
