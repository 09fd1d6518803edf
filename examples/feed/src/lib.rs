//! A small social feed with a whale: what Tenet is shown and tested with.
//!
//! ```text
//!              ┌─▶ accounts ◀──────┐ whom does a user follow, what are they called
//!   gateway ───┼─▶ timeline ───────┘ (straight, or through the gateways' private listener)
//!              └─▶ payments
//! ```
//!
//! A thousand users, one of whom is a whale that follows fifty thousand fans, exist by arithmetic ([`seed`]); what is
//! written on top is kept on a [`shelf`], shared by the instances on one machine.

pub mod accounts;
mod check;
mod page;
pub mod payments;
pub mod seed;
pub mod shelf;
pub mod timeline;

/// Generated from `proto/`.
#[allow(missing_docs, clippy::all)]
mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

pub use contracts::feed as api;
pub use contracts::google;

/// The compiled contracts of all three services, with comments and options.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contracts.bin"));

/// The folder whose files make the instances on this machine see each other's writes: `FEED_JOURNAL`. Without it every
/// process keeps its own.
pub fn journal() -> Option<std::path::PathBuf> {
    std::env::var_os("FEED_JOURNAL").filter(|folder| !folder.is_empty()).map(Into::into)
}
