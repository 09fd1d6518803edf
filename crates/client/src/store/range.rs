//! What a scan goes over: records, or the items of one record, between two keys, in either direction.

use super::key::Part;
use super::{IntoKey, Key, schema};
use tenet_api::store::v1 as api;
use tenet_collection::{KeyBuilder, KeyField, Kind, Schema, prefix_end};

/// What a scan goes over, in the order of keys. Bounds are of the values that come after those of [`of`](Range::of) or
/// [`record`](Range::record); fewer values than the key has stand for all keys that begin with them.
#[derive(Clone, Debug, Default)]
#[must_use = "a range does nothing before it is scanned"]
pub struct Range {
    within: Within,
    start: Option<(Key, Side)>,
    end: Option<(Key, Side)>,
    beginning: Option<String>,
    pub(super) reverse: bool,
    pub(super) limit: u32,
    pub(super) page_bytes: u32,
}

#[derive(Clone, Debug, Default)]
enum Within {
    #[default]
    All,
    Of(Key),
    Record(Key),
}

/// On which side of the keys that begin with a bound it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// A range as it is asked for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wire {
    pub(super) record_id: Vec<u8>,
    pub(super) range: api::KeyRange,
}

impl Range {
    /// All of a collection.
    pub fn all() -> Range {
        Range::default()
    }

    /// The records whose keys begin with these values; in an index, those found under them.
    pub fn of(key: impl IntoKey) -> Range {
        Range { within: Within::Of(key.into_key()), ..Range::default() }
    }

    /// The items of one record, in the order of their keys.
    pub fn record(key: impl IntoKey) -> Range {
        Range { within: Within::Record(key.into_key()), ..Range::default() }
    }

    /// From this key on.
    pub fn starting_at(self, key: impl IntoKey) -> Range {
        Range { start: Some((key.into_key(), Side::Before)), ..self }
    }

    /// From behind this key on: where the page before it has ended.
    pub fn after(self, key: impl IntoKey) -> Range {
        Range { start: Some((key.into_key(), Side::After)), ..self }
    }

    /// Up to before this key.
    pub fn until(self, key: impl IntoKey) -> Range {
        Range { end: Some((key.into_key(), Side::Before)), ..self }
    }

    /// Up to this key, and with it.
    pub fn through(self, key: impl IntoKey) -> Range {
        Range { end: Some((key.into_key(), Side::After)), ..self }
    }

    /// Only where the next value is a text that begins so. It takes the place of bounds.
    pub fn beginning(self, text: &str) -> Range {
        Range { beginning: Some(text.to_owned()), ..self }
    }

    /// From the last to the first.
    pub fn reverse(self) -> Range {
        Range { reverse: true, ..self }
    }

    /// Ends after so many messages. 0: no such bound.
    pub fn limit(self, messages: u32) -> Range {
        Range { limit: messages, ..self }
    }

    /// Bytes of keys and values that come at a time, at most 4 MiB: what is held here. Default: 1 MiB.
    pub fn page_bytes(self, bytes: u32) -> Range {
        Range { page_bytes: bytes, ..self }
    }

    /// As it is asked for, of a collection.
    pub(super) fn wire(&self, schema: &Schema) -> Result<Wire, String> {
        match &self.within {
            Within::All => self.bytes(Vec::new(), schema.record(), &[]),
            Within::Of(key) => self.bytes(Vec::new(), schema.record(), &key.0),
            Within::Record(key) => self.bytes(schema::record(schema, key)?, schema.item(), &[]),
        }
    }

    /// As it is asked for, of an index.
    pub(super) fn wire_of_index(&self, schema: &Schema, name: &str) -> Result<Wire, String> {
        let Some(index) = schema.indexes.iter().find(|index| index.name == name) else {
            let names: Vec<&str> = schema.indexes.iter().map(|index| index.name.as_str()).collect();
            let there = if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has {}", names.join(", "))
            };
            return Err(format!("no index {name:?}: {there}"));
        };
        match &self.within {
            Within::All => self.bytes(Vec::new(), &index.fields, &[]),
            Within::Of(key) => self.bytes(Vec::new(), &index.fields, &key.0),
            Within::Record(_) => Err("a record has no index: expected Range::of or Range::all".into()),
        }
    }

    fn bytes(&self, record_id: Vec<u8>, fields: &[KeyField], first: &[Part]) -> Result<Wire, String> {
        let all: Vec<&KeyField> = fields.iter().collect();
        let key = |key: Option<&Key>| {
            let parts = [first, key.map_or(&[], |key| &key.0[..])].concat();
            schema::encode(fields, &parts).ok_or_else(|| {
                format!(
                    "expected the first of the values {}, found {}",
                    schema::expected(&all),
                    schema::found(&parts)
                )
            })
        };
        let side = |(bound, side): &(Key, Side)| {
            let key = key(Some(bound))?;
            Ok::<_, String>(if *side == Side::After { prefix_end(&key) } else { key })
        };
        let mut prefix = key(None)?;
        if let Some(text) = &self.beginning {
            if fields.get(first.len()).is_none_or(|field| field.kind != Kind::Text) {
                return Err(format!(
                    "expected a text behind {} of {}",
                    schema::found(first),
                    schema::expected(&all)
                ));
            }
            prefix.extend(KeyBuilder::new().text_beginning(text).finish());
            return Ok(Wire { record_id, range: api::KeyRange { end: prefix_end(&prefix), start: prefix } });
        }
        let start = self.start.as_ref().map(side).transpose()?.unwrap_or_else(|| prefix.clone());
        let end = self.end.as_ref().map(side).transpose()?.unwrap_or_else(|| prefix_end(&prefix));
        Ok(Wire { record_id, range: api::KeyRange { start, end } })
    }
}

impl<K: IntoKey> From<K> for Range {
    /// As [`Range::of`].
    fn from(key: K) -> Range {
        Range::of(key)
    }
}

impl From<std::ops::RangeFull> for Range {
    fn from(_: std::ops::RangeFull) -> Range {
        Range::all()
    }
}
