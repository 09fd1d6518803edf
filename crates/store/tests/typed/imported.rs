//! What an operator brings in: looked at by its schema, entered in its indexes, and left alone where it is there already.

use crate::contract::{BY_COLOUR, BY_SIZE, Shirt, key, shirt};
use crate::stage::Stage;
use prost::Message as _;
use std::sync::Arc;
use tenet_store::backup::{Kind, encode_rows};
use tenet_store::engine::Row;
use tenet_store::engine::memory::Memory;
use tenet_store::item::{Item, MAX_VALUE, UnixMs, Value, Version};
use tenet_store::name::{CollectionId, ItemKey, RecordKey};
use tenet_store::operator::{Operator, Order, Wire, WireError, Written};
use tokio::net::UnixStream;

async fn stage(indexes: Option<&[&str]>) -> (Stage, CollectionId) {
    let stage = Stage::new(Arc::new(Memory::new()), indexes).await;
    let known = stage.engine.collections().await.unwrap();
    let found = known.iter().find(|(_, of)| of.name.collection.as_str() == "shirts").unwrap();
    (stage, found.0)
}

fn item(collection: CollectionId, id: &str, value: Value) -> Row {
    let key = ItemKey { record: RecordKey { collection, id: key(id).into() }, key: Vec::new().into() };
    Row::Item(key, Item { value, version: Version(0), updated: UnixMs(0), expires: None })
}

fn row(collection: CollectionId, of: &Shirt) -> Row {
    item(collection, &of.id, Value::Inline(of.encode_to_vec().into()))
}

/// Brings in parts; what became of them.
async fn bring(stage: &Stage, parts: &[Vec<Row>]) -> Result<Written, WireError> {
    let operator = Operator::new(stage.owner.clone(), stage.service.clone(), "tests");
    let (ours, theirs) = UnixStream::pair().unwrap();
    tokio::spawn(async move { operator.serve(theirs, "a test").await });
    let mut wire = Wire::new(ours);
    wire.ask(&Order::Write).await?;
    let mut all = Written::default();
    for rows in parts {
        wire.send(Kind::Part, &encode_rows(rows)).await?;
        all.add(serde_json::from_slice(&wire.receive().await?.payload).unwrap());
    }
    wire.send(Kind::End, b"").await?;
    assert_eq!(wire.receive().await?.kind, Kind::End);
    Ok(all)
}

fn written(written: u64, unchanged: u64) -> Written {
    Written { written, unchanged, over: 0 }
}

#[tokio::test]
async fn what_comes_in_is_in_its_indexes_and_nothing_is_written_twice() {
    let (stage, shirts) = stage(Some(&[BY_COLOUR, BY_SIZE])).await;
    let rows =
        |sizes: i64| (0..20).map(|n| row(shirts, &shirt(&format!("{n:02}"), "red", sizes - n))).collect();
    assert_eq!(bring(&stage, &[rows(50)]).await.unwrap(), written(20, 0));
    let expected: Vec<String> = (0..20).rev().map(|n| format!("{n:02}")).collect();
    assert_eq!(stage.ids("by-size").await.unwrap(), expected);
    let version = stage.engine.last_version().await.unwrap();
    assert_eq!(bring(&stage, &[rows(50)]).await.unwrap(), written(0, 20));
    assert_eq!(stage.engine.last_version().await.unwrap(), version);
    let changed = vec![row(shirts, &shirt("00", "blue", 1)), row(shirts, &shirt("01", "red", 49))];
    assert_eq!(bring(&stage, &[changed]).await.unwrap(), written(1, 1));
    assert_eq!(stage.ids("by-size").await.unwrap()[0], "00");
    assert_eq!(stage.ids("by-colour").await.unwrap()[0], "00");

    // Of two of one key the later one stays, also where it is what was there.
    let twice = vec![row(shirts, &shirt("01", "red", 7)), row(shirts, &shirt("01", "red", 49))];
    assert_eq!(bring(&stage, &[twice]).await.unwrap(), written(2, 0));
    assert_eq!(
        stage.scan(crate::stage::by("by-size")).await.unwrap().last().unwrap(),
        &shirt("01", "red", 49)
    );

    let elsewhere = vec![item(shirts, "other", Value::Inline(shirt("x", "red", 1).encode_to_vec().into()))];
    let refused = bring(&stage, &[elsewhere]).await.unwrap_err().to_string();
    assert!(refused.contains("not what the collection keeps"), "{refused}");
    let nonsense = vec![item(shirts, "x", Value::Inline(vec![0xff, 0xff].into()))];
    assert!(bring(&stage, &[nonsense]).await.is_err());
    assert_eq!(stage.ids("by-colour").await.unwrap().len(), 20);
}

/// A long value in parts as an import sends it: the item with its first chunk, then a chunk each.
fn long(collection: CollectionId, blob: u64, value: &[u8]) -> Vec<Vec<Row>> {
    let mut parts = vec![vec![item(collection, "long", Value::Chunked { blob, size: value.len() as u64 })]];
    for (number, chunk) in (0u32..).zip(value.chunks(MAX_VALUE)) {
        let chunk = Row::Chunk { blob, number, data: chunk.to_vec().into() };
        if number == 0 { parts[0].push(chunk) } else { parts.push(vec![chunk]) }
    }
    parts
}

#[tokio::test]
async fn a_long_value_is_written_once_and_again_where_a_byte_differs() {
    let (stage, shirts) = stage(None).await;
    let mut value = vec![3u8; MAX_VALUE * 2 + 10];
    assert_eq!(bring(&stage, &long(shirts, 1, &value)).await.unwrap(), written(1, 0));
    assert_eq!(bring(&stage, &long(shirts, 2, &value)).await.unwrap(), written(0, 1));
    value[MAX_VALUE + 5] = 4;
    assert_eq!(bring(&stage, &long(shirts, 3, &value)).await.unwrap(), written(1, 0));
    for (number, expected) in (0u32..).zip(value.chunks(MAX_VALUE)) {
        assert_eq!(stage.engine.chunk(3, number).await.unwrap().as_deref(), Some(expected), "{number}");
    }
    let record = RecordKey { collection: shirts, id: key("long").into() };
    let there = stage.engine.read(vec![ItemKey { record, key: Vec::new().into() }]).await.unwrap();
    assert_eq!(there[0].as_ref().unwrap().value, Value::Chunked { blob: 3, size: value.len() as u64 });
    let mut out_of_order = long(shirts, 4, &value);
    out_of_order.remove(1);
    let refused = bring(&stage, &out_of_order).await.unwrap_err().to_string();
    assert!(refused.contains("chunk 2, expected 1"), "{refused}");
}
