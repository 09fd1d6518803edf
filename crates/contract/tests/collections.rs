//! Messages that are schemas of collections: what a contract knows of them, and where what is wrong with one is reported.
#![allow(clippy::unwrap_used, reason = "a panic in a test is the report")]

use tenet_contract::{Contract, Diagnostics, LoadOptions, STORE_PROTO, Source, Visibility, load};

fn load_text(text: &str, options: &LoadOptions) -> (Result<Contract, Diagnostics>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("feed.proto"), text).unwrap();
    let source = Source { roots: vec![folder.path().to_owned()], descriptor_sets: Vec::new() };
    (load(&source, options), format!("{}/", folder.path().display()))
}

const FEED: &str = r#"syntax = "proto3";
package feed.v1;
import "tenet/policy/v1/policy.proto";
// Who is who.
message StoredUser {
  option (tenet.policy.v1.collection) = { key: "user_id" };
  string user_id = 1;
}
message Outer {
  message Post {
    option deprecated = true;
    option (tenet.policy.v1.collection) = {
      name: "posts" key: "user_id" item_key: "post_id"
    };
    string user_id = 1;
    int64 post_id = 2;
  }
}
message Plain { string id = 1; }
"#;

#[test]
fn collections_are_known_by_their_messages_with_comment_and_place() {
    let (loaded, folder) = load_text(FEED, &LoadOptions::default());
    let contract = loaded.unwrap();
    let names: Vec<(&str, &str)> = contract
        .collections
        .iter()
        .map(|collection| (collection.schema.message.as_str(), collection.schema.name.as_str()))
        .collect();
    assert_eq!(names, [("feed.v1.Outer.Post", "posts"), ("feed.v1.StoredUser", "stored-user")]);
    assert!(contract.collection("feed.v1.Plain").is_none());
    let user = contract.collection("feed.v1.StoredUser").unwrap();
    assert_eq!((user.comment.as_str(), user.file.as_str(), user.line), ("Who is who.", "feed.proto", 5));
    assert_eq!(user.written.file, format!("{folder}feed.proto"));
    assert_eq!((user.written.line, user.written.column), (6, 11));
    assert!(user.written.line_text.contains("key: \"user_id\""));
    let post = contract.collection("feed.v1.Outer.Post").unwrap();
    assert_eq!((post.line, post.written.line), (10, 12));

    // The compiled contract says the same, but for the text that is not there any more.
    let read = Contract::from_descriptor_set(&contract.descriptor_set(), &LoadOptions::default()).unwrap();
    for (read, written) in read.collections.iter().zip(&contract.collections) {
        assert_eq!((&read.schema, &read.comment), (&written.schema, &written.comment));
        assert_eq!((read.line, read.written.line_text.as_str()), (written.line, ""));
    }
    assert_eq!(read.collections.len(), 2);
}

#[test]
fn everything_wrong_with_a_collection_is_reported_where_it_is_written() {
    let text = r#"syntax = "proto3";
package feed.v1;
import "tenet/policy/v1/policy.proto";
message NoKey {
  option (tenet.policy.v1.collection) = {};
  string no_key_id = 1;
}
message Many {
  option (tenet.policy.v1.collection) = {
    name: "Many things"
    key: ["user_id", "usr_id"]
    item_key: "tags"
    indexes: { name: "by-score" fields: "score" }
    expire_field: "user_id"
    ttl: { nanos: -1 }
    cached: { seconds: 86400 }
  };
  string user_id = 1;
  repeated string tags = 2;
  double score = 3;
}
message Unknown {
  option (tenet.policy.v1.collection) = { key: "id" itemkey: "id" };
  string id = 1;
}
"#;
    // What the compiler finds keeps the file from being looked at further, so it is looked at alone.
    let (loaded, _) = load_text(text, &LoadOptions::default());
    let compiler = loaded.unwrap_err().to_string();
    assert!(compiler.contains("did you mean `item_key`?"), "{compiler}");
    let (loaded, folder) = load_text(&text.replace(" itemkey: \"id\"", ""), &LoadOptions::default());
    insta::assert_snapshot!(loaded.unwrap_err().to_string().replace(&folder, ""));
}

#[test]
fn the_contract_of_the_store_comes_with_tenet_for_whoever_asks() {
    let store = "tenet.store.v1.Store";
    let (without, _) = load_text(FEED, &LoadOptions::default());
    assert!(without.unwrap().service(store).is_none());
    let options = LoadOptions { platform: [STORE_PROTO.to_owned()].into(), ..LoadOptions::default() };
    let (with, _) = load_text(FEED, &options);
    let contract = with.unwrap();
    let service = contract.service(store).unwrap();
    assert_eq!((service.visibility, service.file.as_str()), (Visibility::Internal, STORE_PROTO));
    assert!(contract.method("tenet.store.v1.Store/Get").is_some());
    assert!(contract.endpoints.is_empty(), "nothing of it is public");
}
