//! Between items and rows: columns of arrays on the way in, values and times on the way out.

use super::failure::Failure;
use crate::commit::Token;
use crate::engine::EngineError;
use crate::item::{Item, UnixMs, Value, Version};
use crate::name::{CollectionId, ItemKey};
use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// Keys of items, a column for each part.
#[derive(Default)]
pub(super) struct Keys<'a> {
    pub collections: Vec<i32>,
    pub records: Vec<&'a [u8]>,
    pub keys: Vec<&'a [u8]>,
}

impl<'a> Keys<'a> {
    /// Of these.
    pub fn of(keys: impl IntoIterator<Item = &'a ItemKey>) -> Result<Keys<'a>, Failure> {
        let mut columns = Keys::default();
        keys.into_iter().try_for_each(|key| columns.push(key))?;
        Ok(columns)
    }

    /// One more.
    pub fn push(&mut self, key: &'a ItemKey) -> Result<(), Failure> {
        self.collections.push(collection(key.record.collection)?);
        self.records.push(&key.record.id);
        self.keys.push(&key.key);
        Ok(())
    }
}

/// What items hold, a column for each part.
#[derive(Default)]
pub(super) struct Values<'a> {
    pub values: Vec<Option<&'a [u8]>>,
    pub blobs: Vec<Option<i64>>,
    pub sizes: Vec<Option<i64>>,
    pub expires: Vec<Option<i64>>,
}

impl<'a> Values<'a> {
    /// One more; of a removal all parts are null.
    pub fn push(&mut self, item: Option<&'a Item>) {
        let (value, blob, size) = match item.map(|item| &item.value) {
            None => (None, None, None),
            Some(Value::Inline(bytes)) => (Some(&bytes[..]), None, None),
            Some(Value::Chunked { blob, size }) => (None, Some(blob.cast_signed()), Some(size.cast_signed())),
        };
        self.values.push(value);
        self.blobs.push(blob);
        self.sizes.push(size);
        self.expires.push(item.and_then(|item| item.expires).map(|expires| expires.0));
    }
}

/// A collection's number in its column.
pub(super) fn collection(id: CollectionId) -> Result<i32, Failure> {
    i32::try_from(id.0)
        .ok()
        .filter(|id| *id < i32::MAX)
        .ok_or_else(|| Failure::refused(EngineError::NoCollection(id)))
}

/// A version in its column: they are far from the end of 63 bits.
pub(super) fn version(version: Version) -> i64 {
    version.0.cast_signed()
}

/// A column of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, place: usize) -> Result<T, Failure> {
    row.try_get(place).map_err(|error| Failure::shape(&error))
}

/// Bytes of a column.
pub(super) fn bytes(row: &Row, place: usize) -> Result<Bytes, Failure> {
    Ok(Bytes::copy_from_slice(column::<&[u8]>(row, place)?))
}

/// The value in the columns `value`, `blob`, `size` from `first` on.
pub(super) fn value(row: &Row, first: usize) -> Result<Value, Failure> {
    let inline: Option<&[u8]> = column(row, first)?;
    let (blob, size): (Option<i64>, Option<i64>) = (column(row, first + 1)?, column(row, first + 2)?);
    match (inline, blob, size) {
        (Some(bytes), None, None) => Ok(Value::Inline(Bytes::copy_from_slice(bytes))),
        (None, Some(blob), Some(size)) => {
            Ok(Value::Chunked { blob: blob.cast_unsigned(), size: size.cast_unsigned() })
        }
        _ => Err(Failure::refused(EngineError::Corrupt {
            place: "the table item or change".into(),
            what: "a row has neither a value nor the number of its chunks".into(),
        })),
    }
}

/// The item in the columns `value`, `blob`, `size`, `version`, `updated`, `expires` from `first` on.
pub(super) fn item(row: &Row, first: usize) -> Result<Item, Failure> {
    let version: i64 = column(row, first + 3)?;
    Ok(Item {
        value: value(row, first)?,
        version: Version(version.cast_unsigned()),
        updated: UnixMs(column(row, first + 4)?),
        expires: column::<Option<i64>>(row, first + 5)?.map(UnixMs),
    })
}

/// A token and its write's version, from the columns time, nonce and version.
pub(super) fn token(row: &Row) -> Result<(Token, Version), Failure> {
    let nonce = <[u8; 16]>::try_from(&bytes(row, 1)?[..]).map_err(|_| {
        let (place, what) = ("the table token".into(), "a nonce is not of 16 bytes".into());
        Failure::refused(EngineError::Corrupt { place, what })
    })?;
    let token = Token { time: UnixMs(column(row, 0)?), nonce: u128::from_be_bytes(nonce) };
    Ok((token, Version(column::<i64>(row, 2)?.cast_unsigned())))
}
