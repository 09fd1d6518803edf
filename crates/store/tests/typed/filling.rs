//! Indexes on collections that have items already: filled in steps, and not served before they are complete.

use crate::contract::{BY_COLOUR, BY_SIZE, ONE_SIZE, shirt};
use crate::stage::{Stage, namespaces, put, reason, record, request};
use std::sync::Arc;
use tenet_api::store::v1 as api;
use tenet_api::store::v1::store_server::Store;
use tenet_store::engine::Engine;
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::memory::Memory;
use tenet_store::service::Filling;
use tonic::Code;

const MANY: i64 = 600;

async fn filled(stage: &Stage) {
    for n in 0..MANY {
        stage.put(&shirt(&format!("{n:04}"), ["blue", "red"][n as usize % 2], n)).await.unwrap();
    }
}

#[tokio::test]
async fn an_index_of_a_collection_with_items_is_filled_step_by_step() {
    let stage = Stage::new(Arc::new(Memory::new()), None).await;
    filled(&stage).await;
    // One that is no message, from before anybody looked.
    let junk = api::Write { change: Some(api::write::Change::Put(vec![0xff; 3])), ..put(&shirt("", "", 0)) };
    let asked = api::PutRequest { record: record("junk"), writes: vec![junk], token: stage.token() };
    stage.service.put(request(asked)).await.unwrap();
    stage.service.take_over(namespaces(Some(&[BY_COLOUR]))).await.unwrap();
    let error = stage.ids("by-colour").await.unwrap_err();
    assert_eq!(
        (error.code(), reason(&error, "state")),
        (Code::FailedPrecondition, ("INDEX_NOT_READY".into(), "BUILDING".into()))
    );
    assert_eq!(stage.service.index_step().await.unwrap(), Filling::More);
    let error = stage.ids("by-colour").await.unwrap_err();
    assert_eq!(reason(&error, "items_done").1, "256");
    let said = stage.describe().await;
    let index = &said.indexes[0];
    assert_eq!(
        (said.message.as_str(), index.state.as_str(), index.items_done),
        ("shop.v1.Shirt", "BUILDING", 256)
    );
    // What is written meanwhile, before and behind where it is.
    stage.put(&shirt("0000", "green", -1)).await.unwrap();
    stage.put(&shirt("0599", "green", -2)).await.unwrap();
    stage.delete("0001").await.unwrap();
    stage.delete("0598").await.unwrap();
    assert_eq!(stage.settle().await, Filling::Done);
    let found = stage.ids("by-colour").await.unwrap();
    assert_eq!(found.len(), MANY as usize - 2);
    assert_eq!(found[299 - 1..][..3], ["0000", "0599", "0003"]);
    let index = stage.describe().await.indexes.remove(0);
    assert_eq!((index.state.as_str(), index.items_done, index.items_left_out), ("READY", 598, 1));
    assert_eq!(stage.rows().await, 598);
}

#[tokio::test]
async fn a_new_collection_has_its_indexes_at_once() {
    let stage = Stage::new(Arc::new(Memory::new()), Some(&[BY_COLOUR])).await;
    assert!(stage.ids("by-colour").await.unwrap().is_empty());
    stage.put(&shirt("a", "red", 1)).await.unwrap();
    assert_eq!(stage.ids("by-colour").await.unwrap(), ["a"]);
}

#[tokio::test]
async fn it_goes_on_where_it_was_after_the_end_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap());
    {
        let stage = Stage::new(open(), None).await;
        let batch: Vec<_> = (0..MANY).map(|n| shirt(&format!("{n:04}"), "red", n)).collect();
        let puts = batch.iter().map(|shirt| stage.put(shirt));
        futures_util::future::try_join_all(puts).await.unwrap();
        stage.service.take_over(namespaces(Some(&[BY_COLOUR]))).await.unwrap();
        assert_eq!(stage.service.index_step().await.unwrap(), Filling::More);
    }
    let engine = loop {
        // The tasks of the owner end with its last clone, a moment later.
        match Embedded::open(folder.path(), EmbeddedOptions::default()) {
            Ok(engine) => break Arc::new(engine),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let stage = Stage::new(engine, Some(&[BY_COLOUR])).await;
    let index = stage.describe().await.indexes.remove(0);
    assert_eq!((index.state.as_str(), index.items_done), ("BUILDING", 256));
    assert_eq!(stage.settle().await, Filling::Done);
    assert_eq!(stage.ids("by-colour").await.unwrap().len(), MANY as usize);
}

#[tokio::test]
async fn an_index_that_left_the_schema_is_removed_and_comes_back_whole() {
    let stage = Stage::new(Arc::new(Memory::new()), Some(&[BY_COLOUR, BY_SIZE])).await;
    filled(&stage).await;
    assert_eq!(stage.rows().await, 2 * MANY as u64);
    stage.service.take_over(namespaces(Some(&[BY_SIZE]))).await.unwrap();
    let error = stage.ids("by-colour").await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(stage.service.index_step().await.unwrap(), Filling::More);
    // Back before it is gone: what was written meanwhile must not be missed.
    stage.put(&shirt("0000", "green", -1)).await.unwrap();
    stage.service.take_over(namespaces(Some(&[BY_COLOUR, BY_SIZE]))).await.unwrap();
    let error = stage.ids("by-colour").await.unwrap_err();
    assert_eq!(reason(&error, "state"), ("INDEX_NOT_READY".into(), "BUILDING".into()));
    assert_eq!(stage.ids("by-size").await.unwrap().len(), MANY as usize, "the other stays");
    assert_eq!(stage.settle().await, Filling::Done);
    assert_eq!(stage.ids("by-colour").await.unwrap()[300 - 1], "0000");
    assert_eq!(stage.rows().await, 2 * MANY as u64);
    stage.service.take_over(namespaces(Some(&[]))).await.unwrap();
    assert_eq!(stage.settle().await, Filling::Done);
    assert_eq!(stage.rows().await, 0);
}

#[tokio::test]
async fn values_that_are_there_twice_are_named_and_can_be_mended() {
    let stage = Stage::new(Arc::new(Memory::new()), Some(&[BY_SIZE])).await;
    for (id, size) in [("a", 1), ("b", 2), ("c", 1)] {
        stage.put(&shirt(id, "red", size)).await.unwrap();
    }
    // The same name with another definition is another index.
    stage.service.take_over(namespaces(Some(&[ONE_SIZE]))).await.unwrap();
    assert_eq!(stage.settle().await, Filling::Stuck);
    let problem = stage.describe().await.indexes.remove(0).problem;
    assert!(problem.contains("(\"c\") and (\"a\")"), "{problem}");
    assert!(stage.ids("by-size").await.unwrap_err().message().contains("cannot go on"));
    stage.put(&shirt("c", "red", 3)).await.unwrap();
    assert_eq!(stage.settle().await, Filling::Done);
    assert_eq!(stage.ids("by-size").await.unwrap(), ["a", "b", "c"]);
    assert_eq!(stage.rows().await, 3);
    assert_eq!(stage.describe().await.indexes.remove(0).problem, "");
}

#[tokio::test]
async fn writes_go_on_while_the_schema_changes() {
    for writers in [1usize, 2, 8] {
        let stage = Arc::new(Stage::new(Arc::new(Memory::new()), Some(&[])).await);
        let writer = |writer: usize| {
            let stage = stage.clone();
            tokio::spawn(async move {
                for n in 0..40i64 {
                    stage.put(&shirt(&format!("{writer}-{n:02}"), "red", n)).await.unwrap();
                }
            })
        };
        let writers: Vec<_> = (0..writers).map(writer).collect();
        for indexes in [&[BY_COLOUR][..], &[BY_COLOUR, BY_SIZE], &[BY_SIZE], &[BY_SIZE, BY_COLOUR]] {
            stage.service.take_over(namespaces(Some(indexes))).await.unwrap();
            stage.service.index_step().await.unwrap();
        }
        let count = writers.len();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(stage.settle().await, Filling::Done);
        for index in ["by-colour", "by-size"] {
            assert_eq!(stage.ids(index).await.unwrap().len(), 40 * count, "{index}");
        }
    }
}

#[tokio::test]
async fn an_engine_that_cannot_write_across_records_has_no_indexes() {
    use tenet_store::catalogue::Catalogue;
    let memory = crate::comes_and_goes::Narrow(Memory::new());
    let declared = Catalogue::declare(&memory, namespaces(Some(&[BY_COLOUR]))).await;
    let text = declared.err().unwrap().to_string();
    assert!(text.contains("shop/shirts asks for") && text.contains("writes across records"), "{text}");
    assert!(memory.collections().await.unwrap().is_empty(), "nothing was declared");
}
