//! Editions: features decide presence, packing, delimiting and closed enums (`conformance/test_messages.binpb`).

use tenet_transcode::{Codec, ParseOptions, PrintOptions, Unknowns};

fn codec() -> Codec {
    Codec::from_descriptor_set(include_bytes!("../../conformance/test_messages.binpb"))
        .expect("the set compiles")
}

fn wire(codec: &Codec, name: &str, json: &str) -> Vec<u8> {
    let message = codec.message(name).unwrap_or_else(|| panic!("no message {name}"));
    let (mut out, mut unknown) = (Vec::new(), Unknowns::new());
    let options = ParseOptions { strict: true, ..ParseOptions::default() };
    codec.json_to_wire(message, json.as_bytes(), &options, &mut out, &mut unknown).expect("the JSON is good");
    let mut back = Vec::new();
    codec.wire_to_json(message, &out, &PrintOptions::default(), &mut back).expect("the wire is good");
    assert_eq!(String::from_utf8_lossy(&back), json);
    out
}

#[test]
fn features_reach_the_wire() {
    let codec = codec();
    let editions = "protobuf_test_messages.editions.TestAllTypesEdition2023";
    // Explicit presence: a zero is written.
    assert_eq!(wire(&codec, editions, r#"{"optionalInt32":0}"#), [0x08, 0]);
    // Delimited: start group 201, its field 202, end group.
    assert_eq!(
        wire(&codec, editions, r#"{"groupliketype":{"groupInt32":5}}"#),
        [0xcb, 0x0c, 0xd0, 0x0c, 5, 0xcc, 0x0c]
    );
    // Packed is the default of editions, expanded a feature.
    assert_eq!(wire(&codec, editions, r#"{"repeatedInt32":[1,2]}"#), [0xfa, 1, 2, 1, 2]);
    assert_eq!(wire(&codec, editions, r#"{"unpackedInt32":[1,2]}"#), [0xc8, 5, 1, 0xc8, 5, 2]);
    // Extensions by their full name, delimited ones too.
    assert_eq!(
        wire(&codec, editions, r#"{"[protobuf_test_messages.editions.groupliketype]":{"c":1}}"#),
        [0xcb, 7, 0x08, 1, 0xcc, 7]
    );
}

#[test]
fn message_sets_are_items_of_type_id_and_message() {
    let codec = codec();
    let name = "protobuf_test_messages.proto2.TestAllTypesProto2.MessageSetCorrect";
    let extension = "[protobuf_test_messages.proto2.TestAllTypesProto2.MessageSetCorrectExtension2.message_set_extension]";
    let found = wire(&codec, name, &format!("{{\"{extension}\":{{\"i\":7}}}}"));
    assert_eq!(found, [0x0b, 0x10, 0x90, 0xb3, 0xfc, 1, 0x1a, 2, 0x48, 7, 0x0c]);
}

#[test]
fn sets_that_cannot_be_compiled_say_why() {
    let error = Codec::from_descriptor_set(&[0xff]).expect_err("not a set");
    assert!(error.to_string().contains("not a google.protobuf.FileDescriptorSet"), "{error}");
    // file { name: "a", syntax: "proto9" }
    let syntax = [0x0a, 11, 0x0a, 1, b'a', 0x62, 6, b'p', b'r', b'o', b't', b'o', b'9'];
    let error = Codec::from_descriptor_set(&syntax).expect_err("unknown syntax");
    assert_eq!(error.to_string(), "a: syntax \"proto9\" is none of proto2, proto3, editions");
    // file { name: "a", message { name: "M", field { name: "f", number: 1, type: MESSAGE, type_name: ".X" } } }
    let field = [0x0a, 1, b'f', 0x18, 1, 0x28, 11, 0x32, 2, b'.', b'X'];
    let message = [&[0x0a, 1, b'M', 0x12, field.len() as u8][..], &field].concat();
    let file = [&[0x0a, 1, b'a', 0x22, message.len() as u8][..], &message].concat();
    let set = [&[0x0a, file.len() as u8][..], &file].concat();
    let error = Codec::from_descriptor_set(&set).expect_err("a missing type");
    assert_eq!(error.to_string(), "M.f: its type, message \"X\", is not in the descriptor set");
}
