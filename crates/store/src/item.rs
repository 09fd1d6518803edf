//! Items as engines keep them.

use bytes::Bytes;
use std::time::Duration;

/// The longest value that an item holds itself; a longer one is kept in chunks of this size.
pub const MAX_VALUE: usize = 1 << 20;

/// Chunks of a value of `size` bytes that is kept in chunks.
pub fn chunks(size: u64) -> u64 {
    size.div_ceil(MAX_VALUE as u64)
}

/// Which change made an item. Versions grow with every change of a record and are never used again, also not after a removal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u64);

/// Milliseconds since 1970 by the clock of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// `time` later; the end of all time where that is sooner.
    pub fn after(self, time: Duration) -> UnixMs {
        UnixMs(self.0.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long until `later`; zero where that is past.
    pub fn until(self, later: UnixMs) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// What an item holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The value itself, at most [`MAX_VALUE`] bytes.
    Inline(Bytes),
    /// A longer value: its bytes lie beside, in chunks under this number.
    Chunked {
        /// What the chunks are kept under.
        blob: u64,
        /// Bytes in all.
        size: u64,
    },
}

impl Value {
    /// Bytes in all.
    pub fn size(&self) -> u64 {
        match self {
            Value::Inline(bytes) => bytes.len() as u64,
            Value::Chunked { size, .. } => *size,
        }
    }
}

/// An item without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it holds.
    pub value: Value,
    /// Which change made it.
    pub version: Version,
    /// When.
    pub updated: UnixMs,
    /// From when on it counts as gone. None: never.
    pub expires: Option<UnixMs>,
}

impl Item {
    /// Whether it is still there.
    pub fn lives(&self, now: UnixMs) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
