//! What a newer version has written, changed by an older one.

use super::*;
use prost_reflect::DescriptorPool;
use std::collections::BTreeMap;

/// The message as this program knows it.
#[derive(Clone, PartialEq, prost::Message)]
struct Old {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    inner: Option<OldPart>,
    #[prost(message, repeated, tag = "3")]
    list: Vec<OldPart>,
    #[prost(btree_map = "string, message", tag = "4")]
    map: BTreeMap<String, OldPart>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OldPart {
    #[prost(string, tag = "1")]
    text: String,
}

/// As a newer program does.
#[derive(Clone, PartialEq, prost::Message)]
struct New {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    inner: Option<NewPart>,
    #[prost(message, repeated, tag = "3")]
    list: Vec<NewPart>,
    #[prost(btree_map = "string, message", tag = "4")]
    map: BTreeMap<String, NewPart>,
    #[prost(uint64, tag = "9")]
    more: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NewPart {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(string, tag = "9")]
    more: String,
}

/// `Old` as a descriptor.
fn descriptor() -> MessageDescriptor {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
        syntax = "proto3";
        message Old {
            string name = 1;
            Part inner = 2;
            repeated Part list = 3;
            map<string, Part> map = 4;
        }
        message Part { string text = 1; }
    "#;
    std::fs::write(folder.path().join("old.proto"), text).unwrap();
    let set = protox::compile(["old.proto"], [folder.path()]).unwrap();
    let pool = DescriptorPool::decode(&set.encode_to_vec()[..]).unwrap();
    pool.get_message_by_name("Old").unwrap()
}

/// Parts as `text/more`.
fn new(more: u64, inner: &str, list: &[&str], map: &[(&str, &str)]) -> New {
    let part = |text: &str| {
        let (text, more) = text.split_once('/').unwrap_or((text, ""));
        NewPart { text: text.into(), more: more.into() }
    };
    New {
        name: "n".into(),
        inner: (!inner.is_empty()).then(|| part(inner)),
        list: list.iter().map(|text| part(text)).collect(),
        map: map.iter().map(|(key, text)| ((*key).to_owned(), part(text))).collect(),
        more,
    }
}

fn old(inner: &str, list: &[&str], map: &[(&str, &str)]) -> Old {
    Old::decode(&new(0, inner, list, map).encode_to_vec()[..]).unwrap()
}

#[test]
fn what_is_not_known_stays_where_it_was() {
    let stored = new(7, "i/x", &["a/1", "b/2", "c/3"], &[("k", "m/4"), ("l", "n/5")]);
    for (changed, expected) in [
        // Nothing changes.
        (old("i", &["a", "b", "c"], &[("k", "m"), ("l", "n")]), stored.clone()),
        // What is known changes.
        (
            old("j", &["a", "x", "c"], &[("k", "y"), ("l", "n")]),
            new(7, "j/x", &["a/1", "x/2", "c/3"], &[("k", "y/4"), ("l", "n/5")]),
        ),
        // Elements come, go and move.
        (old("i", &["b", "c"], &[("k", "m")]), new(7, "i/x", &["b/2", "c/3"], &[("k", "m/4")])),
        (old("i", &["z", "c", "a", "b"], &[]), new(7, "i/x", &["z", "c/3", "a/1", "b/2"], &[])),
        // One that is gone takes along what was not known of it.
        (old("", &[], &[("new", "n")]), new(7, "", &[], &[("new", "n")])),
    ] {
        let bytes = keep(&descriptor(), &stored.encode_to_vec(), changed.encode_to_vec());
        assert_eq!(New::decode(&bytes[..]).unwrap(), expected, "{changed:?}");
    }
}

#[test]
fn elements_that_are_the_same_are_each_found_once() {
    let stored = new(0, "", &["a/1", "a/2", "b/3"], &[]);
    let bytes =
        keep(&descriptor(), &stored.encode_to_vec(), old("", &["b", "a", "a", "a"], &[]).encode_to_vec());
    let found = New::decode(&bytes[..]).unwrap().list;
    let mut more: Vec<&str> = found.iter().map(|part| part.more.as_str()).collect();
    assert_eq!(more[0], "3");
    more.sort_unstable();
    assert_eq!(more, ["", "1", "2", "3"]);
}

#[test]
fn what_is_no_message_is_left_alone() {
    let good = old("i", &[], &[]).encode_to_vec();
    assert_eq!(keep(&descriptor(), b"\xff", good.clone()), good);
    assert_eq!(keep(&descriptor(), &new(7, "", &[], &[]).encode_to_vec(), b"\xff".to_vec()), b"\xff");
}
