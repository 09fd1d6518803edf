//! Editions files as they come out of the compiler and out of source.

use super::declaration;
use crate::{Contract, Diagnostics, LoadOptions, Source, load};
use prost_reflect::{FieldDescriptor, Syntax};

fn contract(text: &str) -> Result<Contract, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("e.proto"), text).unwrap();
    load(&Source { roots: vec![folder.path().to_owned()], descriptor_sets: vec![] }, &LoadOptions::default())
}

/// `presence required packed group`, each a letter or a dash.
fn describe(field: &FieldDescriptor) -> String {
    [
        (field.supports_presence(), 'p'),
        (field.is_required(), 'r'),
        (field.is_packed(), 'k'),
        (field.is_group(), 'g'),
    ]
    .into_iter()
    .map(|(is, letter)| if is { letter } else { '-' })
    .collect()
}

fn check(contract: &Contract, message: &str, rows: &[(&str, &str)]) {
    let message = contract.pool.get_message_by_name(message).unwrap();
    for (field, want) in rows {
        assert_eq!(describe(&message.get_field_by_name(field).unwrap()), *want, "{field}");
    }
}

const OPEN: &str = r#"// A comment first.
edition = "2023";
package e;

message M {
  int32 explicit = 1;
  int32 implicit = 2 [features.field_presence = IMPLICIT];
  int32 required = 3 [features.field_presence = LEGACY_REQUIRED];
  repeated int32 packed = 4;
  repeated int32 expanded = 5 [features.repeated_field_encoding = EXPANDED];
  M plain = 6;
  M group = 7 [features.message_encoding = DELIMITED];
  repeated M list = 8;
  oneof one { string a = 9; int32 b = 10; }
  map<string, int32> map = 11;
  repeated string strings = 12;
  E enumeration = 13;
}
enum E { ZERO = 0; }
"#;

const OPEN_ROWS: &[(&str, &str)] = &[
    ("explicit", "p---"),
    ("implicit", "----"),
    ("required", "-r--"),
    ("packed", "--k-"),
    ("expanded", "----"),
    ("plain", "p---"),
    ("group", "p--g"),
    ("list", "----"),
    ("a", "p---"),
    ("b", "p---"),
    ("map", "----"),
    ("strings", "----"),
    ("enumeration", "p---"),
];

#[test]
fn features_are_written_out_field_by_field() {
    let contract = contract(OPEN).unwrap();
    let file = contract.pool.get_file_by_name("e.proto").unwrap();
    assert_eq!(file.syntax(), Syntax::Proto3);
    check(&contract, "e.M", OPEN_ROWS);
    // Oneofs made for presence are not the author's.
    let message = contract.pool.get_message_by_name("e.M").unwrap();
    let real: Vec<String> =
        message.oneofs().filter(|o| !o.is_synthetic()).map(|o| o.name().to_owned()).collect();
    assert_eq!(real, ["one"]);
    let again = Contract::from_descriptor_set(&contract.descriptor_set(), &LoadOptions::default()).unwrap();
    check(&again, "e.M", OPEN_ROWS);
}

/// The fixture is `OPEN` compiled: `protoc --descriptor_set_out=edition2023.binpb e.proto`.
#[test]
fn what_protoc_compiled_is_read_as_the_source_is() {
    let set = include_bytes!("edition2023.binpb");
    let contract =
        Contract::from_descriptor_set(set, &LoadOptions::default()).unwrap_or_else(|found| panic!("{found}"));
    check(&contract, "e.M", OPEN_ROWS);
}

#[test]
fn settings_of_file_and_message_reach_their_fields() {
    let text = r#"edition = "2023";
package e;
option features.field_presence = IMPLICIT;
option features.repeated_field_encoding = EXPANDED;
message A {
  int32 implicit = 1;
  int32 explicit = 2 [features.field_presence = EXPLICIT];
  repeated int32 expanded = 3;
  repeated int32 packed = 4 [features.repeated_field_encoding = PACKED];
}
"#;
    let rows = [("implicit", "----"), ("explicit", "p---"), ("expanded", "----"), ("packed", "--k-")];
    check(&contract(text).unwrap(), "e.A", &rows);
}

#[test]
fn closed_enums_make_it_proto2() {
    let text = r#"edition = "2023";
package e;
option features.enum_type = CLOSED;
message A { int32 explicit = 1; repeated int32 packed = 2; E e = 3; repeated E es = 4; }
enum E { ONE = 1; }
"#;
    let contract = contract(text).unwrap();
    assert_eq!(contract.pool.get_file_by_name("e.proto").unwrap().syntax(), Syntax::Proto2);
    check(&contract, "e.A", &[("explicit", "p---"), ("packed", "--k-"), ("e", "p---"), ("es", "--k-")]);
}

#[test]
fn what_cannot_be_read_is_said() {
    for (text, want) in [
        ("edition = \"2099\";\n", "edition \"2099\" is not known"),
        (
            "edition = \"2023\";\nmessage M { int32 a = 1 [default = 3]; }",
            "default values are not allowed in proto3",
        ),
        (
            "edition = \"2023\";\nenum A { Z = 0; }\nenum B { option features.enum_type = CLOSED; Y = 0; }",
            "enum B is closed and A is open; Tenet reads editions files whose enums are all of one kind",
        ),
        (
            "edition = \"2023\";\noption features.message_encoding = DELIMITED;\nmessage M { M m = 1; }",
            "field m inherits message_encoding = DELIMITED; from source it can only be set on the field itself",
        ),
    ] {
        let found = contract(text).unwrap_err();
        assert_eq!(found.0[0].message, want);
        assert!(found.0[0].line > 0 && !found.0[0].hint.is_empty(), "{found}");
    }
}

#[test]
fn an_edition_is_only_one_where_syntax_would_stand() {
    for (text, want) in [
        ("edition = \"2023\";", Some((0, "2023"))),
        ("/* x */ // y\n  edition='2024' ;", Some((15, "2024"))),
        ("\u{feff}edition = \"2023\";", Some((3, "2023"))),
        ("syntax = \"proto3\";", None),
        ("message edition {}", None),
        ("edition = 2023;", None),
        ("edition", None),
        ("/* edition = \"2023\";", None),
        ("", None),
    ] {
        let found = declaration(text);
        assert_eq!(found.as_ref().map(|e| (e.offset, e.name.as_str())), want, "{text}");
        if let Some(edition) = found {
            assert!(edition.as_proto3.len() >= text.len(), "{text}");
        }
    }
}
