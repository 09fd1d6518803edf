//! What stands behind the keys: each row ends with a checksum of its key and itself.

use crate::decide::Change;
use crate::engine::{Collection, EngineError, Size, Stamp};
use crate::item::{Item, UnixMs, Value, Version};
use crate::name::{CollectionId, CollectionName, ItemKey, Name};
use bytes::Bytes;
use std::time::Duration;

const INLINE: u8 = 0;
const CHUNKED: u8 = 1;
const GONE: u8 = 2;

/// A row as it is stored: with its checksum (CRC-32, ISO 3309) behind it.
pub(super) fn seal(key: &[u8], mut row: Vec<u8>) -> Vec<u8> {
    let sum = checksum(key, &row);
    row.extend(sum.to_be_bytes());
    row
}

/// A row without its checksum, which must be right.
pub(super) fn open<'r>(place: &'static str, key: &[u8], row: &'r [u8]) -> Result<&'r [u8], EngineError> {
    match row.split_last_chunk::<4>() {
        Some((row, sum)) if u32::from_be_bytes(*sum) == checksum(key, row) => Ok(row),
        _ => Err(EngineError::Corrupt {
            place: place.into(),
            what: format!("the row of the key {key:02x?} does not match its checksum"),
        }),
    }
}

fn checksum(key: &[u8], row: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(row);
    hasher.finalize()
}

/// Reads numbers off the front of a row.
struct Row<'a> {
    place: &'static str,
    rest: &'a [u8],
}

impl<'a> Row<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], EngineError> {
        let (front, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.bad("it ends too soon"))?;
        self.rest = rest;
        Ok(*front)
    }

    fn u64(&mut self) -> Result<u64, EngineError> {
        self.array().map(u64::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, EngineError> {
        self.array().map(u32::from_be_bytes)
    }

    fn time(&mut self) -> Result<UnixMs, EngineError> {
        self.array().map(|bytes| UnixMs(i64::from_be_bytes(bytes)))
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], EngineError> {
        let (front, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.bad("it ends too soon"))?;
        self.rest = rest;
        Ok(front)
    }

    fn bad(&self, what: &str) -> EngineError {
        EngineError::Corrupt { place: self.place.into(), what: format!("a row is wrong: {what}") }
    }
}

/// Version, when, until when (0: for good), kind, then the value or the number and size of its chunks.
pub(super) fn item(key: &[u8], item: &Item) -> Vec<u8> {
    seal(key, bare_item(item))
}

fn bare_item(item: &Item) -> Vec<u8> {
    let mut row =
        Vec::with_capacity(29 + if let Value::Inline(bytes) = &item.value { bytes.len() } else { 16 });
    row.extend(item.version.0.to_be_bytes());
    row.extend(item.updated.0.to_be_bytes());
    row.extend(item.expires.map_or(0, |at| at.0).to_be_bytes());
    match &item.value {
        Value::Inline(bytes) => {
            row.push(INLINE);
            row.extend_from_slice(bytes);
        }
        Value::Chunked { blob, size } => {
            row.push(CHUNKED);
            row.extend(blob.to_be_bytes());
            row.extend(size.to_be_bytes());
        }
    }
    row
}

/// See [`item`].
pub(super) fn read_item(key: &[u8], row: &[u8]) -> Result<Item, EngineError> {
    read_bare_item(open("items", key, row)?)
}

fn read_bare_item(row: &[u8]) -> Result<Item, EngineError> {
    let mut row = Row { place: "items", rest: row };
    let version = Version(row.u64()?);
    let (updated, expires) = (row.time()?, row.time()?);
    let value = match row.array::<1>()? {
        [INLINE] => Value::Inline(Bytes::copy_from_slice(row.rest)),
        [CHUNKED] => Value::Chunked { blob: row.u64()?, size: row.u64()? },
        [kind] => return Err(row.bad(&format!("{kind} is no kind of value"))),
    };
    Ok(Item { value, version, updated, expires: (expires.0 != 0).then_some(expires) })
}

/// When it was made, the item's key with its length, and the item or that it is gone.
pub(super) fn change(place: &[u8], change: &Change, key: &[u8], now: UnixMs) -> Vec<u8> {
    let mut row = Vec::with_capacity(64 + key.len());
    row.extend(now.0.to_be_bytes());
    row.extend((key.len() as u32).to_be_bytes());
    row.extend_from_slice(key);
    match &change.now {
        Some(now) => row.extend(bare_item(now)),
        None => {
            row.extend(change.version.0.to_be_bytes());
            row.extend([0; 16]);
            row.push(GONE);
        }
    }
    seal(place, row)
}

/// See [`change`]: when it was made, and what it was.
pub(super) fn read_change(place: &[u8], row: &[u8]) -> Result<(UnixMs, Change), EngineError> {
    let mut row = Row { place: "changes", rest: open("changes", place, row)? };
    let made = row.time()?;
    let length = row.u32()? as usize;
    let item: ItemKey = super::keys::read_item(row.bytes(length)?)?;
    let gone = row.rest.get(24) == Some(&GONE);
    if gone {
        return Ok((made, Change { item, now: None, version: Version(row.u64()?) }));
    }
    let now = read_bare_item(row.rest)?;
    Ok((made, Change { item, version: now.version, now: Some(now) }))
}

/// Number, retention and layout of a collection, under its name.
pub(super) fn collection(key: &[u8], id: CollectionId, of: &Collection) -> Vec<u8> {
    let retention = u64::try_from(of.retention.as_millis()).unwrap_or(u64::MAX);
    seal(key, [&id.0.to_be_bytes()[..], &retention.to_be_bytes(), &of.layout.to_be_bytes()].concat())
}

/// See [`collection`].
pub(super) fn read_collection(key: &[u8], row: &[u8]) -> Result<(CollectionId, Collection), EngineError> {
    let mut row = Row { place: "collections", rest: open("collections", key, row)? };
    let (id, retention) = (CollectionId(row.u32()?), Duration::from_millis(row.u64()?));
    // Rows of before there were indexes have none.
    let layout = if row.rest.is_empty() { 0 } else { row.u64()? };
    let name = std::str::from_utf8(key).ok().and_then(|key| key.split_once('/'));
    let name = name.and_then(|(namespace, collection)| {
        Some(CollectionName {
            namespace: Name::new(namespace).ok()?,
            collection: Name::stored(collection).ok()?,
        })
    });
    Ok((id, Collection { name: name.ok_or_else(|| row.bad("its key is no name"))?, retention, layout }))
}

/// An owner.
pub(super) fn stamp(key: &[u8], stamp: &Stamp) -> Vec<u8> {
    seal(key, [&stamp.id.to_be_bytes()[..], stamp.owner.as_bytes()].concat())
}

/// See [`stamp`].
pub(super) fn read_stamp(key: &[u8], row: &[u8]) -> Result<Stamp, EngineError> {
    let mut row = Row { place: "meta", rest: open("meta", key, row)? };
    let id = u128::from_be_bytes(row.array()?);
    let owner = std::str::from_utf8(row.rest).map_err(|_| row.bad("the owner's name is no text"))?;
    Ok(Stamp { owner: owner.into(), id })
}

/// How much there is of a collection.
pub(super) fn size(key: &[u8], size: &Size) -> Vec<u8> {
    let numbers = [size.records, size.items, size.bytes];
    seal(key, numbers.into_iter().flat_map(u64::to_be_bytes).collect())
}

/// See [`size`].
pub(super) fn read_size(key: &[u8], row: &[u8]) -> Result<Size, EngineError> {
    let mut row = Row { place: "meta", rest: open("meta", key, row)? };
    Ok(Size { records: row.u64()?, items: row.u64()?, bytes: row.u64()? })
}

/// One number.
pub(super) fn number(key: &[u8], number: u64) -> Vec<u8> {
    seal(key, number.to_be_bytes().to_vec())
}

/// See [`number`].
pub(super) fn read_number(place: &'static str, key: &[u8], row: &[u8]) -> Result<u64, EngineError> {
    Row { place, rest: open(place, key, row)? }.u64()
}

/// One time.
pub(super) fn time(key: &[u8], at: UnixMs) -> Vec<u8> {
    seal(key, at.0.to_be_bytes().to_vec())
}

/// See [`time`].
pub(super) fn read_time(place: &'static str, key: &[u8], row: &[u8]) -> Result<UnixMs, EngineError> {
    Row { place, rest: open(place, key, row)? }.time()
}

/// A backup that is being restored, and how many parts of it are here.
pub(super) fn loading(key: &[u8], backup: u128, parts: u64) -> Vec<u8> {
    seal(key, [&backup.to_be_bytes()[..], &parts.to_be_bytes()].concat())
}

/// See [`loading`].
pub(super) fn read_loading(key: &[u8], row: &[u8]) -> Result<(u128, u64), EngineError> {
    let mut row = Row { place: "meta", rest: open("meta", key, row)? };
    Ok((u128::from_be_bytes(row.array()?), row.u64()?))
}
