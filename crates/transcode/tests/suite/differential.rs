//! Comparison with prost-reflect's dynamic messages, in both directions, over arbitrary messages.
//!
//! Where the two differ on purpose, the strategy below does not go (`docs/json.md` lists them): prost-reflect prints
//! whole floats with `.0`, keeps no order of fields by number, and lets the last of two equal map keys win in JSON.

use crate::codec::{CODEC, POOL, STRICT, message};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, SerializeOptions, Value,
};
use std::collections::HashMap;
use tenet_transcode::{PrintOptions, Unknowns};

/// How deep an arbitrary message nests: enough for a list of messages of messages.
const DEPTH: u32 = 2;

fn any_message(descriptor: MessageDescriptor, depth: u32) -> BoxedStrategy<DynamicMessage> {
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            return instant(descriptor, -62_135_596_800, 253_402_300_799, 0..1_000_000_000);
        }
        "google.protobuf.Duration" => return instant(descriptor, 0, 315_576_000_000, 0..1_000_000_000),
        "google.protobuf.FieldMask" => return mask(descriptor),
        "google.protobuf.Value" => return value(descriptor, depth),
        "google.protobuf.Any" => return packed(descriptor, depth),
        _ => {}
    }
    let fields: Vec<FieldDescriptor> = descriptor.fields().collect();
    let count = fields.len();
    // A few fields at a time: a message with all of them set would say little and take long.
    let few = count.min(3);
    proptest::sample::subsequence(fields, 0..=few)
        .prop_flat_map(move |fields| {
            let set: Vec<_> = fields
                .into_iter()
                .filter(|field| depth > 0 || !matches!(field.kind(), Kind::Message(_)))
                .map(|field| field_value(&field, depth).prop_map(move |value| (field.clone(), value)))
                .collect();
            set
        })
        .prop_map(move |set| {
            let mut message = DynamicMessage::new(descriptor.clone());
            for (field, value) in set {
                message.set_field(&field, value);
            }
            message
        })
        .boxed()
}

fn field_value(field: &FieldDescriptor, depth: u32) -> BoxedStrategy<Value> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { return Just(Value::Map(HashMap::new())).boxed() };
        let key = map_key(&entry.map_entry_key_field().kind());
        let value = kind_value(entry.map_entry_value_field().kind(), depth);
        return proptest::collection::hash_map(key, value, 0..4).prop_map(Value::Map).boxed();
    }
    if field.is_list() {
        return proptest::collection::vec(kind_value(field.kind(), depth), 0..4)
            .prop_map(Value::List)
            .boxed();
    }
    kind_value(field.kind(), depth)
}

fn kind_value(kind: Kind, depth: u32) -> BoxedStrategy<Value> {
    match kind {
        Kind::Double => any::<f64>().prop_map(Value::F64).boxed(),
        Kind::Float => any::<f32>().prop_map(Value::F32).boxed(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => any::<i32>().prop_map(Value::I32).boxed(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => any::<i64>().prop_map(Value::I64).boxed(),
        Kind::Uint32 | Kind::Fixed32 => any::<u32>().prop_map(Value::U32).boxed(),
        Kind::Uint64 | Kind::Fixed64 => any::<u64>().prop_map(Value::U64).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::String => "\\PC{0,8}|[\\x00-\\x7f]{0,4}".prop_map(Value::String).boxed(),
        Kind::Bytes => {
            proptest::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bytes(bytes.into())).boxed()
        }
        Kind::Enum(descriptor) if descriptor.full_name() == "google.protobuf.NullValue" => {
            Just(Value::EnumNumber(0)).boxed()
        }
        Kind::Enum(_) => prop_oneof![-1..4i32, any::<i32>()].prop_map(Value::EnumNumber).boxed(),
        Kind::Message(descriptor) => {
            any_message(descriptor, depth.saturating_sub(1)).prop_map(Value::Message).boxed()
        }
    }
}

fn map_key(kind: &Kind) -> BoxedStrategy<MapKey> {
    match kind {
        Kind::Bool => any::<bool>().prop_map(MapKey::Bool).boxed(),
        Kind::Int32 => any::<i32>().prop_map(MapKey::I32).boxed(),
        Kind::Uint64 => any::<u64>().prop_map(MapKey::U64).boxed(),
        _ => "\\PC{0,8}|[\\x00-\\x7f]{0,4}".prop_map(MapKey::String).boxed(),
    }
}

fn instant(
    descriptor: MessageDescriptor,
    min: i64,
    max: i64,
    nanos: std::ops::Range<i32>,
) -> BoxedStrategy<DynamicMessage> {
    (min..max, nanos)
        .prop_map(move |(seconds, nanos)| {
            let mut message = DynamicMessage::new(descriptor.clone());
            message.set_field_by_number(1, Value::I64(seconds));
            message.set_field_by_number(2, Value::I32(nanos));
            message
        })
        .boxed()
}

fn mask(descriptor: MessageDescriptor) -> BoxedStrategy<DynamicMessage> {
    proptest::collection::vec("[a-z]{1,4}(_[a-z]{1,3})?(\\.[a-z]{1,3})?", 0..3)
        .prop_map(move |paths| {
            let mut message = DynamicMessage::new(descriptor.clone());
            message.set_field_by_number(1, Value::List(paths.into_iter().map(Value::String).collect()));
            message
        })
        .boxed()
}

/// A Value of some kind: one without is printed as null here and refused there.
fn value(descriptor: MessageDescriptor, depth: u32) -> BoxedStrategy<DynamicMessage> {
    let nested = |number: u32| descriptor.get_field(number).expect("a field of Value");
    let scalar = prop_oneof![
        Just((1, Value::EnumNumber(0))),
        (-1e300..1e300f64).prop_map(|number| (2, Value::F64(number))),
        "\\PC{0,8}|[\\x00-\\x7f]{0,4}".prop_map(|text| (3, Value::String(text))),
        any::<bool>().prop_map(|truth| (4, Value::Bool(truth))),
    ];
    let any = if depth == 0 {
        scalar.boxed()
    } else {
        let structure = kind_value(nested(5).kind(), depth).prop_map(|value| (5, value));
        let list = kind_value(nested(6).kind(), depth).prop_map(|value| (6, value));
        prop_oneof![3 => scalar, 1 => structure, 1 => list].boxed()
    };
    any.prop_map(move |(number, value)| {
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field_by_number(number, value);
        message
    })
    .boxed()
}

fn packed(descriptor: MessageDescriptor, depth: u32) -> BoxedStrategy<DynamicMessage> {
    let names = vec!["wide.Wide", "wide.Upload", "google.protobuf.Duration", "google.protobuf.Struct"];
    proptest::sample::select(names)
        .prop_flat_map(move |name| {
            let inner = POOL.get_message_by_name(name).expect(name);
            any_message(inner, depth.saturating_sub(1)).prop_map(move |message| (name, message))
        })
        .prop_map(move |(name, inner)| {
            let mut message = DynamicMessage::new(descriptor.clone());
            message.set_field_by_number(1, Value::String(format!("type.googleapis.com/{name}")));
            message.set_field_by_number(2, Value::Bytes(inner.encode_to_vec().into()));
            message
        })
        .boxed()
}

fn wide() -> MessageDescriptor {
    POOL.get_message_by_name("wide.Wide").expect("the wide message")
}

/// An arbitrary message as its wire bytes: a dynamic message shows its whole descriptor pool when it is printed.
fn any_wire() -> impl Strategy<Value = Vec<u8>> {
    any_message(wide(), DEPTH).prop_map(|message| message.encode_to_vec())
}

fn decoded(wire: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(wide(), wire).expect("bytes it has encoded")
}

/// Our JSON of wire bytes, and our wire bytes of JSON.
fn ours(wire: &[u8], options: &PrintOptions) -> String {
    let mut out = Vec::new();
    CODEC.wire_to_json(message("wide.Wide"), wire, options, &mut out).expect("a message has a JSON form");
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn read(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let result =
        CODEC.json_to_wire(message("wide.Wide"), json.as_bytes(), &STRICT, &mut out, &mut Unknowns::new());
    result.unwrap_or_else(|error| panic!("{error}: {json}"));
    out
}

fn theirs(json: &str) -> DynamicMessage {
    let mut reader = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(wide(), &mut reader).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn print_theirs(message: &DynamicMessage, options: &SerializeOptions) -> String {
    let mut out = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut out, options).expect("a message has a JSON form");
    String::from_utf8(out.into_inner()).expect("JSON is UTF-8")
}

/// The form in which equal messages are equal bytes, but for the order of maps: so compared as their JSON trees.
fn tree(json: &str) -> serde_json::Value {
    fn whole(value: serde_json::Value) -> serde_json::Value {
        match value {
            // 1 and 1.0 are one number.
            serde_json::Value::Number(number) => number.as_f64().map_or(serde_json::Value::Null, Into::into),
            serde_json::Value::Array(items) => items.into_iter().map(whole).collect(),
            serde_json::Value::Object(members) => {
                members.into_iter().map(|(name, value)| (name, whole(value))).collect()
            }
            other => other,
        }
    }
    whole(serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_print_the_same(wire in any_wire()) {
        let message = decoded(&wire);
        let plain = print_theirs(&message, &SerializeOptions::new());
        prop_assert_eq!(tree(&ours(&wire, &PrintOptions::default())), tree(&plain));
        let options = PrintOptions { preserve_names: true, enums_as_numbers: true, ..PrintOptions::default() };
        let same = SerializeOptions::new().use_proto_field_name(true).use_enum_numbers(true);
        prop_assert_eq!(tree(&ours(&wire, &options)), tree(&print_theirs(&message, &same)));
    }

    #[test]
    fn each_reads_what_the_other_prints(wire in any_wire()) {
        let printed = print_theirs(&decoded(&wire), &SerializeOptions::new());
        // Theirs, read by us, printed by us, is ours of the original.
        let plain = PrintOptions::default();
        prop_assert_eq!(tree(&ours(&read(&printed), &plain)), tree(&ours(&wire, &plain)));
        // Ours, read by them, is the original.
        let back = theirs(&ours(&wire, &plain));
        prop_assert_eq!(tree(&print_theirs(&back, &SerializeOptions::new())), tree(&printed));
    }

    #[test]
    fn canonical_bytes_decode_to_the_same_message(wire in any_wire()) {
        let mut canonical = Vec::new();
        CODEC.canonical(crate::codec::message("wide.Wide"), &wire, &mut canonical).expect("a message");
        let plain = PrintOptions::default();
        prop_assert_eq!(tree(&ours(&canonical, &plain)), tree(&ours(&wire, &plain)));
        prop_assert_eq!(
            tree(&print_theirs(&decoded(&canonical), &SerializeOptions::new())),
            tree(&print_theirs(&decoded(&wire), &SerializeOptions::new()))
        );
    }

    #[test]
    fn both_read_arbitrary_bytes_alike(wire in proptest::collection::vec(any::<u8>(), 0..64)) {
        let theirs = DynamicMessage::decode(wide(), &*wire);
        let mut out = Vec::new();
        let ours = CODEC.canonical(message("wide.Wide"), &wire, &mut out);
        if let (Ok(theirs), Ok(())) = (&theirs, &ours) {
            let again = DynamicMessage::decode(wide(), &*out).expect("canonical bytes are a message");
            prop_assert_eq!(again.encode_to_vec().len(), theirs.encode_to_vec().len());
        }
        // Printing may find no JSON form, but never more than that.
        let mut json = Vec::new();
        let _ = CODEC.wire_to_json(message("wide.Wide"), &wire, &PrintOptions::default(), &mut json);
    }

    #[test]
    fn arbitrary_text_never_harms(text in "[\\[\\]{}\",:0-9a-zA-Z@.\\\\ -]{0,80}") {
        let mut out = Vec::new();
        let result = CODEC.json_to_wire(message("wide.Wide"), text.as_bytes(), &STRICT, &mut out, &mut Unknowns::new());
        prop_assert!(result.is_ok() || out.is_empty());
    }
}
