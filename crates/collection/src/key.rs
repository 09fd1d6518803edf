//! Keys: tuples of values as bytes that are ordered as the tuples are.
//!
//! | value | bytes |
//! |---|---|
//! | text, bytes | themselves, each 0x00 as 0x00 0xFF, then 0x00 0x01 |
//! | integer from 0 on | 0x80 + n, then its n bytes, most significant first, without leading zeros |
//! | integer below 0 | 0x80 − n, then the n bytes of its magnitude, likewise, each inverted |
//! | bool | 0x00 or 0x01 |
//! | time | its seconds, then its nanoseconds, both as integers |
//!
//! A tuple is its values one after the other. Three things follow, as they do from FoundationDB's tuple layer, whose idea this is (its layout
//! is another: here the schema knows the kinds, so that no byte is spent on them):
//! - Encoded tuples of the same kinds are ordered as their values, one after the other, are.
//! - No value's bytes begin with another's of its kind. So the key of `("u7",)` begins those of `("u7", x)` and no others, and what belongs
//!   to `("u7",)` is the range from its key to [`prefix_end`].
//! - An integer's bytes do not tell its width or whether it could have been negative: a field may grow from int32 to uint64, or become an
//!   enum, and keeps its keys.

mod read;

pub use read::{KeyError, decode};

use crate::KeyValue;

/// Longest id of a record and longest key of an item that the store takes (`tenet/store/v1/store.proto`), in bytes. Both together with their
/// prefixes fit into an index row of every engine that is thought of: PostgreSQL takes 2,704 bytes, MySQL 3,072, DynamoDB 2,048 + 1,024.
pub const MAX_KEY: usize = 512;

/// What an integer's first byte is moved by, so that the negative ones come before.
const ZERO: u8 = 0x80;
/// Stands for a byte 0x00 of a text, behind it.
const ESCAPED: u8 = 0xFF;
/// Ends a text, behind 0x00: less than [`ESCAPED`], so that a text comes before those that begin with it.
const END: u8 = 0x01;

/// Makes a key, value by value.
///
/// ```
/// use tenet_collection::KeyBuilder;
/// let user = KeyBuilder::new().text("u7").finish();
/// let post = KeyBuilder::new().text("u7").signed(-3).finish();
/// assert!(post.starts_with(&user) && post < KeyBuilder::new().text("u7").signed(4).finish());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyBuilder {
    bytes: Vec<u8>,
}

impl KeyBuilder {
    /// The key of no values.
    pub fn new() -> KeyBuilder {
        KeyBuilder::default()
    }

    /// Adds a string.
    #[must_use]
    pub fn text(self, value: &str) -> KeyBuilder {
        self.bytes(value.as_bytes())
    }

    /// Adds bytes. They are ordered as a string of the same bytes would be.
    #[must_use]
    pub fn bytes(mut self, value: &[u8]) -> KeyBuilder {
        self.escaped(value);
        self.bytes.extend([0, END]);
        self
    }

    /// Adds the beginning of a string: all keys whose next value is a string that begins so, and no others, begin with what is made. To be
    /// the last, for a range up to [`prefix_end`].
    #[must_use]
    pub fn text_beginning(mut self, value: &str) -> KeyBuilder {
        self.escaped(value.as_bytes());
        self
    }

    /// Adds an integer, or the number of an enum.
    #[must_use]
    pub fn signed(mut self, value: i64) -> KeyBuilder {
        self.integer(value.is_negative(), value.unsigned_abs());
        self
    }

    /// Adds an integer; where both can hold it, the same as [`KeyBuilder::signed`].
    #[must_use]
    pub fn unsigned(mut self, value: u64) -> KeyBuilder {
        self.integer(false, value);
        self
    }

    /// Adds a bool: false comes first.
    #[must_use]
    pub fn boolean(mut self, value: bool) -> KeyBuilder {
        self.bytes.push(u8::from(value));
        self
    }

    /// Adds a time: seconds since 1970, and the nanoseconds from there on, below 1e9.
    #[must_use]
    pub fn timestamp(self, seconds: i64, nanos: u32) -> KeyBuilder {
        self.signed(seconds).unsigned(u64::from(nanos))
    }

    /// Adds a value of any kind.
    #[must_use]
    pub fn value(self, value: &KeyValue<'_>) -> KeyBuilder {
        match value {
            KeyValue::Text(text) => self.text(text),
            KeyValue::Bytes(bytes) => self.bytes(bytes),
            KeyValue::Signed(number) => self.signed(*number),
            KeyValue::Unsigned(number) => self.unsigned(*number),
            KeyValue::Boolean(flag) => self.boolean(*flag),
            KeyValue::Timestamp { seconds, nanos } => self.timestamp(*seconds, *nanos),
        }
    }

    /// The key.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn escaped(&mut self, value: &[u8]) {
        self.bytes.reserve(value.len() + 2);
        for byte in value {
            self.bytes.push(*byte);
            if *byte == 0 {
                self.bytes.push(ESCAPED);
            }
        }
    }

    fn integer(&mut self, negative: bool, magnitude: u64) {
        let bytes = magnitude.to_be_bytes();
        let digits = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        // At most 8 bytes: the head stays between 0x78 and 0x88.
        let count = digits.len() as u8;
        if negative {
            self.bytes.push(ZERO - count);
            self.bytes.extend(digits.iter().map(|byte| !byte));
        } else {
            self.bytes.push(ZERO + count);
            self.bytes.extend(digits);
        }
    }
}

/// The first key after everything that begins with `prefix`; empty where nothing comes after it.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX).map_or(0, |last| last + 1);
    let mut end = prefix[..kept].to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

#[cfg(test)]
mod tests;
