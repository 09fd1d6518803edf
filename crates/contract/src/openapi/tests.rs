//! The document of one contract that uses everything, looked at place by place.

use super::*;
use crate::LoadOptions;
use prost::Message;
use serde_json::Value;
use std::collections::BTreeMap;

const TEXT: &str = r#"syntax = "proto3";
package t.v1;
import "google/api/annotations.proto";
import "google/api/field_behavior.proto";
import "google/api/httpbody.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "tenet/policy/v1/policy.proto";

// Things.
service Things {
  option (tenet.policy.v1.service) = { owner: "team-things" };
  // Reads a thing. Quickly.
  //
  // More about it.
  rpc Get(GetRequest) returns (Thing) {
    option (google.api.http) = {
      get: "/v1/{name=shelves/*/things/*}"
      additional_bindings { get: "/v1/by-id/{id}" }
    };
    option (tenet.policy.v1.method) = {
      errors: { code: "NOT_FOUND" description: "no such thing" reason: "GONE" }
      errors: { code: "ABORTED" }
      errors: { code: "ALREADY_EXISTS" }
    };
  }
  rpc Update(UpdateRequest) returns (Thing) {
    option (google.api.http) = { patch: "/v1/{thing.name=shelves/*/things/*}" body: "thing" };
    option deprecated = true;
  }
  rpc Make(Make) returns (google.protobuf.Empty) {
    option (google.api.http) = { post: "/v1/{parent=shelves/*}/things:make" body: "*" };
  }
  rpc File(FileRequest) returns (google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/files/{path=**}" additional_bindings { custom { kind: "*" path: "/v1/any" } } };
  }
  rpc Put(PutRequest) returns (PutResponse) {
    option (google.api.http) = {
      put: "/v1/put/{kind}" body: "content" response_body: "things"
      additional_bindings { custom { kind: "PURGE" path: "/v1/put/{kind}" } }
    };
  }
  rpc Watch(GetRequest) returns (stream Thing) { option (google.api.http) = { get: "/v1/watch" }; }
}
service Inner {
  option (tenet.policy.v1.service) = { visibility: INTERNAL };
  rpc Hidden(GetRequest) returns (Secret) { option (google.api.http) = { get: "/v1/hidden" }; }
}
message Secret {}
message GetRequest {
  string name = 1;
  int64 id = 2;
  // How much.
  View view = 3;
  Filter filter = 4;
  repeated string tag = 5 [(google.api.field_behavior) = REQUIRED];
  google.protobuf.FieldMask read_mask = 6;
  google.protobuf.BoolValue deep = 7;
  map<string, string> labels = 8;
  repeated Filter filters = 9;
}
message Filter { google.protobuf.Timestamp since = 1; Filter not = 2; }
message UpdateRequest { Thing thing = 1; google.protobuf.FieldMask update_mask = 2; }
message Make { string parent = 1; string title = 2 [(google.api.field_behavior) = REQUIRED]; }
message FileRequest { string path = 1; }
message PutRequest { View kind = 1; google.api.HttpBody content = 2; bool sure = 3; }
message PutResponse { repeated Thing things = 1; }
enum View { VIEW_UNSPECIFIED = 0; // Everything.
  FULL = 1; }
message Thing {
  string name = 1 [(google.api.field_behavior) = REQUIRED];
  bool ok = 2 [(google.api.field_behavior) = OUTPUT_ONLY];
  int32 a32 = 3; uint32 a_u32 = 4; int64 a64 = 5; uint64 a_u64 = 6; float f = 7; double d = 8; bytes b = 9;
  google.protobuf.Timestamp at = 10; google.protobuf.Duration took = 11; google.protobuf.Struct st = 12;
  google.protobuf.Value va = 13; google.protobuf.ListValue li = 14; google.protobuf.Any an = 15;
  google.protobuf.Int64Value wrapped = 16; google.protobuf.NullValue nothing = 17;
  map<int32, View> views = 18; repeated Thing children = 19;
  // One way.
  oneof which { string left = 20; string right = 21; }
  optional string maybe = 22;
}
"#;

fn contract() -> Contract {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.proto"), TEXT).unwrap();
    let source = crate::Source { roots: vec![folder.path().to_owned()], descriptor_sets: Vec::new() };
    crate::load(&source, &LoadOptions::default()).unwrap_or_else(|found| panic!("{found}"))
}

fn at<'v>(document: &'v Value, pointer: &str) -> &'v Value {
    document.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

/// Every row: a JSON pointer and the JSON found there.
fn check(document: &Value, rows: &[(&str, &str)]) {
    for (pointer, want) in rows {
        let want: Value = serde_json::from_str(want).unwrap();
        assert_eq!(*at(document, pointer), want, "{pointer}");
    }
}

fn parameters(document: &Value, pointer: &str) -> Vec<String> {
    let list = at(document, pointer).as_array().unwrap().iter();
    list.map(|p| {
        let required = if p["required"] == Value::Bool(true) { "!" } else { "" };
        format!("{} {}{required}", p["in"].as_str().unwrap(), p["name"].as_str().unwrap())
    })
    .collect()
}

#[test]
fn paths_are_written_as_openapi_can_say_them() {
    let document = document(&contract(), &Info::default());
    let paths: Vec<(&String, Vec<&String>)> = at(&document, "/paths")
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, item)| (path, item.as_object().unwrap().keys().collect()))
        .collect();
    let shown: Vec<String> = paths.iter().map(|(path, verbs)| format!("{path} {verbs:?}")).collect();
    assert_eq!(
        shown,
        [
            r#"/v1/any ["delete", "get", "patch", "post", "put"]"#,
            r#"/v1/by-id/{id} ["get"]"#,
            r#"/v1/files/{path} ["get"]"#,
            r#"/v1/put/{kind} ["put", "x-purge"]"#,
            r#"/v1/shelves/{shelve}/things/{thing} ["get", "patch"]"#,
            r#"/v1/shelves/{shelve}/things:make ["post"]"#,
        ]
    );
    assert!(!document.to_string().contains("Secret"), "INTERNAL services are not in the document");
}

#[test]
fn parameters_are_what_neither_path_nor_body_takes() {
    let document = document(&contract(), &Info::default());
    let rows: [(&str, &[&str]); 4] = [
        (
            "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/parameters",
            &[
                "path shelve!",
                "path thing!",
                "query id",
                "query view",
                "query filter.since",
                "query tag!",
                "query readMask",
                "query deep",
            ],
        ),
        (
            "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/patch/parameters",
            &["path shelve!", "path thing!", "query updateMask"],
        ),
        ("/paths/~1v1~1shelves~1{shelve}~1things:make/post/parameters", &["path shelve!"]),
        ("/paths/~1v1~1put~1{kind}/put/parameters", &["path kind!", "query sure"]),
    ];
    for (pointer, want) in rows {
        assert_eq!(parameters(&document, pointer), want, "{pointer}");
    }
    check(
        &document,
        &[
            (
                "/paths/~1v1~1by-id~1{id}/get/parameters/0/schema",
                r#"{"type":"string","format":"int64","pattern":"^-?[0-9]+$","minLength":1}"#,
            ),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/parameters/0/description",
                r#""Part of `name`, which is `shelves/{shelve}/things/{thing}`.""#,
            ),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/parameters/3/description",
                r#""How much.""#,
            ),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/parameters/5/schema",
                r#"{"type":"array","items":{"type":"string"}}"#,
            ),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/parameters/7/schema",
                r#"{"type":"boolean"}"#,
            ),
        ],
    );
}

#[test]
fn operations_say_what_comes_and_goes() {
    let document = document(&contract(), &Info::default());
    check(
        &document,
        &[
            ("/info/contact", r#"{"name":"team-things"}"#),
            ("/tags", r#"[{"name":"Things","description":"Things."}]"#),
            ("/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/summary", r#""Reads a thing""#),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/description",
                r#""Reads a thing. Quickly.\n\nMore about it.""#,
            ),
            ("/paths/~1v1~1by-id~1{id}/get/operationId", r#""Things_Get_2""#),
            ("/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/patch/deprecated", "true"),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/patch/requestBody",
                r##"{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/t.v1.Thing"}}}}"##,
            ),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things:make/post/requestBody",
                r#"{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{"title":{"type":"string"}},"required":["title"]}}}}"#,
            ),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things:make/post/responses/200/content",
                r#"{"application/json":{"schema":{"type":"object"}}}"#,
            ),
            ("/paths/~1v1~1files~1{path}/get/responses/200/content", r#"{"*/*":{"schema":{}}}"#),
            ("/paths/~1v1~1put~1{kind}/put/requestBody", r#"{"content":{"*/*":{"schema":{}}}}"#),
            (
                "/paths/~1v1~1put~1{kind}/put/responses/200/content",
                r##"{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/t.v1.Thing"}}}}"##,
            ),
            (
                "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/responses/404/description",
                r#""`NOT_FOUND`, reason `GONE`: no such thing""#,
            ),
        ],
    );
    let responses =
        at(&document, "/paths/~1v1~1shelves~1{shelve}~1things~1{thing}/get/responses").as_object().unwrap();
    assert_eq!(responses.keys().collect::<Vec<_>>(), ["200", "400", "404", "409", "default"]);
    let both = responses["409"]["description"].as_str().unwrap();
    assert!(both.contains("`ABORTED`") && both.contains("`ALREADY_EXISTS`"), "{both}");
}

#[test]
fn schemas_are_the_protojson_forms() {
    let document = document(&contract(), &Info::default());
    let property = |name: &str, want: &str| {
        check(&document, &[(&format!("/components/schemas/t.v1.Thing/properties/{name}"), want)]);
    };
    for (name, want) in [
        ("name", r#"{"type":"string"}"#),
        ("ok", r#"{"type":"boolean","readOnly":true}"#),
        ("a32", r#"{"type":"integer","format":"int32"}"#),
        ("aU32", r#"{"type":"integer","format":"uint32","minimum":0,"maximum":4294967295}"#),
        ("a64", r#"{"type":"string","format":"int64","pattern":"^-?[0-9]+$"}"#),
        ("aU64", r#"{"type":"string","format":"uint64","pattern":"^[0-9]+$"}"#),
        ("f", r#"{"type":["number","string"],"format":"float","pattern":"^(NaN|-?Infinity)$"}"#),
        ("d", r#"{"type":["number","string"],"format":"double","pattern":"^(NaN|-?Infinity)$"}"#),
        ("b", r#"{"type":"string","format":"byte","contentEncoding":"base64"}"#),
        ("at", r#"{"type":"string","format":"date-time"}"#),
        ("took", r#"{"type":"string","pattern":"^-?[0-9]+(\\.[0-9]{1,9})?s$"}"#),
        ("st", r#"{"type":"object"}"#),
        ("va", "{}"),
        ("li", r#"{"type":"array","items":{}}"#),
        ("an", r#"{"type":"object","properties":{"@type":{"type":"string"}}}"#),
        ("wrapped", r#"{"type":["string","null"],"format":"int64","pattern":"^-?[0-9]+$"}"#),
        ("nothing", r#"{"type":"null"}"#),
        ("views", r##"{"type":"object","additionalProperties":{"$ref":"#/components/schemas/t.v1.View"}}"##),
        ("children", r##"{"type":"array","items":{"$ref":"#/components/schemas/t.v1.Thing"}}"##),
        ("left", r#"{"type":"string","description":"At most one of `left`, `right` is set."}"#),
        ("maybe", r#"{"type":"string"}"#),
    ] {
        property(name, want);
    }
    // An answer leaves defaults out, so nothing in it is required whatever the contract asks of requests.
    assert_eq!(document.pointer("/components/schemas/t.v1.Thing/required"), None);
    check(
        &document,
        &[(
            "/components/schemas/t.v1.View",
            r#"{"type":"string","enum":["VIEW_UNSPECIFIED","FULL"],"description":"- `VIEW_UNSPECIFIED`: Everything.\nRequests may give a value by name or by number."}"#,
        )],
    );
}

#[test]
fn a_services_json_style_has_schemas_of_its_own() {
    let style = JsonStyle { preserve_field_names: true, enums_as_numbers: true };
    let info = Info { json: BTreeMap::from([("t.v1.Things".to_owned(), style)]), ..Info::default() };
    let document = document(&contract(), &info);
    check(
        &document,
        &[
            ("/components/schemas/t.v1.View-original-numbers/enum", "[0,1]"),
            ("/components/schemas/t.v1.Thing-original-numbers/properties/a_u32/type", r#""integer""#),
        ],
    );
    assert!(document.pointer("/components/schemas/t.v1.Thing").is_none());
}

#[test]
fn every_reference_resolves_and_operation_ids_are_unique() {
    let contract = contract();
    let document = document(&contract, &Info::default());
    let mut ids = std::collections::BTreeSet::new();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(target)) = object.get("$ref") {
                    at(&document, target.strip_prefix('#').unwrap());
                }
                if let Some(Value::String(id)) = object.get("operationId") {
                    assert!(ids.insert(id.clone()), "{id} twice");
                }
                open.extend(object.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(ids.len() >= 9, "{ids:?}");
    let bytes = contract.descriptor_set();
    assert!(prost_types::FileDescriptorSet::decode(bytes.as_slice()).is_ok());
    let again = Contract::from_descriptor_set(&bytes, &LoadOptions::default()).unwrap();
    assert_eq!(super::document(&again, &Info::default()), document);
}
