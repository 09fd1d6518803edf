//! What a key can be made of.

use std::borrow::Cow;
use std::fmt;

/// What kind of values a field of a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A string.
    Text,
    /// Bytes.
    Bytes,
    /// An integer that can be negative, or the number of an enum.
    Signed,
    /// An integer that cannot.
    Unsigned,
    /// A bool.
    Boolean,
    /// A `google.protobuf.Timestamp`.
    Timestamp,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "text",
            Kind::Bytes => "bytes",
            Kind::Signed => "an integer",
            Kind::Unsigned => "an integer from 0 on",
            Kind::Boolean => "true or false",
            Kind::Timestamp => "a time",
        })
    }
}

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyValue<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// An integer that can be negative, or the number of an enum.
    Signed(i64),
    /// An integer that cannot.
    Unsigned(u64),
    /// A bool.
    Boolean(bool),
    /// Since 1970-01-01T00:00:00Z.
    Timestamp {
        /// Whole seconds, negative before 1970.
        seconds: i64,
        /// Nanoseconds from there on, below 1e9.
        nanos: u32,
    },
}
