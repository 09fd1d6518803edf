//! Rows as bytes. All numbers are big-endian; the frame around them has the checksum.
//!
//! ```text
//!   I collection:4 record:4+n key:4+n version:8 updated:8 (0 │ 1 expires:8) (0 value:4+n │ 1 blob:8 size:8)
//!   C blob:8 number:4 data:4+n
//!   T time:8 nonce:16 version:8
//! ```

use crate::commit::Token;
use crate::engine::Row;
use crate::item::{Item, UnixMs, Value, Version};
use crate::name::{CollectionId, ItemKey, RecordKey};
use bytes::Bytes;

const ITEM: u8 = b'I';
const CHUNK: u8 = b'C';
const TOKEN: u8 = b'T';

/// Rows, one behind the other.
pub fn encode(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.iter().map(weight).sum());
    rows.iter().for_each(|row| put(row, &mut out));
    out
}

/// Roughly its bytes.
pub(super) fn weight(row: &Row) -> usize {
    match row {
        Row::Item(key, item) => {
            let value = if let Value::Inline(bytes) = &item.value { bytes.len() } else { 16 };
            48 + key.record.id.len() + key.key.len() + value
        }
        Row::Chunk { data, .. } => 17 + data.len(),
        Row::Token(..) => 33,
    }
}

fn put(row: &Row, out: &mut Vec<u8>) {
    match row {
        Row::Item(key, item) => {
            out.push(ITEM);
            out.extend(key.record.collection.0.to_be_bytes());
            put_bytes(&key.record.id, out);
            put_bytes(&key.key, out);
            out.extend(item.version.0.to_be_bytes());
            out.extend(item.updated.0.to_be_bytes());
            out.push(u8::from(item.expires.is_some()));
            if let Some(expires) = item.expires {
                out.extend(expires.0.to_be_bytes());
            }
            match &item.value {
                Value::Inline(bytes) => {
                    out.push(0);
                    put_bytes(bytes, out);
                }
                Value::Chunked { blob, size } => {
                    out.push(1);
                    out.extend(blob.to_be_bytes());
                    out.extend(size.to_be_bytes());
                }
            }
        }
        Row::Chunk { blob, number, data } => {
            out.push(CHUNK);
            out.extend(blob.to_be_bytes());
            out.extend(number.to_be_bytes());
            put_bytes(data, out);
        }
        Row::Token(token, version) => {
            out.push(TOKEN);
            out.extend(token.time.0.to_be_bytes());
            out.extend(token.nonce.to_be_bytes());
            out.extend(version.0.to_be_bytes());
        }
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The way back. The error is what does not fit.
pub fn decode(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut input = Input(bytes);
    while !input.0.is_empty() {
        let row = input.row().ok_or_else(|| format!("its row {} is none", rows.len()))?;
        rows.push(row);
    }
    Ok(rows)
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn row(&mut self) -> Option<Row> {
        match self.array::<1>()? {
            [ITEM] => {
                let collection = CollectionId(u32::from_be_bytes(self.array()?));
                let record = RecordKey { collection, id: self.bytes()? };
                let key = ItemKey { record, key: self.bytes()? };
                let (version, updated) = (Version(self.u64()?), self.time()?);
                let expires = match self.array::<1>()? {
                    [0] => None,
                    [1] => Some(self.time()?),
                    _ => return None,
                };
                let value = match self.array::<1>()? {
                    [0] => Value::Inline(self.bytes()?),
                    [1] => Value::Chunked { blob: self.u64()?, size: self.u64()? },
                    _ => return None,
                };
                Some(Row::Item(key, Item { value, version, updated, expires }))
            }
            [CHUNK] => {
                let (blob, number) = (self.u64()?, u32::from_be_bytes(self.array()?));
                Some(Row::Chunk { blob, number, data: self.bytes()? })
            }
            [TOKEN] => {
                let (time, nonce) = (self.time()?, u128::from_be_bytes(self.array()?));
                Some(Row::Token(Token { time, nonce }, Version(self.u64()?)))
            }
            _ => None,
        }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*front)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn time(&mut self) -> Option<UnixMs> {
        self.array().map(|bytes| UnixMs(i64::from_be_bytes(bytes)))
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let length = u32::from_be_bytes(self.array()?) as usize;
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Bytes::copy_from_slice(front))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from)
    }

    fn any_row() -> impl Strategy<Value = Row> {
        let value = prop_oneof![
            bytes(40).prop_map(Value::Inline),
            (any::<u64>(), any::<u64>()).prop_map(|(blob, size)| Value::Chunked { blob, size }),
        ];
        let item = (any::<u64>(), any::<i64>(), any::<Option<i64>>(), value).prop_map(
            |(version, updated, expires, value)| Item {
                value,
                version: Version(version),
                updated: UnixMs(updated),
                expires: expires.map(UnixMs),
            },
        );
        let key = (any::<u32>(), bytes(9), bytes(9)).prop_map(|(collection, id, key)| ItemKey {
            record: RecordKey { collection: CollectionId(collection), id },
            key,
        });
        prop_oneof![
            (key, item).prop_map(|(key, item)| Row::Item(key, item)),
            (any::<u64>(), any::<u32>(), bytes(40)).prop_map(|(blob, number, data)| Row::Chunk {
                blob,
                number,
                data
            }),
            (any::<i64>(), any::<u128>(), any::<u64>()).prop_map(|(time, nonce, version)| Row::Token(
                Token { time: UnixMs(time), nonce },
                Version(version)
            )),
        ]
    }

    proptest! {
        #[test]
        fn rows_come_back(rows in prop::collection::vec(any_row(), 0..8)) {
            let bytes = encode(&rows);
            prop_assert_eq!(decode(&bytes).unwrap(), rows.clone());
            prop_assert!(bytes.is_empty() || decode(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn what_is_no_row_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
