//! Wire in: order, merging, the options of printing, and bytes that are no message.

use crate::codec::{CODEC, message, print};
use tenet_transcode::{PrintOptions, any_details_json};

const PLAIN: PrintOptions = PrintOptions {
    preserve_names: false,
    print_defaults: false,
    enums_as_numbers: false,
    depth: 100,
    max_output: 1 << 20,
};

fn check_as(name: &str, wire: &[u8], expected: Result<&str, &str>) {
    let found = print(name, wire, &PLAIN);
    match (&found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{wire:02x?}"),
        (Err(found), Err(expected)) => assert!(found.contains(expected), "{wire:02x?}: {found}"),
        _ => panic!("{wire:02x?}: found {found:?}, expected {expected:?}"),
    }
}

fn check(wire: &[u8], expected: Result<&str, &str>) {
    check_as("wide.Wide", wire, expected);
}

#[test]
fn the_last_value_counts_and_pieces_merge() {
    check(&[0x18, 1, 0x18, 2], Ok(r#"{"anInt32":2}"#));
    check(&[0x18, 1, 0x18, 0], Ok("{}"));
    check(&[0x28, 5, 0x18, 1], Ok(r#"{"anInt32":1,"aUint32":5}"#));
    // nested {anInt32: 1}, anInt32 9, nested {aUint32: 2, anInt32: 3}
    check(
        &[0x8a, 1, 2, 0x18, 1, 0x18, 9, 0x8a, 1, 4, 0x28, 2, 0x18, 3],
        Ok(r#"{"anInt32":9,"nested":{"anInt32":3,"aUint32":2}}"#),
    );
    // int32s: packed [1, 2], single 3, other field, packed [4]
    check(&[0xfa, 1, 2, 1, 2, 0xf8, 1, 3, 0x18, 1, 0xfa, 1, 1, 4], Ok(r#"{"anInt32":1,"int32s":[1,2,3,4]}"#));
    check(&[0xfa, 1, 0], Ok("{}"));
}

#[test]
fn the_last_member_of_a_oneof_counts() {
    // chosen_text "a" (51), chosen_number 1 (52), chosen_wide (53)
    let text = [0x9a, 3, 1, b'a'];
    let number = [0xa0, 3, 1];
    let wide = |field: u8| [0xaa, 3, 2, field, 7];
    check(&[&text[..], &number].concat(), Ok(r#"{"chosenNumber":"1"}"#));
    check(&[&number[..], &text].concat(), Ok(r#"{"chosenText":"a"}"#));
    check(&[&wide(0x18)[..], &wide(0x28)].concat(), Ok(r#"{"chosenWide":{"anInt32":7,"aUint32":7}}"#));
    check(&[&wide(0x18)[..], &number, &wide(0x28)].concat(), Ok(r#"{"chosenWide":{"aUint32":7}}"#));
}

#[test]
fn maps_keep_the_last_of_each_key() {
    let entry = |key: u8, value: u8| vec![0xca, 2, 6, 0x0a, 1, key, 0x12, 1, value];
    check(
        &[entry(b'a', b'1'), entry(b'b', b'2'), entry(b'a', b'3')].concat(),
        Ok(r#"{"texts":{"b":"2","a":"3"}}"#),
    );
    // Absent key and value are their defaults; the value may come in pieces.
    check(&[0xca, 2, 0], Ok(r#"{"texts":{"":""}}"#));
    check(
        &[0xd2, 2, 10, 0x12, 2, 0x18, 1, 0x08, 4, 0x12, 2, 0x28, 2],
        Ok(r#"{"byNumber":{"4":{"anInt32":1,"aUint32":2}}}"#),
    );
}

#[test]
fn unknown_fields_and_other_wire_types_are_stepped_over() {
    // 900: varint, fixed64, length, group with a group inside, fixed32; an_int32 as fixed32.
    let group = [0xa3, 0x38, 0x0b, 0x08, 1, 0x0c, 0xa4, 0x38];
    let rows: [&[u8]; 6] = [
        &[0xa0, 0x38, 1],
        &[0xa1, 0x38, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xa2, 0x38, 2, 1, 2],
        &group,
        &[0xa5, 0x38, 1, 2, 3, 4],
        &[0x1d, 1, 2, 3, 4],
    ];
    for unknown in rows {
        check(&[unknown, &[0x28, 1], unknown].concat(), Ok(r#"{"aUint32":1}"#));
    }
}

#[test]
fn bytes_that_are_no_message() {
    check(&[0x18], Err("wide.Wide: a varint is cut short"));
    check(&[0x8a, 1, 5, 0x18], Err("ends past its message"));
    check(&[0x8a, 1, 1, 0x18], Err("wide.Wide: a varint is cut short"));
    check(&[0x72, 1, 0xff], Err("a string is not UTF-8"));
    check(&[0xca, 2, 3, 0x0a, 1, 0xff], Err("a string is not UTF-8"));
    check(&[0x0c], Err("a group ends that was not begun"));
    check(&[0xea, 3, 7, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], Err("google.protobuf.Timestamp"));
    check(&[0x8a, 4, 9, 0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f], Err("google.protobuf.Value: NaN"));
    check(&[0x9a, 4, 3, 0x0a, 1, b'x'], Err("no known type"));
    check(&[0xfa, 3, 5, 0x0a, 3, b'a', b'_', b'1'], Err("no lowerCamelCase form"));
    let mut deep = Vec::new();
    for _ in 0..100 {
        let mut outer = vec![0x8a, 1];
        let mut length = deep.len();
        while length >= 0x80 {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(deep);
        deep = outer;
    }
    check(&deep, Err("nested too deeply"));
}

#[test]
fn options_of_printing() {
    // colour 2, maybe_int32 0, an_int32 5
    let wire = [0x80, 1, 2, 0xa0, 1, 0, 0x18, 5];
    let names = PrintOptions { preserve_names: true, enums_as_numbers: true, ..PLAIN };
    assert_eq!(
        print("wide.Wide", &wire, &names).as_deref(),
        Ok(r#"{"an_int32":5,"colour":2,"maybe_int32":0}"#)
    );
    let defaults = PrintOptions { print_defaults: true, ..PLAIN };
    assert_eq!(print("wide.Upload", &[0x0a, 1, b'a'], &defaults).as_deref(), Ok(r#"{"name":"a","size":0}"#));
    let all = print("wide.Wide", &wire, &defaults).expect("prints");
    assert!(all.starts_with(r#"{"aDouble":0,"aFloat":0,"anInt32":5,"anInt64":"0","#), "{all}");
    assert!(
        all.contains(r#""aString":"","someBytes":"","colour":"COLOUR_BLUE","maybeInt32":0,"int32s":[],"#),
        "{all}"
    );
    assert!(
        all.contains(r#""texts":{},"#) && !all.contains("nested") && !all.contains("maybeString"),
        "{all}"
    );
    assert_eq!(
        print("old.Old", &[0x0a, 0], &defaults).as_deref(),
        Ok(r#"{"id":"","levels":[],"byName":{}}"#)
    );
    let small = PrintOptions { max_output: 20, ..PLAIN };
    let error =
        print("wide.Wide", &[0x72, 3, b'a', b'b', b'c', 0xfa, 1, 3, 1, 2, 3], &small).expect_err("too long");
    assert!(error.contains("exceeds the limit"), "{error}");
}

#[test]
fn closed_enums_do_not_show_what_they_do_not_have() {
    // level 9, levels [1, 9, 2], by_name {"a": 9}, pick: text "t" then picked 9
    check_as("old.Old", &[0x18, 9, 0x20, 1, 0x20, 9, 0x20, 2], Ok(r#"{"levels":["LOW","HIGH"]}"#));
    check_as("old.Old", &[0x18, 1, 0x18, 9], Ok(r#"{"level":"LOW"}"#));
    check_as("old.Old", &[0x22, 2, 9, 9], Ok("{}"));
    check_as("old.Old", &[0x32, 5, 0x0a, 1, b'a', 0x10, 9], Ok("{}"));
    check_as("old.Old", &[0x42, 1, b't', 0x38, 9], Ok(r#"{"text":"t"}"#));
}

#[test]
fn the_details_of_an_error_never_fail() {
    let mut out = Vec::new();
    let upload: &[u8] = &[0x0a, 1, b'a'];
    let details = [
        ("type.googleapis.com/wide.Upload", upload),
        ("type.googleapis.com/no.Such", upload),
        ("type.googleapis.com/wide.Upload", &[0x0a, 9]),
        ("t/google.protobuf.Duration", &[0x08, 1]),
        ("no slash \"", &[]),
    ];
    any_details_json(&CODEC, details, &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        concat!(
            r#"[{"@type":"type.googleapis.com/wide.Upload","name":"a"},"#,
            r#"{"@type":"type.googleapis.com/no.Such","value":"CgFh"},"#,
            r#"{"@type":"type.googleapis.com/wide.Upload","value":"Cgk="},"#,
            r#"{"@type":"t/google.protobuf.Duration","value":"1s"},"#,
            r#"{"@type":"no slash \"","value":""}]"#
        )
    );
}

#[test]
fn the_canonical_form_is_one() {
    let canonical = |wire: &[u8]| {
        let mut out = Vec::new();
        CODEC.canonical(message("wide.Wide"), wire, &mut out).map(|()| out).map_err(|error| error.to_string())
    };
    // Out of order, in pieces, unpacked, with a default and an unknown field.
    let scattered =
        [0xf8, 1, 3, 0xa0, 0x38, 1, 0x28, 0, 0x8a, 1, 2, 0x18, 1, 0x18, 9, 0x8a, 1, 2, 0x18, 3, 0xf8, 1, 4];
    let expected = [0x18, 9, 0x8a, 1, 2, 0x18, 3, 0xfa, 1, 2, 3, 4, 0xa0, 0x38, 1];
    assert_eq!(canonical(&scattered).as_deref(), Ok(&expected[..]));
    assert_eq!(canonical(&expected).as_deref(), Ok(&expected[..]));
    assert!(canonical(&[0x72, 1, 0xff]).is_err_and(|error| error.contains("UTF-8")));
}
