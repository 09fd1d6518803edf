//! The commands that read a project, print and end: what they say and how they end.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const PROTO: &str = r#"syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
service Shop {
  rpc GetItem(Item) returns (Item) { option (google.api.http) = { get: "/v1/items/{name}" }; }
  rpc ListItems(Item) returns (Item) { option (google.api.http) = { get: "/v1/items" }; }
}
service Stock {
  rpc GetItem(Item) returns (Item);
}
message Item { string name = 1; }
"#;

const CONFIG: &str = "name = \"shop\"\n[services.shop]\nserves = [\"shop.v1.Shop\"]\ncommand = \"shop\"\n";

fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("proto/shop/v1")).unwrap();
    std::fs::write(folder.path().join("proto/shop/v1/shop.proto"), PROTO).unwrap();
    std::fs::write(folder.path().join("tenet.toml"), CONFIG).unwrap();
    folder
}

/// Status, standard output, standard error.
fn tenet(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tenet")).current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Arguments, status, and what is said: on standard output where the status is 0, else on standard error.
type Row<'a> = (&'a [&'a str], i32, &'a [&'a str]);

fn check(folder: &Path, rows: &[Row<'_>]) {
    for (arguments, status, expected) in rows {
        let (found, out, error) = tenet(folder, arguments);
        assert_eq!(found, Some(*status), "{arguments:?}: {out}{error}");
        for part in *expected {
            let text = if *status == 0 { &out } else { &error };
            assert!(text.contains(part), "{arguments:?} should say {part:?}: {out}{error}");
        }
    }
}

#[test]
fn each_command_says_what_it_should() {
    let project = project();
    let rows: &[Row<'_>] = &[
        (
            &["check"],
            0,
            &["ok: shop · 1 services · 2 contracts · 3 methods · 2 public endpoints", "release "],
        ),
        (&["check", "tenet.toml"], 0, &["ok: shop"]),
        (&["check"], 0, &["note: no service in tenet.toml serves `shop.v1.Stock` (shop/v1/shop.proto:8)"]),
        (&["check", "proto"], 0, &["contracts alone were checked"]),
        (&["check", "nowhere"], 1, &["cannot read tenet.toml", "hint: a project is a folder"]),
        (
            &["explain", "ListItems"],
            0,
            &["shop.v1.Shop/ListItems\n", "GET /v1/items", "tenet.toml services.shop.serves"],
        ),
        (&["explain", ".", "shop.v1.Stock/GetItem"], 0, &["none: calls end in NO_INSTANCE"]),
        (&["explain", "--project", ".", "Shop.GetItem"], 0, &["contract shop/v1/shop.proto:5"]),
        (
            &["explain", "GetItem"],
            1,
            &["names several, expected one of", "shop.v1.Shop/GetItem\n  shop.v1.Stock/GetItem"],
        ),
        (
            &["explain", "GetItm"],
            1,
            &["no contract declares a method or a collection `GetItm`", "shop.v1.Shop/ListItems"],
        ),
        (&["docs"], 0, &["\"openapi\": \"3.1", "\"/v1/items/{name}\"", "\"title\": \"shop\""]),
        (&["errors"], 0, &["# Errors", "| [NOT_FOUND](#not_found) | 404 | NOT_FOUND | never | caller |"]),
        (&["reload"], 1, &["is not up", "hint: `tenet up .` starts it"]),
        (&["up", "--gateways", "0"], 2, &["0 is not in 1..=64"]),
        (&["gateway"], 1, &["holds no release", "name a project folder"]),
        (&["gateway", "--threads", "0", "."], 1, &["threads: found \"0\", expected a whole number from 1"]),
    ];
    check(project.path(), rows);
    let (status, out, _) = tenet(project.path(), &["docs", "-o", "api.json"]);
    assert_eq!((status, out.as_str()), (Some(0), ""));
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(project.path().join("api.json")).unwrap()).unwrap();
    assert!(written["paths"]["/v1/items"]["get"].is_object());
}

#[test]
fn every_problem_is_printed_with_its_place_and_counted() {
    let project = project();
    std::fs::write(project.path().join("tenet.toml"), CONFIG.replace("serves", "serve") + "per_zone = 0\n")
        .unwrap();
    let (status, out, error) = tenet(project.path(), &["check"]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(error.contains("./tenet.toml:3:1") && error.contains("hint: did you mean `serves`?"), "{error}");
    assert!(error.ends_with("1 problem in .\n"), "{error}");
}

#[test]
fn what_is_kept_is_counted_and_explained() {
    let project = project();
    let item =
        "message Item {\n  option (tenet.policy.v1.collection) = { key: \"name\" ttl: { seconds: 90 } };\n";
    let proto = PROTO
        .replace("message Item {", item)
        .replace("package shop.v1;", "package shop.v1;\nimport \"tenet/policy/v1/policy.proto\";");
    std::fs::write(project.path().join("proto/shop/v1/shop.proto"), proto).unwrap();
    let keeps = format!("{CONFIG}keeps = [\"shop.v1.Item\"]\n");
    std::fs::write(project.path().join("tenet.toml"), keeps).unwrap();
    let rows: &[Row<'_>] = &[
        (
            &["check"],
            0,
            &[
                "ok: shop · 1 services · 2 contracts · 3 methods · 2 public endpoints · 1 collections in the store (embedded)",
            ],
        ),
        (
            &["explain", "Item"],
            0,
            &[
                "shop.v1.Item\n",
                "tenet.toml services.shop.keeps",
                "ttl",
                "90s",
                "contract shop/v1/shop.proto:",
            ],
        ),
        (&["explain", "shop.v1.Item"], 0, &["engine", "embedded"]),
        (&["explain", "Store.Mutate"], 0, &["tenet.store.v1.Store/Mutate\n", "INTERNAL", "comes with Tenet"]),
        (
            &["explain", "Itm"],
            1,
            &["no contract declares a method or a collection `Itm`", "\n  shop.v1.Item\n"],
        ),
    ];
    check(project.path(), rows);
}
