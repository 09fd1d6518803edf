//! What a collection option says, and everything that can be wrong with it.

use crate::compiled::{pool, problems, schema};
use std::time::Duration;
use tenet_collection::{DEFAULT_RETENTION, Kind, Schema};

#[test]
fn a_message_without_the_option_is_no_schema() {
    let pool = pool("message Plain { string id = 1; }");
    assert!(Schema::of(&pool.get_message_by_name("t.v1.Plain").unwrap()).is_none());
}

#[test]
fn what_is_not_said_has_defaults() {
    let pool = pool(
        "message Outer { message StoredUser { option (tenet.policy.v1.collection) = { key: \"id\" }; string id = 1; } }",
    );
    let message = pool.get_message_by_name("t.v1.Outer.StoredUser").unwrap();
    let schema = Schema::of(&message).unwrap().unwrap();
    assert_eq!((schema.name.as_str(), schema.message.as_str()), ("stored-user", "t.v1.Outer.StoredUser"));
    assert_eq!((schema.ttl, schema.retention, schema.cached), (None, DEFAULT_RETENTION, None));
    assert!(!schema.atomic_across_records && schema.indexes.is_empty() && schema.item().is_empty());
    assert_eq!(schema.record_kinds(), [Kind::Text]);
}

#[test]
fn everything_that_is_said_is_read() {
    let schema = schema(
        "name: \"posts\" key: [\"user_id\", \"year\"] item_key: \"at\" \
         indexes: { name: \"by-colour\" fields: [\"colour\", \"at\"] } indexes: { name: \"slug\" fields: \"slug\" unique: true } \
         expire_field: \"gone\" ttl: { seconds: 60 nanos: 5 } atomic_across_records: true retention: {} cached: { seconds: 1 }",
        "string user_id = 1; uint32 year = 2; google.protobuf.Timestamp at = 3; Colour colour = 4; optional bytes slug = 5; \
         google.protobuf.Timestamp gone = 6;",
    );
    assert_eq!(schema.name, "posts");
    assert_eq!(
        (schema.record_kinds(), schema.item_kinds()),
        (vec![Kind::Text, Kind::Unsigned], vec![Kind::Timestamp])
    );
    let names: Vec<&str> =
        schema.record().iter().chain(schema.item()).map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["user_id", "year", "at"]);
    let by_colour = schema.index("by-colour").unwrap();
    assert_eq!((by_colour.kinds(), by_colour.unique), (vec![Kind::Signed, Kind::Timestamp], false));
    let slug = schema.index("slug").unwrap();
    assert_eq!((slug.kinds(), slug.unique), (vec![Kind::Bytes], true));
    assert!(schema.index("none").is_none() && schema.atomic_across_records);
    assert_eq!(schema.expire_field.as_deref(), Some("gone"));
    assert_eq!(schema.ttl, Some(Duration::new(60, 5)));
    assert_eq!((schema.retention, schema.cached), (Duration::ZERO, Some(Duration::from_secs(1))));
}

const FIELDS: &str = "string user_id = 1; repeated string tags = 2; map<string, string> labels = 3; double score = 4; Inner inner = 5; \
    oneof way { string mail = 6; string phone = 7; } google.protobuf.Timestamp at = 8; google.protobuf.Duration life = 9; \
    Colour colour = 10; bool live = 11;";

/// Option, and of each problem the part of its message, its token and the part of its hint.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)]);

#[test]
fn every_wrong_thing_is_named_with_what_was_expected_and_the_nearest_right_thing() {
    let rows: &[Row<'_>] = &[
        ("key: \"user_id\"", &[]),
        (
            "",
            &[(
                "collection t.v1.M: it has no `key`; expected the fields",
                "",
                "for example `key: \"user_id\"`",
            )],
        ),
        (
            "key: \"usr_id\"",
            &[("key: `usr_id` is not a field of t.v1.M", "usr_id", "did you mean `user_id`?")],
        ),
        ("key: \"zzz\"", &[("`zzz` is not a field of t.v1.M", "zzz", "its fields are `user_id`, `tags`")]),
        ("key: \"\"", &[("`` is not a field of t.v1.M", "", "its fields are")]),
        ("key: \"tags\"", &[("key: `tags` is repeated; expected a single string", "tags", "several of")]),
        ("key: \"labels\"", &[("`labels` is a map; expected a single", "labels", "several of")]),
        ("key: \"score\"", &[("`score` is a double; expected a single", "score", "floating-point")]),
        ("key: \"inner\"", &[("`inner` is a t.v1.Inner; expected a single", "inner", "field of its own")]),
        ("key: \"life\"", &[("`life` is a google.protobuf.Duration; expected", "life", "field of its own")]),
        ("key: \"mail\"", &[("`mail` is a member of the oneof `way`; expected", "mail", "out of the oneof")]),
        (
            "key: \"inner.id\"",
            &[(
                "`inner.id` is inside of another message",
                "inner.id",
                "copy what is to be found out of `inner`",
            )],
        ),
        ("key: [\"user_id\", \"user_id\"]", &[("key: `user_id` is there twice", "user_id", "leave one")]),
        (
            "key: \"user_id\" item_key: \"user_id\"",
            &[("item_key: `user_id` is in `key` already", "user_id", "leave it out")],
        ),
        (
            "key: \"user_id\" item_key: [\"score\", \"usr_id\"]",
            &[
                ("item_key: `score` is a double", "score", ""),
                ("item_key: `usr_id` is not a field", "usr_id", "did you mean `user_id`?"),
            ],
        ),
        (
            "key: \"user_id\" name: \"Users_2\"",
            &[(
                "name: `Users_2` is no name; expected 1 to 63 lower-case",
                "Users_2",
                "`users-2` would be one",
            )],
        ),
        (
            "key: \"user_id\" expire_field: \"att\"",
            &[("expire_field: `att` is not a field", "att", "did you mean `at`?")],
        ),
        (
            "key: \"user_id\" expire_field: \"life\"",
            &[(
                "`life` is a google.protobuf.Duration; expected a single google.protobuf.Timestamp",
                "life",
                "did you mean `at`?",
            )],
        ),
        (
            "key: \"user_id\" indexes: {}",
            &[("the name of an index: `` is no name", "", ""), ("index `` has no `fields`", "", "name them")],
        ),
        (
            "key: \"user_id\" indexes: { name: \"a\" fields: \"colour\" } indexes: { name: \"a\" fields: \"colr\" }",
            &[
                ("index `a` is there twice", "a", "rename"),
                ("index `a`: `colr` is not a field of t.v1.M", "colr", "did you mean `colour`?"),
            ],
        ),
        ("key: \"user_id\" ttl: {}", &[("ttl is zero; expected more", "ttl", "for good")]),
        ("key: \"user_id\" cached: {}", &[("cached is zero; expected more", "cached", "strict")]),
        (
            "key: \"user_id\" ttl: { seconds: -1 }",
            &[("ttl is -1 s and 0 ns; expected neither negative", "ttl", "")],
        ),
        (
            "key: \"user_id\" retention: { seconds: 2592001 }",
            &[("retention is 2592001 s; expected at most 2592000 s (30 days)", "retention", "separate")],
        ),
        (
            "key: \"user_id\" cached: { seconds: 3601 }",
            &[("cached is 3601 s; expected at most 3600 s (1 h)", "cached", "")],
        ),
        (
            "key: \"user_id\" ttl: { seconds: 9223372036854775807 }",
            &[("expected at most 3153600000 s (36500 days)", "ttl", "")],
        ),
    ];
    for (option, expected) in rows {
        let found = problems(option, FIELDS);
        assert_eq!(found.len(), expected.len(), "{option}: {found:?}");
        for (problem, (message, token, hint)) in found.iter().zip(*expected) {
            assert!(problem.message.starts_with("collection t.v1.M: "), "{option}: {problem:?}");
            assert!(problem.message.contains(message), "{option}: {problem:?}");
            assert_eq!(problem.token, *token, "{option}: {problem:?}");
            assert!(problem.hint.contains(hint), "{option}: {problem:?}");
        }
    }
}

#[test]
fn the_field_that_looks_most_like_an_id_is_suggested() {
    for (fields, hint) in [
        ("string text = 1; string owner_id = 2; string m_id = 3;", "for example `key: \"m_id\"`"),
        ("string text = 1; string owner_id = 2; string other_id = 3;", "for example `key: \"owner_id\"`"),
        ("string text = 1; string name = 2; string other_id = 3;", "for example `key: \"name\"`"),
        ("double score = 1; string text = 2;", "for example `key: \"text\"`"),
        ("double score = 1;", ""),
        ("", ""),
    ] {
        assert_eq!(problems("", fields)[0].hint, hint, "{fields}");
    }
}
