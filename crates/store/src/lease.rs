//! Leases: an item that says who holds it, gone when the time is over.
//!
//! ```text
//!   take    put {holder, token: none} for the time, if absent        ──▶ the fencing token is the version of this put
//!   renew   put {holder, that token} for the time, if unchanged      ──▶ the same token
//!   release delete, if unchanged
//! ```
//!
//! Versions of a record only grow, so the token of a later holder is greater than that of every one before. Who acts for the holder
//! sends the token along as a [`crate::commit::Fence`]; the engine looks at the lease in the same step in which it writes.

use crate::item::{Item, UnixMs, Value, Version};
use bytes::Bytes;
use prost::Message;

/// A lease that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// By whom.
    pub holder: String,
    /// Greater than that of every holder before.
    pub token: Version,
    /// Until when, by the engine's clock. None: for good.
    pub until: Option<UnixMs>,
}

/// As it is stored.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    holder: String,
    /// 0: the version of the item itself.
    #[prost(uint64, tag = "2")]
    token: u64,
}

impl Lease {
    /// The lease that an item says.
    pub fn read(item: &Item) -> Option<Lease> {
        let Value::Inline(bytes) = &item.value else { return None };
        let stored = Stored::decode(bytes.clone()).ok()?;
        let token = if stored.token == 0 { item.version } else { Version(stored.token) };
        Some(Lease { holder: stored.holder, token, until: item.expires })
    }

    /// The value by which `holder` takes it, or with the token it has, keeps it.
    pub fn value(holder: &str, token: Option<Version>) -> Value {
        let stored = Stored { holder: holder.into(), token: token.map_or(0, |token| token.0) };
        Value::Inline(Bytes::from(stored.encode_to_vec()))
    }
}
