//! Where messages are kept and by what they are found, taken out of their encoded form.

use crate::compiled::{encoded, message, schema};
use proptest::prelude::*;
use tenet_collection::{Address, KeyBuilder, Schema};

/// A field of every kind that a key can have.
const FIELDS: &str = "string s = 1; bytes y = 2; bool b = 3; Colour e = 4; int32 i32 = 5; int64 i64 = 6; uint32 u32 = 7; uint64 u64 = 8; \
    sint32 s32 = 9; sint64 s64 = 10; fixed32 f32 = 11; fixed64 f64 = 12; sfixed32 g32 = 13; sfixed64 g64 = 14; \
    google.protobuf.Timestamp t = 15; string text = 16; google.protobuf.Timestamp gone = 17;";

fn address(record: KeyBuilder, item: KeyBuilder) -> Address {
    Address { record: record.finish(), item: item.finish() }
}

/// The record's id where `field` alone makes it, for a message in protobuf's text format.
fn check(field: &str, text: &str, expected: KeyBuilder) {
    let option = format!("key: \"{field}\"");
    let found = schema(&option, FIELDS).address(&encoded(&message(&option, FIELDS), text));
    assert_eq!(found, Ok(address(expected, KeyBuilder::new())), "{field}: {text}");
}

#[test]
fn every_kind_of_field_makes_a_key() {
    let new = KeyBuilder::new;
    check("s", "s: 'u\\0007' text: 'x'", new().text("u\x007"));
    check("y", "y: '\\377\\000'", new().bytes(&[0xff, 0]));
    check("b", "b: true", new().boolean(true));
    check("e", "e: BLUE", new().signed(-2));
    check("i32", "i32: -2147483648", new().signed(i32::MIN.into()));
    check("i64", "i64: -9223372036854775808", new().signed(i64::MIN));
    check("u32", "u32: 4294967295", new().unsigned(u32::MAX.into()));
    check("u64", "u64: 18446744073709551615", new().unsigned(u64::MAX));
    check("s32", "s32: -2147483648", new().signed(i32::MIN.into()));
    check("s64", "s64: -9223372036854775808", new().signed(i64::MIN));
    check("f32", "f32: 4294967295", new().unsigned(u32::MAX.into()));
    check("f64", "f64: 18446744073709551615", new().unsigned(u64::MAX));
    check("g32", "g32: -1", new().signed(-1));
    check("g64", "g64: -9223372036854775808", new().signed(i64::MIN));
    check(
        "t",
        "t: { seconds: -62135596800 nanos: 999999999 }",
        new().timestamp(-62_135_596_800, 999_999_999),
    );
}

#[test]
fn what_is_absent_counts_with_its_default() {
    let new = KeyBuilder::new;
    for (field, expected) in [
        ("s", new().text("")),
        ("y", new().bytes(&[])),
        ("b", new().boolean(false)),
        ("e", new().signed(0)),
        ("u64", new().unsigned(0)),
        ("g32", new().signed(0)),
        ("t", new().timestamp(0, 0)),
    ] {
        check(field, "text: 'x'", expected);
    }
}

#[test]
fn record_item_and_indexes_have_their_fields_in_the_order_of_the_option() {
    let option = "key: [\"u32\", \"s\"] item_key: [\"t\", \"b\"] indexes: { name: \"both\" fields: [\"text\", \"s\"] } indexes: { name: \"e\" fields: \"e\" }";
    let schema = schema(option, FIELDS);
    let bytes = encoded(&message(option, FIELDS), "s: 'a' b: true u32: 7 t: { seconds: 1 } text: 'z' e: RED");
    let record = KeyBuilder::new().unsigned(7).text("a");
    let found = schema.address(&bytes).unwrap();
    assert_eq!(found, address(record.clone(), KeyBuilder::new().timestamp(1, 0).boolean(true)));
    assert_eq!(schema.show(&found), "(7, \"a\") (1970-01-01T00:00:01Z, true)");
    let entries = vec![
        ("both", KeyBuilder::new().text("z").text("a").finish()),
        ("e", KeyBuilder::new().signed(1).finish()),
    ];
    assert_eq!(schema.index_entries(&bytes), Ok(entries));
    // What is no address of this schema is still shown.
    assert_eq!(schema.show(&Address { record: vec![0xab], item: vec![] }), "ab ");
}

#[test]
fn expiry_is_what_the_field_says() {
    let option = "key: \"s\" expire_field: \"gone\"";
    let (with, without) = (schema(option, FIELDS), schema("key: \"s\"", FIELDS));
    for (text, expected) in [
        ("s: 'a'", None),
        ("gone: {}", Some((0, 0))),
        ("gone: { seconds: 5 nanos: 6 }", Some((5, 6))),
        ("gone: { seconds: -5 }", Some((-5, 0))),
        ("gone: { nanos: -1 }", None),
    ] {
        let bytes = encoded(&message(option, FIELDS), text);
        assert_eq!((with.expires(&bytes), without.expires(&bytes)), (expected, None), "{text}");
    }
}

#[test]
fn encoded_messages_are_read_as_decoders_read_them() {
    let schema = schema("key: \"s\" item_key: [\"t\", \"i32\"]", FIELDS);
    let new = KeyBuilder::new;
    let rows: &[(&str, &[u8], Address)] = &[
        (
            "the last one wins",
            b"\x0a\x01a\x0a\x01b",
            address(new().text("b"), new().timestamp(0, 0).signed(0)),
        ),
        (
            "parts of a message are merged",
            b"\x7a\x02\x08\x05\x7a\x02\x10\x06",
            address(new().text(""), new().timestamp(5, 6).signed(0)),
        ),
        (
            "another wire type is an unknown field",
            b"\x0a\x01a\x08\x01",
            address(new().text("a"), new().timestamp(0, 0).signed(0)),
        ),
        (
            "a varint is cut to its type",
            b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            address(new().text(""), new().timestamp(0, 0).signed(-1)),
        ),
    ];
    for (what, bytes, expected) in rows {
        assert_eq!(schema.address(bytes).as_ref(), Ok(expected), "{what}");
    }
}

#[test]
fn what_has_no_address_says_why() {
    let schema = schema("key: \"s\" item_key: \"t\" indexes: { name: \"long\" fields: \"text\" }", FIELDS);
    let long = |number: u8| [&[0x0a, 0xff, 0x03][..], &[number; 511]].concat();
    let (text, zeros) = (long(b'x'), long(0));
    let in_text = [&[0x82, 0x01, 0xff, 0x03][..], &[b'x'; 511]].concat();
    let rows: &[(&[u8], &str)] = &[
        (b"\x0a\x05a", "malformed message: a field ends past its message"),
        (b"\xff", "malformed message: "),
        (b"\x0a\x02\xff\xfe", "`s`: it is not UTF-8"),
        (b"\x7a\x02\x10\xff", "`t`: a varint is cut short"),
        (
            b"\x7a\x06\x10\x80\x94\xeb\xdc\x03",
            "`t`: 0 s and 1000000000 ns are no time between the years 1 and 9999",
        ),
        (&text, "the record's id (s) has 513 bytes, expected at most 512"),
        (&zeros, "the record's id (s) has 1024 bytes, expected at most 512"),
    ];
    for (bytes, expected) in rows {
        let error = schema.address(bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "{bytes:02x?}: {error}");
    }
    assert!(schema.address(&in_text).is_ok());
    let error = schema.index_entries(&in_text).unwrap_err().to_string();
    assert_eq!(error, "the key of the index `long` (text) has 513 bytes, expected at most 512");
}

proptest! {
    #[test]
    fn addresses_are_those_of_the_values(s in "[a-z\0é]{0,20}", seconds in -62_135_596_800i64..=253_402_300_799, nanos in 0..1_000_000_000i32, number in any::<i64>(), other in any::<String>()) {
        thread_local! {
            static COMPILED: (prost_reflect::MessageDescriptor, Schema) = {
                let option = "key: [\"s\", \"t\"] item_key: \"i64\"";
                (message(option, FIELDS), schema(option, FIELDS))
            };
        }
        use prost_reflect::{DynamicMessage, ReflectMessage, Value};
        use prost::Message as _;
        let found = COMPILED.with(|(descriptor, schema)| {
            let mut message = DynamicMessage::new(descriptor.clone());
            let mut time = message.get_field_by_name("t").unwrap().as_message().unwrap().clone();
            time.set_field_by_name("seconds", Value::I64(seconds));
            time.set_field_by_name("nanos", Value::I32(nanos));
            assert_eq!(time.descriptor().full_name(), "google.protobuf.Timestamp");
            message.set_field_by_name("s", Value::String(s.clone()));
            message.set_field_by_name("t", Value::Message(time));
            message.set_field_by_name("i64", Value::I64(number));
            message.set_field_by_name("text", Value::String(other));
            schema.address(&message.encode_to_vec())
        });
        let record = KeyBuilder::new().text(&s).timestamp(seconds, nanos.unsigned_abs());
        prop_assert_eq!(found, Ok(address(record, KeyBuilder::new().signed(number))));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0x0a), Just(0x7a), 0..4u8], 0..40)) {
        thread_local! {
            static COMPILED: Schema =
                schema("key: [\"s\", \"e\", \"f64\"] item_key: \"t\" indexes: { name: \"i\" fields: \"y\" } expire_field: \"gone\"", FIELDS);
        }
        COMPILED.with(|schema| {
            if let Ok(address) = schema.address(&bytes) {
                assert!(tenet_collection::decode(&schema.record_kinds(), &address.record).is_ok());
                assert!(tenet_collection::decode(&schema.item_kinds(), &address.item).is_ok());
            }
            let _ = (schema.index_entries(&bytes), schema.expires(&bytes));
        });
    }
}
