//! `[services.NAME.quota]`: what a service may take of the store.

use super::Size;
use serde::{Deserialize, Serialize};

/// What the namespace of a service may take of the store. Whatever is not said is not bounded.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Bytes of keys and values that it keeps, long values included, indexes not. Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Size>,
    /// Items that it keeps. Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// Requests a second, divided among the processes of the store; each read of a BatchGet is one. Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Requests at once, divided likewise. Default: `requests`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Bytes of keys and values a second that it writes and reads, divided likewise; at once, as many as in a second. Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<Size>,
}

impl Quota {
    /// Whether it bounds nothing.
    pub fn is_none(&self) -> bool {
        *self == Quota::default()
    }
}
