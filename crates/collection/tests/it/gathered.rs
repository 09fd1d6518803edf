//! A message that comes piece by piece has the same address, entries and end as the whole one; and layouts of indexes.

use crate::compiled::{encoded, message, schema};
use proptest::prelude::*;
use tenet_collection::{Address, Schema};

const OPTION: &str = "key: \"id\" key: \"at\" item_key: \"number\" expire_field: \"until\" \
    indexes: { name: \"by-colour\" fields: \"colour\" fields: \"flag\" }";
const FIELDS: &str = "string id = 1; google.protobuf.Timestamp at = 2; sint64 number = 3; google.protobuf.Timestamp until = 4; \
    Colour colour = 5; bool flag = 6; string text = 1000; bytes more = 7; fixed32 four = 8; fixed64 eight = 9; Inner inner = 10;";

/// By the names of indexes.
type Entries = Vec<(String, Vec<u8>)>;

/// Everything that is said of a message.
fn said(schema: &Schema, bytes: &[u8]) -> (Address, Entries, Option<(i64, u32)>) {
    let entries = schema.index_entries(bytes).unwrap();
    let entries = entries.into_iter().map(|(name, key)| (name.to_owned(), key)).collect();
    (schema.address(bytes).unwrap(), entries, schema.expires(bytes))
}

proptest! {
    #[test]
    fn pieces_say_what_the_whole_says(
        id in ".{0,20}", seconds in -1000i64..1000, number in any::<i64>(), text in ".{0,300}",
        colour in prop_oneof![Just("RED"), Just("BLUE"), Just("NONE")], flag in any::<bool>(),
        twice in any::<bool>(), cuts in prop::collection::vec(1usize..40, 0..30),
    ) {
        let (descriptor, schema) = (message(OPTION, FIELDS), schema(OPTION, FIELDS));
        let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        let name: String = id.chars().filter(|c| c.is_alphanumeric()).collect();
        let source = format!(
            "id: \"{name}\" at {{ seconds: {seconds} }} number: {number} until {{ seconds: 5 nanos: 7 }} colour: {colour} flag: {flag} \
             text: \"{plain}\" more: \"{plain}\" four: 4 eight: 8 inner {{ id: \"{plain}\" }}"
        );
        let mut bytes = encoded(&descriptor, &source);
        if twice {
            // Of what comes twice the last counts, and messages are merged.
            bytes.extend(encoded(&descriptor, "id: \"again\" at { nanos: 9 } text: \"x\""));
        }
        let mut gather = schema.gather();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            gather.add(piece).unwrap();
            rest = behind;
        }
        gather.add(rest).unwrap();
        let gathered = gather.finish().unwrap();
        prop_assert!(gathered.len() <= bytes.len());
        prop_assert_eq!(said(&schema, &gathered), said(&schema, &bytes));
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0usize..60) {
        let schema = schema(OPTION, FIELDS);
        let mut gather = schema.gather();
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let taken = gather.add(first).and_then(|()| gather.add(second)).and_then(|()| gather.finish());
        // What is refused whole because of its wire form is never taken as far as its keys go.
        if let Ok(keys) = taken {
            prop_assert!(keys.len() <= bytes.len());
        }
    }
}

#[test]
fn what_ends_inside_of_a_field_is_refused() {
    let (descriptor, schema) = (message(OPTION, FIELDS), schema(OPTION, FIELDS));
    let bytes = encoded(&descriptor, "id: \"ann\" text: \"long enough\" eight: 8");
    let ends = |length: usize| {
        let mut gather = schema.gather();
        gather.add(&bytes[..length]).and_then(|()| gather.finish()).is_ok()
    };
    let whole: Vec<usize> = (0..=bytes.len()).filter(|length| ends(*length)).collect();
    assert_eq!(whole, [0, 5, 14, bytes.len()]);
    for (bytes, says) in [
        (&[0x0f][..], "no wire type"),
        (&[0x0b], "a group"),
        (&[0x02, 0x00], "the number 0"),
        (&[0xff; 10], "a varint has no end"),
        (&[0x0a, 0xff, 0xff, 0xff, 0x7f], "too long"),
    ] {
        let error = schema.gather().add(bytes).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn an_index_is_another_one_where_its_entries_are() {
    let index = |option: &str, fields: &str| {
        let option = format!("key: \"id\" indexes: {{ name: \"i\" {option} }}");
        schema(&option, &format!("string id = 1; {fields}")).indexes[0].fingerprint()
    };
    let first = index("fields: \"a\" fields: \"b\"", "int32 a = 2; string b = 3;");
    assert_eq!(first, index("fields: \"x\" fields: \"y\"", "uint64 x = 2; bytes y = 3;"), "names and widths");
    for (option, fields) in [
        ("fields: \"b\" fields: \"a\"", "int32 a = 2; string b = 3;"),
        ("fields: \"a\"", "int32 a = 2;"),
        ("fields: \"a\" fields: \"b\" unique: true", "int32 a = 2; string b = 3;"),
        ("fields: \"a\" fields: \"b\"", "int32 a = 4; string b = 3;"),
        ("fields: \"a\" fields: \"b\"", "string a = 2; string b = 3;"),
    ] {
        assert_ne!(first, index(option, fields), "{option} of {fields}");
    }
    // It is stored: another number would build every index anew.
    assert_eq!(index("fields: \"a\"", "string a = 2;"), 12_844_102_904_423_473_105);
}

#[test]
fn a_mismatch_names_the_first_field_that_differs() {
    let (descriptor, schema) = (message(OPTION, FIELDS), schema(OPTION, FIELDS));
    let of = |text: &str| schema.address(&encoded(&descriptor, text)).unwrap();
    let own = of("id: \"ann\" number: 3");
    assert_eq!(schema.mismatch(&own, &own), None);
    let said = |written: &Address| schema.mismatch(&own, written).unwrap().to_string();
    assert_eq!(said(&of("id: \"bob\" number: 4")), "`id` is \"ann\", expected \"bob\"");
    assert_eq!(said(&of("id: \"ann\" number: -3")), "`number` is 3, expected -3");
    let none = Address { record: b"ann".to_vec(), ..own.clone() };
    assert!(said(&none).starts_with("`the record's id` is (\"ann\", "), "{}", said(&none));
    assert!(said(&none).ends_with("expected 0x616e6e"), "{}", said(&none));
}
