//! The store's own types as messages.

use crate::engine::Page;
use crate::item::{Item, UnixMs, Value};
use bytes::Bytes;
use tenet_api::store::v1 as api;

/// An item; a long value stays behind.
pub(super) fn item(key: &Bytes, item: &Item) -> api::Item {
    let value = match &item.value {
        Value::Inline(bytes) => bytes.to_vec(),
        Value::Chunked { .. } => Vec::new(),
    };
    api::Item {
        key: key.to_vec(),
        value,
        version: item.version.0,
        update_time: Some(time(item.updated)),
        expire_time: item.expires.map(time),
        size: item.value.size(),
    }
}

/// Bytes of the value that an answer carries.
pub(super) fn inline_bytes(item: &Item) -> usize {
    match &item.value {
        Value::Inline(bytes) => bytes.len(),
        Value::Chunked { .. } => 0,
    }
}

/// Bytes of keys and values in a page.
pub(super) fn bytes(page: &Page) -> usize {
    page.items.iter().map(|(key, item)| key.record.id.len() + key.key.len() + inline_bytes(item)).sum()
}

/// A moment.
pub(super) fn time(at: UnixMs) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.0.div_euclid(1000),
        nanos: (at.0.rem_euclid(1000) * 1_000_000) as i32,
    }
}

/// A time span.
pub(super) fn duration(of: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(of.as_secs()).unwrap_or(i64::MAX),
        nanos: of.subsec_nanos() as i32,
    }
}
