//! Random writes while indexes come and go: an index is not served, or has exactly what there is.

use crate::contract::{BY_COLOUR, BY_SIZE, ONE_SIZE, Shirt, shirt};
use crate::stage::{Stage, namespaces, reason};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tenet_store::commit::{Commit, Outcome};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::memory::Memory;
use tenet_store::engine::{
    Changes, Collection, Cursor, Engine, Guarantees, Page, Pending, Scan, Size, Stamp, Upkeep,
};
use tenet_store::item::{Item, UnixMs, Version};
use tenet_store::name::{CollectionId, ItemKey};
use tenet_store::service::Filling;
use tonic::Code;

const SCHEMAS: [Option<&[&str]>; 6] = [
    None,
    Some(&[]),
    Some(&[BY_COLOUR]),
    Some(&[BY_COLOUR, BY_SIZE]),
    Some(&[BY_SIZE]),
    Some(&[ONE_SIZE, BY_COLOUR]),
];
const COLOURS: [&str; 3] = ["blue", "green", "red"];

#[derive(Clone, Debug)]
enum Step {
    Put(u8, usize, i64),
    Delete(u8),
    /// Another release.
    Schema(usize),
    /// A step in the background.
    Work,
    /// Another process of the store, with what is declared now.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0u8..6, 0..COLOURS.len(), 0i64..8).prop_map(|(id, colour, size)| Step::Put(id, colour, size)),
        2 => (0u8..6).prop_map(Step::Delete),
        3 => (0..SCHEMAS.len()).prop_map(Step::Schema),
        3 => Just(Step::Work),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

/// The indexes of a schema.
fn indexes(schema: usize) -> Vec<(&'static str, bool)> {
    let of = |index: &&'static str| match *index {
        BY_COLOUR => ("by-colour", false),
        BY_SIZE => ("by-size", false),
        _ => ("by-size", true),
    };
    SCHEMAS[schema].unwrap_or_default().iter().map(of).collect()
}

async fn compare(stage: &Stage, schema: usize, there: &BTreeMap<String, Shirt>, ready: bool) {
    for (index, _) in indexes(schema) {
        let found = match stage.ids(index).await {
            Err(error) if !ready => {
                assert_eq!(
                    (error.code(), reason(&error, "").0.as_str()),
                    (Code::FailedPrecondition, "INDEX_NOT_READY")
                );
                continue;
            }
            found => found.unwrap(),
        };
        let mut expected: Vec<&Shirt> = there.values().collect();
        expected.sort_by_key(|shirt| match index {
            "by-colour" => (shirt.colour.clone(), 0, shirt.id.clone()),
            _ => (String::new(), shirt.size, shirt.id.clone()),
        });
        let expected: Vec<&String> = expected.iter().map(|shirt| &shirt.id).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{index}");
    }
}

async fn run(engine: Arc<dyn Engine>, steps: Vec<Step>) {
    let mut schema = 0;
    let mut stage = Stage::new(engine.clone(), SCHEMAS[schema]).await;
    let mut there: BTreeMap<String, Shirt> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Put(id, colour, size) => {
                let shirt = shirt(&id.to_string(), COLOURS[colour], size);
                match stage.put(&shirt).await {
                    Ok(_) => drop(there.insert(shirt.id.clone(), shirt)),
                    Err(error) => {
                        assert_eq!(error.code(), Code::AlreadyExists, "{error:?}");
                        assert!(indexes(schema).contains(&("by-size", true)));
                        let twice = |other: &Shirt| other.size == shirt.size && other.id != shirt.id;
                        assert!(there.values().any(twice), "{shirt:?} beside {there:?}");
                    }
                }
            }
            Step::Delete(id) => {
                stage.delete(&id.to_string()).await.unwrap();
                there.remove(&id.to_string());
            }
            Step::Schema(next) => {
                schema = next;
                stage.service.take_over(namespaces(SCHEMAS[schema])).await.unwrap();
            }
            Step::Work => drop(stage.service.index_step().await.unwrap()),
            Step::Restart => stage = Stage::new(engine.clone(), SCHEMAS[schema]).await,
        }
        compare(&stage, schema, &there, false).await;
    }
    // What was there twice before an index was unique is somebody's to mend.
    if indexes(schema).contains(&("by-size", true)) {
        let mut seen = std::collections::BTreeSet::new();
        let twice: Vec<String> =
            there.values().filter(|shirt| !seen.insert(shirt.size)).map(|shirt| shirt.id.clone()).collect();
        for id in twice {
            stage.delete(&id).await.unwrap();
            there.remove(&id);
        }
    }
    assert_eq!(stage.settle().await, Filling::Done);
    compare(&stage, schema, &there, true).await;
    assert_eq!(stage.rows().await, (there.len() * indexes(schema).len()) as u64, "rows of indexes");
}

fn on_runtime(run: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_index_has_what_there_is_or_is_not_served(steps in steps()) {
        on_runtime(run(Arc::new(Memory::new()), steps));
    }
}

proptest! {
    // Each write of it is synced.
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn so_it_is_on_disk(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let engine = Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap();
        on_runtime(run(Arc::new(engine), steps));
    }
}

/// An engine whose commits change one record.
pub struct Narrow(pub Memory);

impl Engine for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees { atomic_across_records: false, ..self.0.guarantees() }
    }

    fn clock(&self) -> Pending<'_, UnixMs> {
        self.0.clock()
    }

    fn claim(&self, stamp: Stamp) -> Pending<'_, Stamp> {
        self.0.claim(stamp)
    }

    fn declare(&self, collection: Collection) -> Pending<'_, CollectionId> {
        self.0.declare(collection)
    }

    fn collections(&self) -> Pending<'_, Vec<(CollectionId, Collection)>> {
        self.0.collections()
    }

    fn commit(&self, batch: Vec<Commit>) -> Pending<'_, Vec<Outcome>> {
        self.0.commit(batch)
    }

    fn read(&self, keys: Vec<ItemKey>) -> Pending<'_, Vec<Option<Item>>> {
        self.0.read(keys)
    }

    fn scan(&self, scan: Scan) -> Pending<'_, Page> {
        self.0.scan(scan)
    }

    fn end_of_changes(&self, collection: CollectionId) -> Pending<'_, Cursor> {
        self.0.end_of_changes(collection)
    }

    fn changes(&self, collection: CollectionId, from: Cursor, limit: usize) -> Pending<'_, Changes> {
        self.0.changes(collection, from, limit)
    }

    fn stage(&self, blob: u64, number: u32, chunk: Bytes) -> Pending<'_, ()> {
        self.0.stage(blob, number, chunk)
    }

    fn chunk(&self, blob: u64, number: u32) -> Pending<'_, Option<Bytes>> {
        self.0.chunk(blob, number)
    }

    fn upkeep(&self, tokens_older: Duration, limit: usize) -> Pending<'_, Upkeep> {
        self.0.upkeep(tokens_older, limit)
    }

    fn size(&self, collection: CollectionId) -> Pending<'_, Size> {
        self.0.size(collection)
    }

    fn last_version(&self) -> Pending<'_, Version> {
        self.0.last_version()
    }
}
