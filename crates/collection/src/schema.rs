//! A message with the collection option, read and checked.

mod field;
mod layout;
mod lookup;
mod option;
mod read;

pub use field::KeyField;
pub(crate) use field::{Taken, timestamp};
pub use option::OPTION;

use crate::{Address, AddressError, Gather, Kind, Mismatch, address, show};
use prost_reflect::MessageDescriptor;
use std::time::Duration;

/// For how long changes can be watched where a collection says nothing.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(60 * 60);

/// What the store keeps of a message, and by what it is found: `tenet.policy.v1.Collection`, checked against its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The collection's name in its namespace.
    pub name: String,
    /// The message's full name (`feed.accounts.v1.StoredUser`).
    pub message: String,
    /// Whether one change may be of several records.
    pub atomic_across_records: bool,
    /// How long what does not say so itself stays. None: for good.
    pub ttl: Option<Duration>,
    /// For how long changes can be watched afterwards. Zero: not at all.
    pub retention: Duration,
    /// How old an answer may be where the caller does not ask for more. None: strict.
    pub cached: Option<Duration>,
    /// By what else than its key a message is found.
    pub indexes: Vec<Index>,
    /// The field that says from when on a message is gone.
    pub expire_field: Option<String>,
    record: Vec<KeyField>,
    item: Vec<KeyField>,
    /// The number of `expire_field`.
    expires: Option<u32>,
}

/// By what else than its key a message is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name among the indexes of the collection.
    pub name: String,
    /// What is looked up, in this order; at least one.
    pub fields: Vec<KeyField>,
    /// Whether no two messages may have the same values.
    pub unique: bool,
}

/// One thing that is wrong with a collection option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// What was found and what was expected, in one sentence without a full stop.
    pub message: String,
    /// The text in the message's source that it is about; empty where nothing in it is.
    pub token: String,
    /// The field of the option behind whose name that text is found.
    pub within: &'static str,
    /// The nearest right thing, or what to do; empty where there is nothing useful to say.
    pub hint: String,
}

impl Schema {
    /// The schema that `message` is by its option; `None` where it has no such option.
    ///
    /// # Errors
    /// Everything that is wrong with the option.
    pub fn of(message: &MessageDescriptor) -> Option<Result<Schema, Vec<SchemaProblem>>> {
        read::schema(message)
    }

    /// The fields that make a record's id, in this order; at least one.
    pub fn record(&self) -> &[KeyField] {
        &self.record
    }

    /// The fields that make an item's key in its record, in this order. Empty: a record is one item, whose key is empty.
    pub fn item(&self) -> &[KeyField] {
        &self.item
    }

    /// Where an encoded message of this type is kept.
    ///
    /// # Errors
    /// The bytes are no message, a field has a value that its type cannot have, or the key is too long.
    pub fn address(&self, message: &[u8]) -> Result<Address, AddressError> {
        address::of(self, message)
    }

    /// Why a message whose address is `own` does not belong where it is `written`; `None` where it does.
    pub fn mismatch(&self, own: &Address, written: &Address) -> Option<Mismatch> {
        address::mismatch(self, own, written)
    }

    /// Under what an encoded message of this type is found, besides its address: each index's name and key. The store puts the address
    /// behind the key, so that messages with the same values are all found.
    ///
    /// # Errors
    /// As [`Schema::address`].
    pub fn index_entries(&self, message: &[u8]) -> Result<Vec<(&str, Vec<u8>)>, AddressError> {
        address::index_entries(self, message)
    }

    /// Takes out of a message that comes piece by piece what the other methods need of it.
    pub fn gather(&self) -> Gather {
        Gather::of(self)
    }

    /// The numbers of the fields that anything is made of.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let of_indexes = self.indexes.iter().flat_map(|index| &index.fields);
        let of_keys = self.record.iter().chain(&self.item).chain(of_indexes).map(|field| field.number);
        of_keys.chain(self.expires).collect()
    }

    /// From when on an encoded message of this type is gone by its own word, in seconds and nanoseconds since 1970; `None` where it does not
    /// say so. Of bytes that [`Schema::address`] refuses, nothing is said here.
    pub fn expires(&self, message: &[u8]) -> Option<(i64, u32)> {
        timestamp(self.expires?, message).ok()?
    }

    /// An address for people: `("u7") (42)`, with the item's key where a record has several; hexadecimal digits for what cannot be one of
    /// this schema.
    pub fn show(&self, address: &Address) -> String {
        let part = |fields: &[KeyField], key: &[u8]| {
            show(&kinds(fields), key)
                .unwrap_or_else(|_| key.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        let record = part(&self.record, &address.record);
        if self.item.is_empty() && address.item.is_empty() {
            return record;
        }
        format!("{record} {}", part(&self.item, &address.item))
    }

    /// The kinds of a record's id.
    pub fn record_kinds(&self) -> Vec<Kind> {
        kinds(&self.record)
    }

    /// The kinds of an item's key.
    pub fn item_kinds(&self) -> Vec<Kind> {
        kinds(&self.item)
    }

    /// The index of this name.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }
}

impl Index {
    /// The kinds of its keys.
    pub fn kinds(&self) -> Vec<Kind> {
        kinds(&self.fields)
    }
}

fn kinds(fields: &[KeyField]) -> Vec<Kind> {
    fields.iter().map(|field| field.kind).collect()
}
