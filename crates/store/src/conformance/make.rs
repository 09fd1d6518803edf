//! The words that the tables are written in.

use crate::commit::{Action, Condition, Must, RecordChange, Write};
use crate::item::{Item, Value};
use crate::name::{CollectionId, ItemKey, RecordKey};
use bytes::Bytes;
use std::time::Duration;

pub(super) fn bytes(of: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(of.as_ref())
}

pub(super) fn inline(of: impl AsRef<[u8]>) -> Value {
    Value::Inline(bytes(of))
}

pub(super) fn record_key(collection: CollectionId, record: impl AsRef<[u8]>) -> RecordKey {
    RecordKey { collection, id: bytes(record) }
}

pub(super) fn item_key(collection: CollectionId, record: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> ItemKey {
    ItemKey { record: record_key(collection, record), key: bytes(key) }
}

pub(super) fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Write {
    write(key, Action::Put(inline(value)))
}

pub(super) fn put_for(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: Duration) -> Write {
    Write { ttl: Some(ttl), ..put(key, value) }
}

pub(super) fn remove(key: impl AsRef<[u8]>) -> Write {
    write(key, Action::Delete)
}

pub(super) fn add(key: impl AsRef<[u8]>, amount: i64) -> Write {
    write(key, Action::Add(amount))
}

pub(super) fn write(key: impl AsRef<[u8]>, action: Action) -> Write {
    Write { key: bytes(key), action, ttl: None }
}

/// Writes to one record, whatever is there.
pub(super) fn change(record: impl AsRef<[u8]>, writes: Vec<Write>) -> RecordChange {
    RecordChange { record: bytes(record), conditions: Vec::new(), writes }
}

/// Writes to one record where every condition holds.
pub(super) fn change_if(
    record: impl AsRef<[u8]>,
    conditions: &[(&str, Must)],
    writes: Vec<Write>,
) -> RecordChange {
    let conditions =
        conditions.iter().map(|(key, must)| Condition { key: bytes(key), must: *must }).collect();
    RecordChange { record: bytes(record), conditions, writes }
}

/// What an item holds, as far as a person can read it.
pub(super) fn text(item: &Item) -> String {
    match &item.value {
        Value::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Chunked { blob, size } => format!("blob {blob} of {size}"),
    }
}

/// The number an item holds.
pub(super) fn number(item: &Item) -> Option<i64> {
    match &item.value {
        Value::Inline(bytes) => <[u8; 8]>::try_from(&bytes[..]).ok().map(i64::from_be_bytes),
        Value::Chunked { .. } => None,
    }
}
