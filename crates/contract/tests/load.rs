//! Contracts as authors write them: what is read, what is refused, and in which words.
#![allow(clippy::unwrap_used, reason = "a panic in a test is the report")]

use std::path::Path;
use std::time::Duration;
use tenet_contract::{
    Body, Contract, Diagnostics, Idempotency, LoadOptions, Priority, Source, Verb, Visibility, load,
};
use tenet_error::GrpcCode;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn load_root(root: &Path, options: &LoadOptions) -> Result<Contract, Diagnostics> {
    load(&Source { roots: vec![root.to_owned()], descriptor_sets: Vec::new() }, options)
}

fn load_files(files: &[(&str, &str)]) -> Result<Contract, Diagnostics> {
    load_root(folder(files).path(), &LoadOptions::default())
}

/// The findings of one root, with the temporary folder's name taken out.
fn findings(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let found = load_root(folder.path(), &LoadOptions::default()).expect_err("these contracts are broken");
    found.to_string().replace(&format!("{}/", folder.path().display()), "")
}

const SHOP: &str = r#"syntax = "proto3";
package shop.v1;

import "google/api/annotations.proto";
import "google/protobuf/empty.proto";
import "tenet/policy/v1/policy.proto";

// Orders of the shop.
service Orders {
  option (tenet.policy.v1.service) = { group: "money" owner: "team-shop" };

  // Reads one order.
  //
  // It may be a moment old.
  rpc GetOrder(GetOrderRequest) returns (Order) {
    option (google.api.http) = {
      get: "/v1/{name=shops/*/orders/*}"
      additional_bindings { get: "/v1/orders/{name}" response_body: "lines" }
      additional_bindings { custom: { kind: "*" path: "/v1/any/{name}" } }
    };
    option idempotency_level = NO_SIDE_EFFECTS;
    option (tenet.policy.v1.method) = {
      deadline: { nanos: 250000000 }
      priority: CRITICAL
      scopes: "orders.read"
      scopes: "shop"
      cost: 3
      cache: { fresh: { seconds: 5 } stale: { seconds: 60 } vary: "accept-language" }
      errors: { code: "NOT_FOUND" description: "no such order" reason: "ORDER_UNKNOWN" }
    };
  }
  rpc CancelOrder(GetOrderRequest) returns (google.protobuf.Empty) {
    option (google.api.http) = { post: "/v1/{name=shops/*/orders/*}:cancel" body: "*" };
    option deprecated = true;
  }
  rpc PutOrder(PutOrderRequest) returns (Order) {
    option (google.api.http) = { put: "/v1/{order.name=shops/*/orders/*}" body: "order" };
  }
  rpc Unbound(GetOrderRequest) returns (Order);
}

service Stock {
  option (tenet.policy.v1.service) = { visibility: INTERNAL };
  rpc Take(GetOrderRequest) returns (Order) {
    option (google.api.http) = { post: "/v1/stock" body: "*" };
  }
}

message GetOrderRequest { string name = 1; }
message PutOrderRequest { Order order = 1; bool dry_run = 2; }
message Order { string name = 1; repeated string lines = 2; }
"#;

#[test]
fn everything_a_contract_says_is_read() {
    let contract = load_files(&[("shop/v1/shop.proto", SHOP)]).unwrap();
    let orders = contract.service("shop.v1.Orders").unwrap();
    assert_eq!((orders.group.as_str(), orders.owner.as_str()), ("money", "team-shop"));
    assert_eq!(orders.comment, "Orders of the shop.");
    assert_eq!((orders.file.as_str(), orders.line), ("shop/v1/shop.proto", 9));
    let stock = contract.service("shop.v1.Stock").unwrap();
    assert_eq!((stock.group.as_str(), stock.visibility), ("shop.v1", Visibility::Internal));

    let (index, get) = contract.method("shop.v1.Orders/GetOrder").unwrap();
    assert_eq!(get.grpc_path, "/shop.v1.Orders/GetOrder");
    assert_eq!(get.comment, "Reads one order.\n\nIt may be a moment old.");
    assert_eq!(get.deadline, Some(Duration::from_millis(250)));
    assert_eq!(
        (get.idempotency, get.priority, get.cost),
        (Idempotency::NoSideEffects, Priority::Critical, 3)
    );
    assert_eq!(get.scopes, ["orders.read", "shop"]);
    let cache = get.cache.as_ref().unwrap();
    assert_eq!((cache.fresh, cache.stale), (Duration::from_secs(5), Duration::from_secs(60)));
    assert_eq!(cache.vary, ["accept-language"]);
    let error = &get.errors[0];
    assert_eq!((error.code, error.reason.as_str()), (GrpcCode::NotFound, "ORDER_UNKNOWN"));

    let names: Vec<&str> = contract.endpoints_of(index).map(|endpoint| endpoint.name.as_str()).collect();
    assert_eq!(names, ["GET /v1/{name=shops/*/orders/*}", "GET /v1/orders/{name}", "* /v1/any/{name}"]);
    let (_, cancel) = contract.method("/shop.v1.Orders/CancelOrder").unwrap();
    assert!(cancel.deprecated && !get.deprecated);
    assert_eq!((cancel.deadline, cancel.cost, cancel.priority), (None, 1, Priority::Normal));
}

#[test]
fn bindings_know_their_body_and_who_may_reach_them() {
    let contract = load_files(&[("shop/v1/shop.proto", SHOP)]).unwrap();
    let rows = [
        ("GET /v1/{name=shops/*/orders/*}", "none", "-", true),
        ("GET /v1/orders/{name}", "none", "lines", true),
        ("* /v1/any/{name}", "none", "-", true),
        ("POST /v1/{name=shops/*/orders/*}:cancel", "*", "-", true),
        ("PUT /v1/{order.name=shops/*/orders/*}", "order", "-", true),
        ("POST /v1/stock", "*", "-", false),
    ];
    assert_eq!(contract.endpoints.len(), rows.len());
    for (name, body, response_body, public) in rows {
        let endpoint = contract.endpoints.iter().find(|endpoint| endpoint.name == name).expect(name);
        let found = match &endpoint.body {
            Body::None => "none".to_owned(),
            Body::Whole => "*".to_owned(),
            Body::Field(field) => field.to_string(),
        };
        assert_eq!(found, body, "{name}");
        let found = endpoint.response_body.as_ref().map_or("-".to_owned(), ToString::to_string);
        assert_eq!(found, response_body, "{name}");
        assert_eq!((endpoint.public, endpoint.automatic), (public, false), "{name}");
    }
}

#[test]
fn automatic_bindings_are_only_for_services_that_ask_and_methods_that_have_none() {
    let root = folder(&[("shop/v1/shop.proto", SHOP)]);
    let options = LoadOptions {
        auto_bindings: ["shop.v1.Orders".to_owned()].into(),
        served: None,
        ..LoadOptions::default()
    };
    let contract = load_root(root.path(), &options).unwrap();
    let automatic: Vec<_> = contract.endpoints.iter().filter(|endpoint| endpoint.automatic).collect();
    assert_eq!(automatic.len(), 1);
    assert_eq!(automatic[0].name, "POST /shop.v1.Orders/Unbound");
    assert_eq!((&automatic[0].body, &automatic[0].verb), (&Body::Whole, &Verb::new("POST")));
    assert!(automatic[0].public);
}

#[test]
fn what_nobody_serves_has_no_endpoints_and_no_conflicts() {
    let twin = r#"syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "shop/v1/shop.proto";
service Twin {
  rpc GetOrder(GetOrderRequest) returns (Order) { option (google.api.http) = { get: "/v1/orders/{name}" }; }
}
"#;
    let root = folder(&[("shop/v1/shop.proto", SHOP), ("shop/v1/twin.proto", twin)]);
    let served = |services: &[&str]| LoadOptions {
        served: Some(services.iter().map(|name| (*name).to_owned()).collect()),
        ..LoadOptions::default()
    };
    let contract = load_root(root.path(), &served(&["shop.v1.Orders"])).unwrap();
    assert!(contract.service("shop.v1.Twin").is_some(), "it is still known");
    assert!(!contract.endpoints.is_empty());
    for endpoint in &contract.endpoints {
        let method = &contract.methods[endpoint.method].full_name;
        assert!(method.starts_with("shop.v1.Orders"), "{method} has {}", endpoint.name);
    }
    assert!(load_root(root.path(), &served(&["shop.v1.Orders", "shop.v1.Twin"])).is_err());
    assert!(load_root(root.path(), &LoadOptions::default()).is_err());
}

#[test]
fn a_descriptor_set_reads_back_to_the_same_contract() {
    let contract = load_files(&[("shop/v1/shop.proto", SHOP)]).unwrap();
    let bytes = contract.descriptor_set();
    let again = Contract::from_descriptor_set(&bytes, &LoadOptions::default()).unwrap();
    assert_eq!(again.descriptor_set(), bytes);
    let show = |contract: &Contract| {
        let methods: Vec<_> = contract
            .methods
            .iter()
            .map(|m| (m.full_name.clone(), m.comment.clone(), m.line, m.deadline))
            .collect();
        let endpoints: Vec<_> =
            contract.endpoints.iter().map(|e| (e.name.clone(), e.public, e.line)).collect();
        format!("{methods:?} {endpoints:?} {:?}", contract.services)
    };
    assert_eq!(show(&again), show(&contract));
    // The same sources elsewhere are the same contract: the release's hash depends on it.
    assert_eq!(load_files(&[("shop/v1/shop.proto", SHOP)]).unwrap().descriptor_set(), bytes);

    let root = folder(&[("set.binpb", "")]);
    let set = root.path().join("set.binpb");
    std::fs::write(&set, &bytes).unwrap();
    let from_file =
        load(&Source { roots: vec![], descriptor_sets: vec![set] }, &LoadOptions::default()).unwrap();
    assert_eq!(show(&from_file), show(&contract));
}

#[test]
fn error_details_can_always_be_resolved() {
    let contract = load_files(&[("a.proto", "syntax = \"proto3\"; package a; message M {}")]).unwrap();
    for name in ["google.rpc.Status", "google.rpc.BadRequest", "google.protobuf.Any", "google.api.HttpBody"] {
        assert!(contract.pool.get_message_by_name(name).is_some(), "{name}");
    }
}

#[test]
fn a_copy_of_the_users_wins_over_what_comes_with_tenet() {
    let own = "syntax = \"proto3\"; package google.type; message Money { string mine = 1; }";
    let uses = "syntax = \"proto3\"; package a; import \"google/type/money.proto\"; message M { google.type.Money m = 1; }";
    let contract = load_files(&[("google/type/money.proto", own), ("a.proto", uses)]).unwrap();
    assert!(
        contract.pool.get_message_by_name("google.type.Money").unwrap().get_field_by_name("mine").is_some()
    );
    let bundled = load_files(&[("a.proto", uses)]).unwrap();
    assert!(
        bundled.pool.get_message_by_name("google.type.Money").unwrap().get_field_by_name("units").is_some()
    );
    // A copy of protobuf's own files that is newer than the compiler can read is passed over.
    let newer = "edition = \"2099\"; message Timestamp { what = 1; }";
    assert!(load_files(&[("google/protobuf/timestamp.proto", newer), ("a.proto", uses)]).is_ok());
}

#[test]
fn proto2_with_groups_loads() {
    let text =
        "syntax = \"proto2\"; package a; message M { optional group Inner = 1 { required int32 x = 1; } }";
    let contract = load_files(&[("a.proto", text)]).unwrap();
    let message = contract.pool.get_message_by_name("a.M").unwrap();
    assert!(message.get_field(1).unwrap().is_group());
}

#[test]
fn every_file_reports_its_own_errors() {
    let found = findings(&[
        ("a/import.proto", "syntax = \"proto3\";\npackage a;\nimport \"google/api/anotations.proto\";\n"),
        (
            "a/uses_broken.proto",
            "syntax = \"proto3\";\npackage a;\nimport \"a/import.proto\";\nmessage U {}\n",
        ),
        (
            "a/type.proto",
            "syntax = \"proto3\";\npackage a;\nmessage T {\n  google.protobuf.Timestamp at = 1;\n\tTimme b = 2;\n}\nmessage Time {}\n",
        ),
        ("a/syntax.proto", "syntax = \"proto3\";\npackage a\nmessage M {\n\tstring id = 1\n}\n"),
        ("a/one.proto", "syntax = \"proto3\";\nimport \"a/two.proto\";\n"),
        ("a/two.proto", "syntax = \"proto3\";\nimport \"a/one.proto\";\n"),
        ("a/end.proto", "syntax = \"proto3\";\nmessage E {\n"),
        ("a/twice.proto", "syntax = \"proto3\";\npackage twice;\nmessage A {}\nmessage A {}\n"),
        (
            "a/option.proto",
            "syntax = \"proto3\";\npackage o;\nimport \"tenet/policy/v1/policy.proto\";\nservice S {\n  option (tenet.policy.v1.service) = { groop: \"x\" };\n}\n",
        ),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn every_bad_binding_and_policy_is_reported_where_it_is_written() {
    let found = findings(&[(
        "a.proto",
        r#"syntax = "proto3";
package a;
import "google/api/annotations.proto";
import "tenet/policy/v1/policy.proto";
message Req { string user_id = 1; repeated string tags = 2; Inner inner = 3; map<string, string> labels = 4; }
message Inner { string name = 1; }
service S {
  rpc One(Req) returns (Req) {
    option (google.api.http) = {
      get: "/v1/{usr_id}/x"
      additional_bindings { get: "/v1/{tags}" }
      additional_bindings { get: "/v1/{inner}" }
      additional_bindings { get: "/v1/{labels.x}" }
      additional_bindings { get: "/v1//{user_id}" }
      additional_bindings { post: "/v1/y/{user_id}" body: "innr" }
      additional_bindings { post: "/v1/w/{user_id}" body: "user_id" }
      additional_bindings { post: "/v1/z" body: "*" response_body: "inner.name" }
      additional_bindings { custom: { kind: "B AD" path: "/v1/q" } }
    };
    option (tenet.policy.v1.method) = {
      deadline: { seconds: 500000 }
      errors: { code: "NOTFOUND" }
    };
  }
  rpc Two(Req) returns (Req) {
    option (google.api.http) = { get: "/v1/same/{user_id}" };
    option (tenet.policy.v1.method) = { deadline: { seconds: -1 } };
  }
  rpc Three(Req) returns (Req) {
    option (google.api.http) = { get: "/v1/same/{inner.name}" };
    option (tenet.policy.v1.method) = { deadline: {} };
  }
  rpc Four(Req) returns (Req) {
    option (google.api.http) = {};
  }
}
"#,
    )]);
    insta::assert_snapshot!(found);
}

const HASHED: &str = r#"syntax = "proto3";
package h.v1;
import "tenet/policy/v1/policy.proto";
service S {
  rpc Get(Req) returns (Req) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (tenet.policy.v1.method) = { hedge: true hash_by: "user.id" };
  }
  rpc Put(Req) returns (stream Req) {
    option idempotency_level = IDEMPOTENT;
    option (tenet.policy.v1.method) = { hedge: true hash_by: "kind" };
  }
  rpc Plain(Req) returns (Req);
}
enum Kind { NONE = 0; SOME = 1; }
message Req { User user = 1; Kind kind = 2; repeated string tags = 3; map<string, User> users = 4; double at = 5; }
message User { repeated string names = 1; string id = 2; int64 number = 3; }
"#;

#[test]
fn hedging_and_hashing_are_read() {
    let contract = load_files(&[("h.proto", HASHED)]).unwrap();
    let method = |name: &str| contract.method(&format!("h.v1.S/{name}")).unwrap().1;
    let hash_by = |name: &str| method(name).hash_by.as_ref();
    assert!(method("Get").hedge && method("Put").hedge && !method("Plain").hedge);
    assert!(hash_by("Plain").is_none());
    assert_eq!(hash_by("Get").unwrap().path.to_string(), "user.id");
    assert_eq!(hash_by("Get").unwrap().locator.numbers().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(hash_by("Get").unwrap().find(b"\x0a\x04\x12\x02u7\x10\x01"), Some(b"u7".as_slice()));
    assert_eq!(hash_by("Put").unwrap().find(b"\x0a\x04\x12\x02u7\x10\x01"), Some(b"\x01".as_slice()));
    assert_eq!(hash_by("Put").unwrap().find(b"\x0a\x04\x12\x02u7"), None);
}

#[test]
fn what_cannot_be_hedged_or_hashed_by_is_reported_where_it_is_written() {
    let methods = [
        ("One", "hedge: true", "Req"),
        ("Two", "hash_by: \"usr.id\"", "Req"),
        ("Three", "hash_by: \"user.idd\"", "Req"),
        ("Four", "hash_by: \"user\"", "Req"),
        ("Five", "hash_by: \"tags\"", "Req"),
        ("Six", "hash_by: \"users.id\"", "Req"),
        ("Seven", "hash_by: \"at\"", "Req"),
        ("Eight", "hash_by: \"kind.id\"", "Req"),
        ("Nine", "hash_by: \"kind\"", "stream Req"),
    ];
    let rpcs: Vec<String> = methods
        .iter()
        .map(|(name, policy, input)| {
            format!(
                "  rpc {name}({input}) returns (Req) {{\n    option (tenet.policy.v1.method) = {{ {policy} }};\n  }}"
            )
        })
        .collect();
    let streams = "  rpc Ten(stream Req) returns (Req) {\n    option idempotency_level = IDEMPOTENT;\n    \
                   option (tenet.policy.v1.method) = { hedge: true };\n  }";
    let text = HASHED.replace("  rpc Plain(Req) returns (Req);", &[&rpcs.join("\n"), streams].join("\n"));
    insta::assert_snapshot!(findings(&[("h.proto", &text)]));
}

#[test]
fn a_source_without_contracts_says_so() {
    let rows: [(Source, &str); 3] = [
        (
            Source { roots: vec!["no/such/folder".into()], ..Source::default() },
            "error: the contract root does not exist\n --> no/such/folder",
        ),
        (
            Source { descriptor_sets: vec!["Cargo.toml".into()], ..Source::default() },
            "error: this is not a serialized google.protobuf.FileDescriptorSet\n --> Cargo.toml\n  = hint: `protoc --include_imports --include_source_info --descriptor_set_out=FILE` writes one",
        ),
        (
            Source { roots: vec!["Cargo.toml".into()], ..Source::default() },
            "error: the contract root is a file; expected a folder of .proto files\n --> Cargo.toml",
        ),
    ];
    for (source, want) in rows {
        assert_eq!(load(&source, &LoadOptions::default()).unwrap_err().to_string(), want);
    }
    let empty = folder(&[]);
    let found = load_root(empty.path(), &LoadOptions::default()).unwrap_err().to_string();
    assert!(found.starts_with("error: no .proto file found below"), "{found}");
}
