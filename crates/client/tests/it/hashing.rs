//! Calls that are hashed by a field of their request.

use crate::stage::{Instance, call, say};
use prost::Message;
use prost_types::{DescriptorProto, FieldDescriptorProto, field_descriptor_proto};
use std::collections::BTreeMap;
use tenet_api::descriptors::MethodPolicy;
use tenet_client::{Client, Error};

// `google/protobuf/descriptor.proto` with the policy, which prost's own types have no place for.

#[derive(Clone, PartialEq, Message)]
struct FileSet {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "4")]
    messages: Vec<DescriptorProto>,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Service>,
    #[prost(string, tag = "12")]
    syntax: String,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<Method>,
}

#[derive(Clone, PartialEq, Message)]
struct Method {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    input: String,
    #[prost(string, tag = "3")]
    output: String,
    #[prost(message, optional, tag = "4")]
    options: Option<Options>,
}

#[derive(Clone, PartialEq, Message)]
struct Options {
    #[prost(int32, tag = "34")]
    idempotency_level: i32,
    #[prost(message, optional, tag = "81001")]
    policy: Option<MethodPolicy>,
}

/// A contract in which `Echo` is hashed by `field`.
fn contract(field: &str, messages: Vec<DescriptorProto>) -> Vec<u8> {
    let policy = MethodPolicy { hash_by: field.into(), ..MethodPolicy::default() };
    let method = Method {
        name: "Echo".into(),
        input: ".probe.v1.Say".into(),
        output: ".probe.v1.Say".into(),
        options: Some(Options { idempotency_level: 1, policy: Some(policy) }),
    };
    let file = File {
        name: "probe/v1/probe.proto".into(),
        package: "probe.v1".into(),
        messages,
        services: vec![Service { name: "Probe".into(), methods: vec![method] }],
        syntax: "proto3".into(),
    };
    FileSet { files: vec![file] }.encode_to_vec()
}

fn messages() -> Vec<DescriptorProto> {
    use field_descriptor_proto::{Label, Type};
    let field = |name: &str, number, kind: Type| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..FieldDescriptorProto::default()
    };
    let fields = vec![field("text", 1, Type::String), field("number", 2, Type::Uint64)];
    vec![DescriptorProto { name: Some("Say".into()), field: fields, ..DescriptorProto::default() }]
}

fn builder(instances: &[Instance], set: &[u8]) -> tenet_client::Builder {
    let addresses: Vec<_> = instances.iter().map(|instance| instance.address).collect();
    Client::builder("probe").addresses(addresses).zone("").descriptor_set(set)
}

#[tokio::test]
async fn equal_values_meet_the_same_instance_and_only_those_of_one_that_went_move() {
    const KEYS: usize = 24;
    let mut instances = ["a", "b", "c"].map(Instance::start);
    let client = builder(&instances, &contract("text", messages())).threads(2).build().unwrap();
    let home = async |key: usize| {
        let answer = call(client.clone(), "Echo", say(&format!("key {key}"))).await.unwrap();
        answer.into_inner().text
    };
    let mut homes = BTreeMap::new();
    for round in 0..4 {
        for key in 0..KEYS {
            let found = home(key).await;
            let known = homes.entry(key).or_insert_with(|| found.clone());
            assert_eq!(*known, found, "key {key} in round {round}");
        }
    }
    let used = |name: &str| homes.values().filter(|home| *home == name).count();
    assert!(["a", "b", "c"].into_iter().all(|name| used(name) > 0), "{homes:?}");
    instances[0].kill();
    for key in 0..KEYS {
        let found = home(key).await;
        match homes[&key].as_str() {
            "a" => assert_ne!(found, "a"),
            stayed => assert_eq!(found, stayed, "key {key}"),
        }
    }
}

#[tokio::test]
async fn a_field_that_the_descriptor_set_does_not_describe_is_an_error_at_once() {
    let instances = [Instance::start("a")];
    for (field, messages) in [("texts", messages()), ("text.more", messages()), ("text", Vec::new())] {
        let made = builder(&instances, &contract(field, messages)).build();
        let Err(Error::HashBy { service, method, field: named }) = made else { panic!("{field}: made") };
        assert_eq!(
            (service.as_str(), method.as_str(), named.as_str()),
            ("probe", "/probe.v1.Probe/Echo", field)
        );
    }
}
