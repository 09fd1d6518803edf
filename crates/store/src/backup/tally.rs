//! What rows come to: counts, and a sum of their content that does not depend on the order or on the numbers of collections.
//!
//! Also where what must be so of rows is looked at: that a long value's chunks follow it, all of them, and that each row is once and in order.

use super::{BackupError, Walk};
use crate::engine::{Row, SharedSnapshot};
use crate::item::{self, MAX_VALUE, Value};
use crate::name::{CollectionId, ItemKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Collections by their numbers.
pub type Names = HashMap<CollectionId, String>;

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Items.
    pub items: u64,
    /// Items among them that are over at some time: a later look may not find them.
    pub mortal: u64,
    /// Chunks of long values.
    pub chunks: u64,
    /// Tokens.
    pub tokens: u64,
    /// Bytes of keys and values, with those in chunks.
    pub bytes: u64,
    /// The sum of the hashes of what stays: equal where the same was counted, in whatever order. Hexadecimal.
    #[serde(with = "hex")]
    pub content: u128,
    #[serde(skip)]
    last: Last,
}

/// What came before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Last {
    item: Option<ItemKey>,
    /// The chunks of it that are still to come: blob, next number, how many, bytes of all, and whether the item stays.
    chunks: Option<(u64, u32, u64, u64, bool)>,
    token: Option<crate::commit::Token>,
}

impl Tally {
    /// Of all that a snapshot shows. `at` is told how far it is.
    ///
    /// # Errors
    /// It cannot be read, or something of it cannot be so.
    pub async fn of(snapshot: SharedSnapshot, mut at: impl FnMut(&Tally)) -> Result<Tally, BackupError> {
        let names = snapshot.moment().collections.iter().map(|(id, of)| (*id, of.name.to_string())).collect();
        let mut tally = Tally::default();
        let mut walk = Walk::all(snapshot, None)?;
        loop {
            let rows = walk.next().await?;
            if rows.is_empty() {
                tally.end().map_err(BackupError::Kept)?;
                return Ok(tally);
            }
            tally.count(&rows, &names).map_err(BackupError::Kept)?;
            at(&tally);
        }
    }

    /// Counts rows. `names` are the collections by their numbers. The error is what cannot be so.
    pub fn count(&mut self, rows: &[Row], names: &Names) -> Result<(), String> {
        rows.iter().try_for_each(|row| self.one(row, names))
    }

    /// Nothing may be missing at the end. The error is what is.
    pub fn end(&self) -> Result<(), String> {
        self.no_chunks_missing()
    }

    /// The counts alone.
    pub(super) fn counts(&self) -> Tally {
        Tally { last: Last::default(), ..self.clone() }
    }

    fn no_chunks_missing(&self) -> Result<(), String> {
        match &self.last.chunks {
            None => Ok(()),
            Some((blob, next, of, ..)) => {
                Err(format!("the value {blob:016x} has {of} chunks, and chunk {next} is missing"))
            }
        }
    }

    fn one(&mut self, row: &Row, names: &Names) -> Result<(), String> {
        match row {
            Row::Item(key, item) => {
                self.no_chunks_missing()?;
                let id = key.record.collection;
                let name = names.get(&id).ok_or_else(|| {
                    format!("an item is of the collection {}, which is not among those of the head", id.0)
                })?;
                if self.last.token.is_some() || self.last.item.as_ref().is_some_and(|last| last >= key) {
                    return Err(format!("an item of {name} is not in the order of keys"));
                }
                self.items += 1;
                self.bytes += (key.record.id.len() + key.key.len()) as u64 + item.value.size();
                self.mortal += u64::from(item.expires.is_some());
                if item.expires.is_none() {
                    self.add(name, row, names);
                }
                if let Value::Chunked { blob, size } = item.value {
                    let of = item::chunks(size);
                    self.last.chunks = (of > 0).then_some((blob, 0, of, size, item.expires.is_none()));
                }
                self.last.item = Some(key.clone());
            }
            Row::Chunk { blob, number, data } => {
                let Some((of_blob, next, of, size, stays)) =
                    self.last.chunks.filter(|(of, next, ..)| (of, next) == (blob, number))
                else {
                    return Err(format!(
                        "the chunk {number} of {blob:016x} does not belong to the item before it"
                    ));
                };
                let last = u64::from(next) + 1 == of;
                let expected = if last { size - (of - 1) * MAX_VALUE as u64 } else { MAX_VALUE as u64 };
                if data.len() as u64 != expected {
                    return Err(format!(
                        "the chunk {number} of {blob:016x} has {} bytes, expected {expected}",
                        data.len()
                    ));
                }
                self.chunks += 1;
                if stays {
                    self.add("", row, names);
                }
                self.last.chunks = (!last).then_some((of_blob, next + 1, of, size, stays));
            }
            Row::Token(token, _) => {
                self.no_chunks_missing()?;
                if self.last.token.is_some_and(|last| last >= *token) {
                    return Err("a token is not in their order".into());
                }
                self.tokens += 1;
                self.last.token = Some(*token);
            }
        }
        Ok(())
    }

    /// Adds the hash of a row, of which numbers of collections are no part.
    fn add(&mut self, name: &str, row: &Row, names: &Names) {
        let mut hash = Sha256::new();
        hash.update(name.as_bytes());
        hash.update([0]);
        match row {
            Row::Item(key, item) => {
                let mut key = key.clone();
                key.record.collection = CollectionId(0);
                // The state of an index is found by a collection's number, which is another in another engine.
                let of = crate::typed::state_of(name, &key.record.id).and_then(|id| names.get(&id));
                if let Some(of) = of {
                    key.record.id = of.clone().into();
                }
                hash.update(super::row::encode(&[Row::Item(key, item.clone())]));
            }
            other => hash.update(super::row::encode(std::slice::from_ref(other))),
        }
        let sum: [u8; 32] = hash.finalize().into();
        let first = sum.first_chunk::<16>().copied().unwrap_or_default();
        self.content = self.content.wrapping_add(u128::from_be_bytes(first));
    }
}

/// 128 bits as hexadecimal digits: JSON's numbers are too small.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(number: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{number:032x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
