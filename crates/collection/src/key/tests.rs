//! Keys are laid out as documented, ordered as their tuples, and read back.

use super::*;
use crate::Kind;
use proptest::prelude::*;
use std::borrow::Cow;
use std::cmp::Ordering;

#[test]
fn the_layout_is_as_documented() {
    let new = KeyBuilder::new;
    for (key, bytes) in [
        (new(), &[][..]),
        (new().text(""), &[0, 1]),
        (new().text("u7"), &[b'u', b'7', 0, 1]),
        (new().bytes(&[0, 0xff, 1]), &[0, 0xff, 0xff, 1, 0, 1]),
        (new().text_beginning("u\0"), &[b'u', 0, 0xff]),
        (new().signed(0), &[0x80]),
        (new().signed(1), &[0x81, 1]),
        (new().unsigned(255), &[0x81, 255]),
        (new().signed(256), &[0x82, 1, 0]),
        (new().signed(-1), &[0x7f, 0xfe]),
        (new().signed(-255), &[0x7f, 0]),
        (new().signed(-256), &[0x7e, 0xfe, 0xff]),
        (new().unsigned(u64::MAX), &[0x88, 255, 255, 255, 255, 255, 255, 255, 255]),
        (new().signed(i64::MIN), &[0x78, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
        (new().boolean(false).boolean(true), &[0, 1]),
        (new().timestamp(-1, 500_000_000), &[0x7f, 0xfe, 0x84, 0x1d, 0xcd, 0x65, 0]),
    ] {
        assert_eq!(key.clone().finish(), bytes, "{key:02x?}");
    }
}

#[test]
fn a_prefix_ends_before_the_first_key_that_does_not_begin_with_it() {
    let rows: &[(&[u8], &[u8])] = &[
        (b"", b""),
        (b"a", b"b"),
        (b"a\xff", b"b"),
        (b"a\xff\xff", b"b"),
        (b"a\xff\x01", b"a\xff\x02"),
        (b"\xff", b""),
        (b"\xff\xff", b""),
        (b"\x00", b"\x01"),
    ];
    for (prefix, end) in rows {
        assert_eq!(prefix_end(prefix), *end, "{prefix:02x?}");
    }
}

#[test]
fn bytes_that_are_no_key_are_refused_with_their_place() {
    use Kind::{Boolean, Bytes, Signed, Text, Timestamp, Unsigned};
    let rows: &[(&[Kind], &[u8], &str)] = &[
        (&[Text], b"", "byte 0 of the key: expected text"),
        (&[Text], b"u7", "byte 0"),
        (&[Text], b"u7\0", "byte 0"),
        (&[Text], b"u7\0\x02", "byte 0"),
        (&[Text], b"\xff\0\x01", "byte 0 of the key: expected text"),
        (&[Bytes], b"\xff\0\x01x", "byte 3 of the key: expected its end"),
        (&[Bytes, Signed], b"\0\x01", "byte 2 of the key: expected an integer"),
        (&[Signed], &[0x81], "byte 0"),
        (&[Signed], &[0x81, 0], "byte 0"),
        (&[Signed], &[0x7f, 0xff], "byte 0"),
        (&[Signed], &[0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], "byte 0"),
        (&[Signed], &[0x00], "byte 0"),
        (&[Signed], &[0x88, 0x80, 0, 0, 0, 0, 0, 0, 0], "byte 0"),
        (&[Signed], &[0x78, 0x7f, 255, 255, 255, 255, 255, 255, 254], "byte 0"),
        (&[Unsigned], &[0x7f, 0xfe], "expected an integer from 0 on"),
        (&[Boolean], &[2], "expected true or false"),
        (&[Timestamp], &[0x80], "expected a time"),
        (&[Timestamp], &[0x80, 0x84, 0x3b, 0x9a, 0xca, 0x00], "expected a time"),
        (&[], &[0], "byte 0 of the key: expected its end"),
    ];
    for (kinds, key, expected) in rows {
        let error = decode(kinds, key).expect_err(expected).to_string();
        assert!(error.contains(expected), "{kinds:?} {key:02x?}: {error}");
    }
}

/// What a field of a key can hold, with the edges more often than chance would have them.
fn value(kind: Kind) -> BoxedStrategy<KeyValue<'static>> {
    match kind {
        Kind::Text => prop_oneof![any::<String>(), "[\0\x01a]{0,4}"]
            .prop_map(|text| KeyValue::Text(Cow::Owned(text)))
            .boxed(),
        Kind::Bytes => prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..12),
            proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(0xff)], 0..4),
        ]
        .prop_map(|bytes| KeyValue::Bytes(Cow::Owned(bytes)))
        .boxed(),
        Kind::Signed => prop_oneof![
            any::<i64>(),
            -300..300i64,
            (0..64u32, -1..=1i64).prop_map(|(bit, near)| (1i64 << bit).wrapping_add(near)),
        ]
        .prop_map(KeyValue::Signed)
        .boxed(),
        Kind::Unsigned => prop_oneof![
            any::<u64>(),
            0..300u64,
            (0..64u32, 0..=1u64).prop_map(|(bit, less)| (1u64 << bit) - less),
        ]
        .prop_map(KeyValue::Unsigned)
        .boxed(),
        Kind::Boolean => any::<bool>().prop_map(KeyValue::Boolean).boxed(),
        Kind::Timestamp => (prop_oneof![any::<i64>(), -2..2i64], prop_oneof![0..1_000_000_000u32, 0..2u32])
            .prop_map(|(seconds, nanos)| KeyValue::Timestamp { seconds, nanos })
            .boxed(),
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Text),
        Just(Kind::Bytes),
        Just(Kind::Signed),
        Just(Kind::Unsigned),
        Just(Kind::Boolean),
        Just(Kind::Timestamp),
    ]
}

fn tuple(kinds: &[Kind]) -> BoxedStrategy<Vec<KeyValue<'static>>> {
    kinds.iter().map(|kind| value(*kind)).collect::<Vec<_>>().boxed()
}

/// The order that keys promise, written without looking at bytes.
fn order(one: &KeyValue<'_>, other: &KeyValue<'_>) -> Ordering {
    match (one, other) {
        (KeyValue::Text(one), KeyValue::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
        (KeyValue::Bytes(one), KeyValue::Bytes(other)) => one.cmp(other),
        (KeyValue::Signed(one), KeyValue::Signed(other)) => one.cmp(other),
        (KeyValue::Unsigned(one), KeyValue::Unsigned(other)) => one.cmp(other),
        (KeyValue::Boolean(one), KeyValue::Boolean(other)) => one.cmp(other),
        (
            KeyValue::Timestamp { seconds, nanos },
            KeyValue::Timestamp { seconds: other_seconds, nanos: other_nanos },
        ) => (seconds, nanos).cmp(&(other_seconds, other_nanos)),
        _ => panic!("values of different kinds have no order"),
    }
}

fn encode(values: &[KeyValue<'_>]) -> Vec<u8> {
    values.iter().fold(KeyBuilder::new(), KeyBuilder::value).finish()
}

fn two_tuples() -> impl Strategy<Value = (Vec<Kind>, Vec<KeyValue<'static>>, Vec<KeyValue<'static>>)> {
    proptest::collection::vec(kind(), 1..4)
        .prop_flat_map(|kinds| (Just(kinds.clone()), tuple(&kinds), tuple(&kinds), 0..=kinds.len()))
        .prop_map(|(kinds, one, mut other, same)| {
            // Tuples that differ early say nothing of what comes later.
            other[..same].clone_from_slice(&one[..same]);
            (kinds, one, other)
        })
}

proptest! {
    #[test]
    fn keys_are_ordered_as_their_tuples((_, one, other) in two_tuples()) {
        let values = one.iter().zip(&other).map(|(one, other)| order(one, other));
        let expected = values.fold(Ordering::Equal, Ordering::then);
        prop_assert_eq!(encode(&one).cmp(&encode(&other)), expected);
    }

    #[test]
    fn a_key_begins_those_of_the_tuples_that_it_begins_and_no_others((_, one, other) in two_tuples()) {
        for count in 0..=one.len() {
            let prefix = encode(&one[..count]);
            let begins = one[..count] == other[..count];
            let key = encode(&other);
            prop_assert_eq!(key.starts_with(&prefix), begins);
            let end = prefix_end(&prefix);
            let inside = prefix <= key && (end.is_empty() || key < end);
            prop_assert_eq!(inside, begins);
        }
    }

    #[test]
    fn a_key_is_read_back((kinds, values, _) in two_tuples()) {
        prop_assert_eq!(decode(&kinds, &encode(&values)), Ok(values));
    }

    #[test]
    fn whatever_is_read_has_no_other_form(kinds in proptest::collection::vec(kind(), 0..4), key in proptest::collection::vec(prop_oneof![any::<u8>(), 0x7e..0x83u8, 0..2u8], 0..24)) {
        if let Ok(values) = decode(&kinds, &key) {
            prop_assert_eq!(encode(&values), key);
        }
    }

    #[test]
    fn a_beginning_is_of_the_texts_that_begin_so(beginning in "[\0a\u{ff}]{0,3}", text in "[\0a\u{ff}]{0,5}", then in any::<i64>()) {
        let prefix = KeyBuilder::new().text_beginning(&beginning).finish();
        let key = KeyBuilder::new().text(&text).signed(then).finish();
        prop_assert_eq!(key.starts_with(&prefix), text.starts_with(&beginning));
    }

    #[test]
    fn integers_have_the_same_key_whatever_their_type(value in 0..=i64::MAX) {
        let unsigned = KeyBuilder::new().unsigned(value.unsigned_abs()).finish();
        prop_assert_eq!(KeyBuilder::new().signed(value).finish(), unsigned);
    }
}
