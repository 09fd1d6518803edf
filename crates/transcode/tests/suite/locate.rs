//! Field locators: rows of bytes, and the value that prost-reflect decodes.

use super::codec::POOL;
use proptest::prelude::*;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};
use tenet_transcode::{FieldLocator, MAX_LOCATED_DEPTH};

const PATHS: [&str; 14] = [
    "id",
    "inner.id",
    "inner.number",
    "inner.inner.id",
    "left.id",
    "left.inner.number",
    "right",
    "number",
    "data.key",
    "four",
    "eight",
    "flag",
    "kind",
    "inner.inner.inner.id",
];

fn request() -> MessageDescriptor {
    POOL.get_message_by_name("located.Request").expect("the test proto has it")
}

fn locator(path: &str) -> Option<FieldLocator> {
    FieldLocator::compile(&request(), &path.split('.').collect::<Vec<_>>())
}

#[track_caller]
fn check(path: &str, message: &[u8], expected: Option<&[u8]>) {
    assert_eq!(locator(path).expect(path).find(message), expected, "{path} in {message:02x?}");
}

#[test]
fn a_value_is_found_as_a_decoder_would_find_it() {
    check("id", b"", None);
    check("id", b"\x0a\x01a", Some(b"a"));
    check("id", b"\x0a\x00", Some(b""));
    check("id", b"\x0a\x01a\x0a\x02bc", Some(b"bc"));
    // An unknown varint, fixed numbers, a group with a group inside, and the field under a wrong wire type.
    check(
        "id",
        b"\xa0\x06\x07\x0a\x01a\xa5\x06abcd\xa1\x06abcdefgh\xa3\x06\x0b\x0c\xa4\x06\x08\x05",
        Some(b"a"),
    );
    // Occurrences of a message are merged: the later one says nothing of the id.
    check("inner.id", b"\x12\x03\x0a\x01a\x12\x02\x10\x05", Some(b"a"));
    check("inner.number", b"\x12\x03\x0a\x01a\x12\x03\x10\xac\x02", Some(b"\xac\x02"));
    // A later member of the oneof unsets, a later occurrence of the message begins anew.
    check("left.id", b"\x1a\x03\x0a\x01a", Some(b"a"));
    check("left.id", b"\x1a\x03\x0a\x01a\x22\x01r", None);
    check("left.id", b"\x1a\x03\x0a\x01a\x22\x01r\x1a\x00", None);
    check("right", b"\x22\x01r\x28\x04", None);
    check("number", b"\x22\x01r\x28\x04", Some(b"\x04"));
    check("data.key", b"\x33\x0a\x01k\x34", Some(b"k"));
    check("four", b"\x3dabcd", Some(b"abcd"));
    // Cut short anywhere, the message has no value: here an unknown fixed number of one byte.
    check("right", b"\x22\x01r\x65\x00", None);
    check("eight", b"\x41abcdefgh", Some(b"abcdefgh"));
    check("flag", b"\x48\x01", Some(b"\x01"));
}

#[test]
fn malformed_requests_have_no_value() {
    check("id", b"\x0a\x01a\x12\x05", None);
    check("id", b"\x0a\x01a\x80", None);
    check("inner.id", b"\x12\x02\x0a\x05", None);
    check("id", b"\x0a\x01a\x06", None);
    check("id", &[b"\x0a\x01a".as_slice(), &[0x0b; 300]].concat(), None);
}

#[test]
fn only_singular_scalars_can_be_located() {
    for path in ["many", "labels", "inner", "nothing", "id.x", "many.x", "labels.value", ""] {
        assert_eq!(locator(path), None, "{path}");
    }
    let deep = |names: usize| format!("{}id", "inner.".repeat(names - 1));
    assert!(locator(&deep(MAX_LOCATED_DEPTH)).is_some());
    assert!(locator(&deep(MAX_LOCATED_DEPTH + 1)).is_none());
    assert_eq!(locator("inner.inner.id").unwrap().numbers().collect::<Vec<_>>(), [2, 3, 1]);
}

/// The value at `path` as the other implementation decodes it, in the form [`comparable`] gives to what was found.
fn decoded(message: &DynamicMessage, path: &str) -> Option<Vec<u8>> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if !message.has_field_by_name(name) {
        return None;
    }
    let value = message.get_field_by_name(name)?;
    match (value.as_ref(), rest) {
        (Value::Message(inner), Some(rest)) => decoded(inner, rest),
        (Value::String(text), None) => Some(text.clone().into_bytes()),
        (Value::Bytes(bytes), None) => Some(bytes.to_vec()),
        (Value::U32(four), None) => Some(four.to_le_bytes().to_vec()),
        (Value::I64(eight), None) if name == "eight" => Some(eight.to_le_bytes().to_vec()),
        (Value::I64(number), None) if message.descriptor().name() == "Inner" => {
            Some(number.to_be_bytes().to_vec())
        }
        // sint64 is zigzag on the wire.
        (Value::I64(number), None) => Some((number << 1 ^ number >> 63).to_be_bytes().to_vec()),
        (Value::Bool(flag), None) => Some(u64::from(*flag).to_be_bytes().to_vec()),
        (Value::EnumNumber(number), None) => Some((i64::from(*number)).to_be_bytes().to_vec()),
        (value, _) => panic!("{path}: {value:?}"),
    }
}

/// Varints as the number they are: one number has several varints.
fn comparable(path: &str, found: &[u8]) -> Vec<u8> {
    let varint = path.ends_with("number") || ["flag", "kind"].contains(&path);
    if !varint {
        return found.to_vec();
    }
    let mut value = 0u64;
    for (index, byte) in found.iter().enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
    }
    let value = match path {
        "flag" => u64::from(value != 0),
        "kind" => value as i32 as i64 as u64,
        _ => value,
    };
    value.to_be_bytes().to_vec()
}

/// One record: tag and contents.
fn record() -> BoxedStrategy<Vec<u8>> {
    let text = |tag: u8| {
        "[a-z]{0,3}".prop_map(move |text| [&[tag, text.len() as u8], text.as_bytes()].concat()).boxed()
    };
    let varint = |tag: u8| {
        prop_oneof![(0u8..0x80).prop_map(|n| vec![n]), (0u8..0x80).prop_map(|n| vec![n | 0x80, 0x80, 0x01])]
            .prop_map(move |value| [vec![tag], value].concat())
            .boxed()
    };
    let inner = prop_oneof![text(0x0a), varint(0x10)].boxed().prop_recursive(3, 16, 4, move |inside| {
        let nested = prop::collection::vec(inside.clone(), 0..3)
            .prop_map(|records| records.concat())
            .prop_filter("a length of one byte", |bytes| bytes.len() < 0x80)
            .prop_map(|bytes| [vec![0x1a, bytes.len() as u8], bytes].concat());
        prop_oneof![2 => inside, 1 => nested]
    });
    let message = move |tag: u8| {
        prop::collection::vec(inner.clone(), 0..3)
            .prop_map(|records| records.concat())
            .prop_filter("a length of one byte", |bytes| bytes.len() < 0x80)
            .prop_map(move |bytes| [vec![tag, bytes.len() as u8], bytes].concat())
            .boxed()
    };
    prop_oneof![
        text(0x0a),
        text(0x22),
        text(0x5a),
        varint(0x28),
        varint(0x48),
        varint(0x78),
        Just(vec![0x50, 1]),
        message(0x12),
        message(0x1a),
        any::<[u8; 4]>().prop_map(|bytes| [&[0x3d], &bytes[..]].concat()),
        any::<[u8; 8]>().prop_map(|bytes| [&[0x41], &bytes[..]].concat()),
        text(0x0a).prop_map(|key| [vec![0x33], key, vec![0x34]].concat()),
        // An unknown group around anything known.
        text(0x0a).prop_map(|known| [vec![0xa3, 0x06], known, vec![0xa4, 0x06]].concat()),
    ]
    .boxed()
}

fn agrees(bytes: &[u8]) {
    let Ok(message) = DynamicMessage::decode(request(), bytes) else { return };
    for path in PATHS {
        let found = locator(path).expect(path).find(bytes).map(|found| comparable(path, found));
        assert_eq!(found, decoded(&message, path), "{path} in {bytes:02x?}");
    }
}

proptest! {
    #[test]
    fn locators_agree_with_a_decoder(records in prop::collection::vec(record(), 0..12)) {
        let bytes = records.concat();
        prop_assert!(DynamicMessage::decode(request(), bytes.as_slice()).is_ok());
        agrees(&bytes);
    }

    #[test]
    fn damaged_requests_are_no_trouble(
        records in prop::collection::vec(record(), 1..8),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = records.concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        agrees(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        agrees(&bytes);
    }
}
