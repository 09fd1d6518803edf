//! Where an item is in its collection, as its index entries say it.
//!
//! The record's id, the item's key, and behind both the length of the id as two bytes, most significant first: entries of the same values are
//! ordered by record and item, nearly, and PostgreSQL can take it apart in a statement.

use crate::name::ItemKey;
use bytes::Bytes;

/// Where an item is in its collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Its record's id.
    pub record: Bytes,
    /// Its key.
    pub item: Bytes,
}

impl Address {
    /// Of an item.
    pub fn of(item: &ItemKey) -> Address {
        Address { record: item.record.id.clone(), item: item.key.clone() }
    }

    /// As entries have it.
    pub fn to_bytes(&self) -> Bytes {
        // An id has at most 512 bytes.
        let length = (self.record.len() as u16).to_be_bytes();
        [&self.record[..], &self.item, &length].concat().into()
    }

    /// The way back.
    pub fn from_bytes(bytes: &Bytes) -> Option<Address> {
        let (both, length) = bytes.split_last_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        (length <= both.len())
            .then(|| Address { record: bytes.slice(..length), item: bytes.slice(length..both.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_address_is_read_as_it_was_written(
            record in prop::collection::vec(any::<u8>(), 1..=512),
            item in prop::collection::vec(any::<u8>(), 0..=512),
        ) {
            let address = Address { record: record.into(), item: item.into() };
            prop_assert_eq!(Address::from_bytes(&address.to_bytes()), Some(address));
        }

        #[test]
        fn what_is_none_is_not_read(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let bytes = Bytes::from(bytes);
            if let Some(address) = Address::from_bytes(&bytes) {
                prop_assert_eq!(address.to_bytes(), bytes);
            }
        }
    }
}
