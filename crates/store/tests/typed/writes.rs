//! What may be written to a typed collection, and what becomes of what may not.

use crate::contract::{BY_COLOUR, ONE_SIZE, Shirt, key, shirt};
use crate::stage::{Stage, collection, put, reason, record, request};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tenet_api::store::v1::store_server::Store;
use tenet_api::store::v1::{self as api, lease_request, write::Change};
use tenet_store::engine::Engine;
use tenet_store::engine::memory::Memory;
use tonic::{Code, Status};

const INDEXES: Option<&[&str]> = Some(&[BY_COLOUR, ONE_SIZE]);

fn is(status: &Status, code: Code, expected: &str, values: &[(&str, &str)]) {
    assert_eq!((status.code(), reason(status, "").0.as_str()), (code, expected), "{status:?}");
    for (name, value) in values {
        assert_eq!(reason(status, name).1, *value, "{name} of {status:?}");
    }
}

#[tokio::test]
async fn a_message_belongs_where_its_fields_say() {
    let stage = Stage::new(Arc::new(Memory::new()), INDEXES).await;
    stage.put(&shirt("a", "red", 1)).await.unwrap();
    let error = stage.put_at("b", &shirt("c", "red", 2)).await.unwrap_err();
    let values = [("field", "id"), ("found", "\"c\""), ("expected", "\"b\"")];
    is(&error, Code::InvalidArgument, "ADDRESS_MISMATCH", &values);
    // Under an item's key where a record is one item.
    let write = api::Write { key: b"x".to_vec(), ..put(&shirt("a", "", 3)) };
    let asked = api::PutRequest { record: record("a"), writes: vec![write], token: stage.token() };
    let error = stage.service.put(request(asked)).await.unwrap_err();
    let values = [("field", "the item's key"), ("expected", "0x78")];
    is(&error, Code::InvalidArgument, "ADDRESS_MISMATCH", &values);
    for (change, expected) in [
        (Change::Put(vec![0xff; 4]), "NOT_THE_MESSAGE"),
        (
            Change::Put(Shirt { colour: "x".repeat(600), ..shirt("a", "", 0) }.encode_to_vec()),
            "NOT_THE_MESSAGE",
        ),
        (Change::Add(1), "NOT_THE_MESSAGE"),
    ] {
        let write = api::Write { key: Vec::new(), change: Some(change), ttl: None };
        let asked = api::PutRequest { record: record("a"), writes: vec![write], token: stage.token() };
        let error = stage.service.put(request(asked)).await.unwrap_err();
        is(&error, Code::InvalidArgument, expected, &[]);
    }
    // Of several records, the one that is wrong is named.
    let change = |id: &str, value: &Shirt| api::RecordChange {
        record_id: key(id),
        conditions: Vec::new(),
        writes: vec![put(value)],
    };
    let changes = vec![change("d", &shirt("d", "", 4)), change("e", &shirt("f", "", 5))];
    let asked =
        api::MutateRequest { collection: collection(), changes, token: stage.token(), ..Default::default() };
    let error = stage.service.mutate(request(asked)).await.unwrap_err();
    is(&error, Code::InvalidArgument, "ADDRESS_MISMATCH", &[("found", "\"f\"")]);
    assert!(String::from_utf8_lossy(error.details()).contains("changes[1].writes[0]"));
    assert_eq!(stage.ids("by-size").await.unwrap(), ["a"], "nothing of it was written");
}

#[tokio::test]
async fn a_unique_index_names_who_has_the_values() {
    let stage = Stage::new(Arc::new(Memory::new()), INDEXES).await;
    stage.put(&shirt("a", "red", 1)).await.unwrap();
    let error = stage.put(&shirt("b", "red", 1)).await.unwrap_err();
    is(&error, Code::AlreadyExists, "UNIQUE_INDEX", &[("index", "by-size"), ("record", "(\"a\")")]);
    stage.delete("a").await.unwrap();
    stage.put(&shirt("b", "red", 1)).await.unwrap();
    assert_eq!(stage.ids("by-size").await.unwrap(), ["b"]);
    // A range of items is removed with its entries.
    let asked = api::DeleteRequest { record: record("b"), token: stage.token(), ..Default::default() };
    stage.service.delete(request(asked)).await.unwrap();
    assert_eq!((stage.ids("by-size").await.unwrap().len(), stage.rows().await), (0, 0));
}

#[tokio::test]
async fn a_message_says_when_it_ends() {
    let memory = Arc::new(Memory::new());
    let stage = Stage::new(memory.clone(), INDEXES).await;
    let now = memory.clock().await.unwrap().0;
    let until = prost_types::Timestamp { seconds: now / 1000 + 60, nanos: 1 };
    stage.put(&Shirt { until: Some(until), ..shirt("a", "red", 1) }).await.unwrap();
    stage.put(&shirt("b", "red", 2)).await.unwrap();
    let asked = api::GetRequest { record: record("a"), ..Default::default() };
    let item = stage.service.get(request(asked)).await.unwrap().into_inner().items.remove(0);
    let at = item.expire_time.unwrap();
    // Items end at whole milliseconds: not before they say.
    assert_eq!((at.seconds, at.nanos), (until.seconds, 1_000_000));
    memory.advance(Duration::from_secs(62));
    assert_eq!(stage.ids("by-colour").await.unwrap(), ["b"]);
    assert_eq!(stage.rows().await, 4);
    memory.upkeep(Duration::from_secs(3600), 100).await.unwrap();
    assert_eq!((stage.rows().await, stage.ids("by-colour").await.unwrap()), (2, vec!["b".to_owned()]));
    // What is over when it comes is never seen.
    let past = prost_types::Timestamp { seconds: 0, nanos: 0 };
    stage.put(&Shirt { until: Some(past), ..shirt("c", "red", 3) }).await.unwrap();
    assert_eq!(stage.ids("by-colour").await.unwrap(), ["b"]);
}

/// A WriteValue of the bytes, in pieces of `size`.
async fn write_long(
    stage: &Stage,
    id: &str,
    value: &[u8],
    size: usize,
) -> Result<api::WriteResponse, Status> {
    use tenet_api::store::v1::{store_client::StoreClient, store_server::StoreServer};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = StoreServer::new(stage.service.clone()).max_decoding_message_size(8 << 20);
    let serving =
        tokio::spawn(tonic::transport::Server::builder().add_service(server).serve_with_incoming(incoming));
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let start = api::WriteValueStart {
        record: record(id),
        size: value.len() as u64,
        token: stage.token(),
        ..Default::default()
    };
    let first = api::WriteValueRequest { start: Some(start), chunk: Vec::new() };
    let pieces =
        value.chunks(size).map(|piece| api::WriteValueRequest { start: None, chunk: piece.to_vec() });
    let requests: Vec<_> = std::iter::once(first).chain(pieces).collect();
    let answer = StoreClient::new(channel).write_value(request(tokio_stream::iter(requests))).await;
    serving.abort();
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_long_message_is_looked_at_while_it_comes() {
    let stage = Stage::new(Arc::new(Memory::new()), Some(&[])).await;
    let until = prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 };
    let long = Shirt { text: "x".repeat(2 << 20), until: Some(until), ..shirt("a", "red", 1) };
    // Its key comes behind what is long, too.
    let mut turned = Shirt { id: String::new(), ..long.clone() }.encode_to_vec();
    turned.extend(shirt("a", "", 0).encode_to_vec());
    for (value, size) in [(long.encode_to_vec(), 1 << 20), (turned, 777_777)] {
        write_long(&stage, "a", &value, size).await.unwrap();
        let asked = api::GetRequest { record: record("a"), ..Default::default() };
        let item = stage.service.get(request(asked)).await.unwrap().into_inner().items.remove(0);
        let off = item.expire_time.unwrap().seconds - until.seconds;
        assert!((item.size, (0..60).contains(&off)) == (value.len() as u64, true), "{off} s off");
        let error = write_long(&stage, "b", &value, size).await.unwrap_err();
        is(&error, Code::InvalidArgument, "ADDRESS_MISMATCH", &[("field", "id"), ("found", "\"a\"")]);
    }
    let error = write_long(&stage, "a", &[0xff; 2 << 20], 1 << 20).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    // An index does not look into long values.
    let stage = Stage::new(Arc::new(Memory::new()), INDEXES).await;
    let error = write_long(&stage, "a", &long.encode_to_vec(), 1 << 20).await.unwrap_err();
    is(&error, Code::InvalidArgument, "TOO_LONG_FOR_INDEX", &[]);
}

#[tokio::test]
async fn a_lease_is_no_message_of_an_index() {
    for (indexes, taken) in [(Some(&[][..]), true), (INDEXES, false)] {
        let stage = Stage::new(Arc::new(Memory::new()), indexes).await;
        let hold = lease_request::Action::Hold(prost_types::Duration { seconds: 1, nanos: 0 });
        let asked = api::LeaseRequest { record: record("a"), holder: "me".into(), action: Some(hold) };
        assert_eq!(stage.service.lease(request(asked)).await.is_ok(), taken);
    }
}
