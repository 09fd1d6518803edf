//! An index that comes back while what it had is being removed: on any engine.

use crate::contract::{ONE_SIZE, shirt};
use crate::stage::{Stage, namespaces, reason};
use std::sync::Arc;
use tenet_store::engine::Engine;
use tenet_store::service::Filling;
use tonic::Code;

/// More than one step removes.
const MANY: i64 = 300;

/// It refuses no value that nobody has, and what is left of it goes.
pub async fn has_fresh_rows(engine: Arc<dyn Engine>) {
    let stage = Stage::new(engine, Some(&[ONE_SIZE])).await;
    let batch: Vec<_> = (0..MANY).map(|n| shirt(&format!("{n:04}"), "red", n)).collect();
    for some in batch.chunks(50) {
        futures_util::future::try_join_all(some.iter().map(|shirt| stage.put(shirt))).await.unwrap();
    }
    for turn in 1..4 {
        stage.service.take_over(namespaces(Some(&[]))).await.unwrap();
        // Its old value stays in the rows that are being removed.
        stage.put(&shirt("0007", "red", -turn)).await.unwrap();
        stage.service.take_over(namespaces(Some(&[ONE_SIZE]))).await.unwrap();
        stage.put(&shirt("other", "red", if turn == 1 { 7 } else { 1 - turn })).await.unwrap();
        let refused = stage.put(&shirt("third", "red", -turn)).await;
        // What was written before is looked at once it is entered.
        assert!(refused.is_ok(), "{refused:?}");
        stage.delete("third").await.unwrap();
    }
    assert_eq!(stage.settle().await, Filling::Done);
    assert_eq!(stage.rows().await, MANY as u64 + 1, "of all generations");
    let refused = stage.put(&shirt("third", "red", -3)).await.unwrap_err();
    assert_eq!(reason(&refused, "record"), ("UNIQUE_INDEX".into(), "(\"0007\")".into()));
    // Once all is removed, the rows it has are those that stay.
    stage.service.take_over(namespaces(Some(&[]))).await.unwrap();
    assert_eq!((stage.settle().await, stage.rows().await), (Filling::Done, 0));
    let before = stage.engine.collections().await.unwrap().len();
    stage.service.take_over(namespaces(Some(&[ONE_SIZE]))).await.unwrap();
    assert_eq!(stage.settle().await, Filling::Done);
    assert_eq!(stage.engine.collections().await.unwrap().len(), before);
}

/// A process follows the rows that another gave an index.
pub async fn is_followed(engine: Arc<dyn Engine>) {
    let one = Stage::new(engine.clone(), Some(&[ONE_SIZE])).await;
    let two = Stage::new(engine, Some(&[ONE_SIZE])).await;
    one.put(&shirt("a", "red", 1)).await.unwrap();
    let (without, with) = (|| namespaces(Some(&[])), || namespaces(Some(&[ONE_SIZE])));
    // The second one is behind: it sees the index leave when the first has it again, and then come back.
    one.service.take_over(without()).await.unwrap();
    one.service.take_over(with()).await.unwrap();
    two.service.take_over(without()).await.unwrap();
    two.service.take_over(with()).await.unwrap();
    // A write finds out, and so does the work in the background where nobody writes.
    one.put(&shirt("b", "red", 2)).await.unwrap();
    assert_eq!(two.put(&shirt("c", "red", 2)).await.unwrap_err().code(), Code::AlreadyExists);
    two.service.take_over(without()).await.unwrap();
    two.service.take_over(with()).await.unwrap();
    for stage in [&one, &two, &one] {
        assert_eq!(stage.settle().await, Filling::Done);
    }
    for stage in [&one, &two] {
        assert_eq!(stage.ids("by-size").await.unwrap(), ["a", "b"]);
        assert_eq!(stage.rows().await, 2);
    }
}
