//! A small social feed with a whale: accounts, timeline, payments.

/// Generated from `proto/`.
#[allow(missing_docs, clippy::all)]
mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

pub use contracts::feed as api;
pub use contracts::google;
