//! Where a message is kept, taken out of its encoded form.

use crate::schema::Taken;
use crate::{KeyBuilder, KeyField, MAX_KEY, Schema, decode, show};
use tenet_transcode::MalformedMessage;

/// Where a message is kept in its collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The record's id.
    pub record: Vec<u8>,
    /// The item's key in it; empty where a record is one item.
    pub item: Vec<u8>,
}

/// Why an encoded message has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The bytes are no message.
    #[error("malformed message: {0}")]
    Malformed(#[from] MalformedMessage),
    /// The bytes are no message, seen piece by piece.
    #[error("malformed message: {0}")]
    Pieces(&'static str),
    /// A field of a key has a value that its type cannot have.
    #[error("`{field}`: {what}")]
    Value {
        /// The field.
        field: String,
        /// What is wrong with its value.
        what: String,
    },
    /// The values of the key's fields are too long together.
    #[error("{what} ({fields}) has {found} bytes, expected at most {MAX_KEY}")]
    TooLong {
        /// `the record's id`, `the item's key` or `the key of the index …`.
        what: String,
        /// The fields that it is made of.
        fields: String,
        /// Its bytes.
        found: usize,
    },
}

/// A field of a message that says another address than the one it is written under.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {found}, expected {expected}")]
pub struct Mismatch {
    /// The field of the message; `the record's id` or `the item's key` where what was written under is none of the schema.
    pub field: String,
    /// What the message has there.
    pub found: String,
    /// What the address says.
    pub expected: String,
}

/// The first field of `own`, the address that a message of `schema` has, that is another in `written`, the address it is written under.
pub(crate) fn mismatch(schema: &Schema, own: &Address, written: &Address) -> Option<Mismatch> {
    let parts = [
        ("the record's id", schema.record(), &own.record, &written.record),
        ("the item's key", schema.item(), &own.item, &written.item),
    ];
    for (what, fields, own, written) in parts {
        if own == written {
            continue;
        }
        let kinds: Vec<_> = fields.iter().map(|field| field.kind).collect();
        let (Ok(found), Ok(expected)) = (decode(&kinds, own), decode(&kinds, written)) else {
            let hex = written.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let found = show(&kinds, own).unwrap_or_default();
            return Some(Mismatch { field: what.to_owned(), found, expected: format!("0x{hex}") });
        };
        let other =
            fields.iter().zip(found.iter().zip(&expected)).find(|(_, (found, expected))| found != expected);
        if let Some((field, (found, expected))) = other {
            let (found, expected) = (found.to_string(), expected.to_string());
            return Some(Mismatch { field: field.name.clone(), found, expected });
        }
    }
    None
}

impl AddressError {
    pub(crate) fn value(field: &str, what: &str) -> AddressError {
        AddressError::Value { field: field.to_owned(), what: what.to_owned() }
    }
}

/// The address of an encoded message.
pub(crate) fn of(schema: &Schema, message: &[u8]) -> Result<Address, AddressError> {
    let fields: Vec<&KeyField> = schema.record().iter().chain(schema.item()).collect();
    let mut taken = Taken::all(&fields, message)?.into_iter();
    let record = key(schema.record(), taken.by_ref(), message)?;
    let item = key(schema.item(), taken, message)?;
    fits("the record's id", schema.record(), &record)?;
    fits("the item's key", schema.item(), &item)?;
    Ok(Address { record, item })
}

/// What an encoded message has in each index.
pub(crate) fn index_entries<'s>(
    schema: &'s Schema,
    message: &[u8],
) -> Result<Vec<(&'s str, Vec<u8>)>, AddressError> {
    let fields: Vec<&KeyField> = schema.indexes.iter().flat_map(|index| &index.fields).collect();
    let mut taken = Taken::all(&fields, message)?.into_iter();
    let mut entries = Vec::with_capacity(schema.indexes.len());
    for index in &schema.indexes {
        let key = key(&index.fields, taken.by_ref(), message)?;
        fits(&format!("the key of the index `{}`", index.name), &index.fields, &key)?;
        entries.push((index.name.as_str(), key));
    }
    Ok(entries)
}

/// The key that the next values make, one for each field.
fn key<'a>(
    fields: &[KeyField],
    taken: impl Iterator<Item = Option<Taken<'a>>>,
    message: &'a [u8],
) -> Result<Vec<u8>, AddressError> {
    let mut key = KeyBuilder::new();
    // The fields lead: a zip that asks the values first would take one too many.
    for (field, taken) in fields.iter().zip(taken) {
        key = key.value(&Taken::value(taken, field, message)?);
    }
    Ok(key.finish())
}

fn fits(what: &str, fields: &[KeyField], key: &[u8]) -> Result<(), AddressError> {
    if key.len() <= MAX_KEY {
        return Ok(());
    }
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    Err(AddressError::TooLong { what: what.to_owned(), fields: names.join(", "), found: key.len() })
}
