//! Indexes of what was restored: as they were, also where collections have other numbers, and filled up or anew where they have to be.

use crate::contract::{BY_COLOUR, BY_SIZE, ONE_SIZE, shirt};
use crate::stage::Stage;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tenet_store::backup::{Head, Reader, Restore, Walk, Writer};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{Collection, Cursor, Engine};
use tenet_store::item::Version;
use tenet_store::name::{CollectionName, Name};
use tenet_store::service::Filling;
use tonic::Code;

const SHIRTS: i64 = 300;

/// What is the `n`th by size, which is not the order of ids.
fn by_size(n: i64) -> String {
    format!("{:03}", SHIRTS - 1 - n)
}

async fn fill(stage: &Stage) {
    for n in 0..SHIRTS {
        let colour = ["blue", "green", "red"][n as usize % 3];
        stage.put(&shirt(&format!("{n:03}"), colour, SHIRTS - n)).await.unwrap();
    }
}

async fn back_up(engine: &dyn Engine, path: &Path) {
    let snapshot = engine.snapshot().await.unwrap();
    let head = Head::of(snapshot.moment(), engine.name(), "tests", rand::random(), "");
    let (mut writer, mut walk) = (Writer::create(path, head).unwrap(), Walk::all(snapshot, None).unwrap());
    loop {
        let rows = walk.next().await.unwrap();
        if rows.is_empty() {
            break;
        }
        writer.part(&rows).unwrap();
    }
    writer.finish().unwrap();
}

/// An engine in which numbers were given already.
async fn other_numbers(engine: &dyn Engine) {
    for name in ["a", "b", "c"] {
        let name =
            CollectionName { namespace: Name::new("other").unwrap(), collection: Name::new(name).unwrap() };
        engine.declare(Collection { name, retention: Duration::from_secs(60), layout: 0 }).await.unwrap();
    }
}

async fn restore(engine: &dyn Engine, path: &Path, replace: bool) {
    let reader = Reader::open(path).unwrap();
    let mut restore = Restore::begin(engine, reader, replace, (Version(0), Cursor(0))).await.unwrap();
    while restore.step().await.unwrap() {}
    restore.verify().await.unwrap();
}

async fn check(from: Arc<dyn Engine>, to: Arc<dyn Engine>, after: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let before = Stage::new(from.clone(), Some(&[BY_COLOUR, BY_SIZE])).await;
    fill(&before).await;
    assert_eq!(before.settle().await, Filling::Done);
    back_up(&*from, &path).await;
    other_numbers(&*to).await;
    restore(&*to, &path, false).await;

    let stage = Stage::new(to, Some(after)).await;
    if after == [BY_COLOUR, BY_SIZE] {
        // Nothing is to be filled: they are as they were.
        assert_eq!(stage.ids("by-size").await.unwrap().len(), SHIRTS as usize);
    }
    assert_eq!(stage.settle().await, Filling::Done);
    let expected: Vec<String> = (0..SHIRTS).map(by_size).collect();
    assert_eq!(stage.ids("by-size").await.unwrap(), expected);
    assert_eq!(stage.ids("by-colour").await.unwrap().len(), SHIRTS as usize);
    assert_eq!(stage.rows().await, SHIRTS as u64 * 2, "what an index of before had is gone");

    // And writes keep them.
    stage.put(&shirt("000", "blue", 0)).await.unwrap();
    stage.delete("001").await.unwrap();
    let found = stage.ids("by-size").await.unwrap();
    assert_eq!((found[0].as_str(), found.len()), ("000", SHIRTS as usize - 1));
    let twice = stage.put(&shirt("new", "red", 0)).await;
    match twice {
        Err(error) if after.contains(&ONE_SIZE) => assert_eq!(error.code(), Code::AlreadyExists),
        twice => assert!(twice.is_ok() && !after.contains(&ONE_SIZE), "{twice:?}"),
    }
}

#[tokio::test]
async fn indexes_are_right_after_a_restore() {
    let embedded = |folder: &Path| -> Arc<dyn Engine> {
        Arc::new(Embedded::open(folder, EmbeddedOptions::default()).unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    let memory = || -> Arc<dyn Engine> { Arc::new(Memory::new()) };
    check(memory(), memory(), &[BY_COLOUR, BY_SIZE]).await;
    check(memory(), memory(), &[BY_COLOUR, ONE_SIZE]).await;
    check(memory(), embedded(folder.path()), &[BY_COLOUR, BY_SIZE]).await;
}

#[tokio::test]
async fn an_index_that_was_being_filled_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let from: Arc<dyn Engine> = Arc::new(Memory::new());
    fill(&Stage::new(from.clone(), Some(&[])).await).await;
    let half = Stage::new(from.clone(), Some(&[BY_SIZE])).await;
    assert_eq!(half.service.index_step().await.unwrap(), Filling::More);
    back_up(&*from, &path).await;
    let to: Arc<dyn Engine> = Arc::new(Memory::new());
    other_numbers(&*to).await;
    restore(&*to, &path, false).await;
    let stage = Stage::new(to, Some(&[BY_SIZE])).await;
    assert_eq!(stage.ids("by-size").await.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(stage.settle().await, Filling::Done);
    assert_eq!(stage.ids("by-size").await.unwrap(), (0..SHIRTS).map(by_size).collect::<Vec<_>>());
}

/// Its index by size, once or come back before what it had was gone: then it has fresh rows.
async fn with_index(engine: &Arc<dyn Engine>, comes_back: bool) {
    fill(&Stage::new(engine.clone(), Some(&[BY_SIZE])).await).await;
    if comes_back {
        Stage::new(engine.clone(), Some(&[])).await;
    }
    let stage = Stage::new(engine.clone(), Some(&[BY_SIZE])).await;
    assert_eq!(stage.settle().await, Filling::Done);
    let known = engine.collections().await.unwrap();
    let fresh = known.iter().any(|(_, of)| of.name.collection.as_str().ends_with(".1"));
    assert_eq!(fresh, comes_back);
}

#[tokio::test]
async fn rows_of_another_generation_are_not_taken_for_those_of_the_index() {
    for (there_came_back, here_came_back) in [(true, false), (false, true), (true, true)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        let [from, to]: [Arc<dyn Engine>; 2] = [Arc::new(Memory::new()), Arc::new(Memory::new())];
        with_index(&from, there_came_back).await;
        back_up(&*from, &path).await;
        with_index(&to, here_came_back).await;
        let stage = Stage::new(to.clone(), Some(&[BY_SIZE])).await;
        stage.delete("007").await.unwrap();
        restore(&*to, &path, true).await;
        let stage = Stage::new(to, Some(&[BY_SIZE])).await;
        let expected: Vec<String> = (0..SHIRTS).map(by_size).collect();
        if let Ok(found) = stage.ids("by-size").await {
            assert_eq!(found, expected, "served before it is right: {there_came_back} {here_came_back}");
        }
        assert_eq!(stage.settle().await, Filling::Done);
        assert_eq!(stage.ids("by-size").await.unwrap(), expected);
        assert_eq!(stage.rows().await, SHIRTS as u64);
    }
}
