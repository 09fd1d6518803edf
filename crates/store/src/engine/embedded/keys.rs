//! Keys whose bytes are in the order of what they name.
//!
//! A record's id is of any length and any bytes, and the item's key follows it: so a zero in the id becomes `00 FF`, and `00 01` ends it. Then a record that
//! is a prefix of another comes first with all its items, and no two records' items mix.

use crate::commit::Token;
use crate::engine::{Bound, EngineError};
use crate::item::UnixMs;
use crate::name::{CollectionId, ItemKey, RecordKey};
use bytes::Bytes;

const ESCAPED: [u8; 2] = [0, 0xff];
const END: [u8; 2] = [0, 1];

/// Everything of a collection begins with this.
pub(super) fn collection(collection: CollectionId) -> Vec<u8> {
    collection.0.to_be_bytes().to_vec()
}

/// Everything of a record begins with this.
pub(super) fn record(of: CollectionId, id: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + id.len() + 8);
    key.extend(of.0.to_be_bytes());
    for byte in id {
        match byte {
            0 => key.extend(ESCAPED),
            other => key.push(*other),
        }
    }
    key.extend(END);
    key
}

/// An item.
pub(super) fn item(item: &ItemKey) -> Vec<u8> {
    let mut key = record(item.record.collection, &item.record.id);
    key.extend_from_slice(&item.key);
    key
}

/// A place in the order of a collection.
pub(super) fn bound(of: CollectionId, bound: &Bound) -> Vec<u8> {
    let mut key = record(of, &bound.record);
    key.extend_from_slice(&bound.key);
    key
}

/// The item that a key names.
pub(super) fn read_item(key: &[u8]) -> Result<ItemKey, EngineError> {
    let bad =
        || EngineError::Corrupt { place: "items".into(), what: format!("{key:02x?} is no key of an item") };
    let (collection, mut rest) = key.split_first_chunk::<4>().ok_or_else(bad)?;
    let mut id = Vec::with_capacity(rest.len());
    loop {
        match rest {
            [0, 0xff, after @ ..] => {
                id.push(0);
                rest = after;
            }
            [0, 1, after @ ..] => {
                rest = after;
                break;
            }
            [0, ..] | [] => return Err(bad()),
            [byte, after @ ..] => {
                id.push(*byte);
                rest = after;
            }
        }
    }
    let record = RecordKey { collection: CollectionId(u32::from_be_bytes(*collection)), id: id.into() };
    Ok(ItemKey { record, key: Bytes::copy_from_slice(rest) })
}

/// The place of [`change`].
pub(super) fn read_place(key: &[u8]) -> Result<u64, EngineError> {
    let place = key.get(4..).and_then(|place| place.try_into().ok());
    let bad = || EngineError::Corrupt {
        place: "changes".into(),
        what: format!("{key:02x?} is no key of a change"),
    };
    place.map(u64::from_be_bytes).ok_or_else(bad)
}

/// The first key behind everything that begins with `prefix`; none where there can be none.
pub(super) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut key = prefix[..=last].to_vec();
    key[last] += 1;
    Some(key)
}

/// A time, in order also before 1970.
pub(super) fn time(at: UnixMs) -> [u8; 8] {
    ((at.0 as u64) ^ (1 << 63)).to_be_bytes()
}

/// When an item is over.
pub(super) fn expiry(at: UnixMs, item_key: &[u8]) -> Vec<u8> {
    [&time(at)[..], item_key].concat()
}

/// A write's token, in the order of their times.
pub(super) fn token(token: &Token) -> [u8; 24] {
    let mut key = [0; 24];
    key[..8].copy_from_slice(&time(token.time));
    key[8..].copy_from_slice(&token.nonce.to_be_bytes());
    key
}

/// See [`token`].
pub(super) fn read_token(key: &[u8]) -> Result<Token, EngineError> {
    let bad =
        || EngineError::Corrupt { place: "tokens".into(), what: format!("{key:02x?} is no key of a token") };
    let (time, nonce) = key.split_first_chunk::<8>().ok_or_else(bad)?;
    let nonce = <[u8; 16]>::try_from(nonce).map_err(|_| bad())?;
    let time = UnixMs((u64::from_be_bytes(*time) ^ (1 << 63)) as i64);
    Ok(Token { time, nonce: u128::from_be_bytes(nonce) })
}

/// A change by its place in the log.
pub(super) fn change(of: CollectionId, place: u64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&of.0.to_be_bytes());
    key[4..].copy_from_slice(&place.to_be_bytes());
    key
}

/// A chunk of a long value.
pub(super) fn chunk(blob: u64, number: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&blob.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_item() -> impl Strategy<Value = ItemKey> {
        // Few different bytes, so that prefixes and zeros are frequent.
        let bytes = || {
            prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xfe), Just(0xff), Just(b'a')], 0..5)
        };
        (0u32..3, bytes(), bytes()).prop_map(|(collection, id, key)| ItemKey {
            record: RecordKey { collection: CollectionId(collection), id: id.into() },
            key: key.into(),
        })
    }

    proptest! {
        #[test]
        fn bytes_are_in_the_order_of_items_and_lead_back(a in any_item(), b in any_item()) {
            prop_assert_eq!(item(&a).cmp(&item(&b)), a.cmp(&b));
            prop_assert_eq!(read_item(&item(&a)).unwrap(), a.clone());
            let prefix = record(a.record.collection, &a.record.id);
            prop_assert_eq!(item(&b).starts_with(&prefix), a.record == b.record);
            let behind = behind(&prefix).unwrap();
            prop_assert!(item(&a) < behind);
            prop_assert!(a.record >= b.record || item(&b) >= behind);
        }

        #[test]
        fn times_are_in_order(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(time(UnixMs(a)).cmp(&time(UnixMs(b))), a.cmp(&b));
            let made = Token { time: UnixMs(a), nonce: b as u128 };
            prop_assert_eq!(read_token(&token(&made)).unwrap(), made);
        }
    }

    #[test]
    fn what_is_no_key_is_an_error() {
        for bad in [&b""[..], b"\0\0\0", b"\0\0\0\x01abc", b"\0\0\0\x01a\0", b"\0\0\0\x01a\0\x02x"] {
            assert!(read_item(bad).is_err(), "{bad:02x?}");
        }
        assert_eq!(behind(b"\xff\xff"), None);
        assert_eq!(behind(b"a\xff"), Some(b"b".to_vec()));
    }
}
