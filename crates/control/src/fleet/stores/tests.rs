//! Tests of what is added up of the store's processes.

use super::*;
use tenet_api::telemetry::v1::{Process, Tally};
use tenet_telemetry::sketch_to_wire;

fn sketch(values: &[u64]) -> Option<wire::Sketch> {
    Some(sketch_to_wire(&values.iter().copied().collect()))
}

fn tally(name: &str, count: u64) -> Tally {
    Tally { name: name.into(), count }
}

/// A collection after so many gets since the process began, those of this second with these latencies.
fn users(gets: &[u64], total: u64) -> wire::StoreCollection {
    wire::StoreCollection {
        namespace: "accounts".into(),
        collection: "users".into(),
        calls: vec![wire::StoreCalls { kind: "get".into(), latency: sketch(gets), failures: total / 10 }],
        commits: vec![tally("done", 3 * total), tally("conflict", total)],
        items_from_memory: 2 * total,
        items_from_engine: total,
        refused: total / 2,
        ..wire::StoreCollection::default()
    }
}

fn snapshot(name: &str, sequence: u64, collection: wire::StoreCollection) -> Snapshot {
    let commit = wire::StoreOperation {
        operation: "commit".into(),
        latency: sketch(&[1000 * sequence]),
        sizes: sketch(&[4]),
        failures: vec![tally("unavailable", sequence)],
    };
    let store = wire::Store {
        engine: "postgres".into(),
        near_bytes: 10,
        operations: vec![commit],
        collections: vec![collection],
        problem: String::new(),
    };
    let process = Some(Process { name: name.into(), ..Process::default() });
    Snapshot { process, sequence, store: Some(store), ..Snapshot::default() }
}

#[test]
fn seconds_of_all_processes_are_added_up_and_a_restart_begins_at_nothing() {
    let mut stores = Stores::default();
    assert_eq!(stores.view(1, 10, &[]), None);
    let one = [snapshot("store-1", 1, users(&[10, 20], 20)), snapshot("store-1", 2, users(&[30], 30))];
    let two = [snapshot("store-2", 8, users(&[900], 1000)), snapshot("store-2", 9, users(&[900, 900], 1010))];
    stores.absorb(1, None, &one[0]);
    stores.absorb(2, Some(&one[0]), &one[1]);
    // The second process was followed from here on: what it did before is not known.
    stores.absorb(1, None, &two[0]);
    stores.absorb(2, Some(&two[0]), &two[1]);
    let view = stores.view(2, 10, &[&one[1], &two[1]]).unwrap();
    let users_of = |view: &view::Store| {
        let of = &view.collections[0];
        (of.calls[0].count, of.calls[0].failures, of.items_from_memory, of.items_from_engine, of.refused)
    };
    assert_eq!(users_of(&view), (5, 3 + 1, 80, 40, 20));
    assert_eq!(view.collections[0].commits, [("done".to_owned(), 120), ("conflict".to_owned(), 40)]);
    assert!(view.collections[0].p99.is_some_and(|ns| (890..=910).contains(&ns)));
    let commit = &view.operations[0];
    assert_eq!((commit.count, commit.carried_mean, commit.failures[0].1), (3, Some(4.0), 3));
    assert_eq!((view.engine.as_str(), view.near_bytes), ("postgres", 20));
    // The last second alone.
    assert_eq!(users_of(&stores.view(2, 1, &[&one[1]]).unwrap()), (3, 2, 40, 20, 10));
    // Restarted: its counters begin again.
    let again = snapshot("store-1", 1, users(&[40], 4));
    stores.absorb(3, None, &again);
    assert_eq!(users_of(&stores.view(3, 1, &[&again]).unwrap()), (1, 0, 8, 4, 2));
    // Nobody is up: what was is told while the window holds it, and then nothing.
    let gone = stores.view(3, 10, &[]).unwrap();
    assert_eq!((gone.engine.as_str(), gone.collections.len()), ("", 1));
    assert_eq!(stores.view(400, 300, &[]).unwrap(), view::Store::default());
}

#[test]
fn of_what_is_so_now_the_freshest_is_told_and_what_is_held_is_added_up() {
    let size = |items, age_ms| Some(wire::StoreSize { records: 1, items, bytes: 9, age_ms });
    let hot = |name: &str, share| wire::HotRecord { name: name.into(), share };
    let index = |name: &str, state: &str, items_done| wire::StoreIndex {
        name: name.into(),
        state: state.into(),
        items_done,
        ..wire::StoreIndex::default()
    };
    let told = |size, hot_records, indexes, watches| wire::StoreCollection {
        size,
        hot_records,
        indexes,
        watches,
        leases: 1,
        ..users(&[], 0)
    };
    let one = told(size(7, 900), vec![hot("a", 0.3), hot("b", 0.1)], vec![index("x", "BUILDING", 5)], 2);
    let two =
        told(size(8, 100), vec![hot("b", 0.4)], vec![index("x", "BUILDING", 9), index("y", "READY", 0)], 1);
    let (one, mut two) = (snapshot("store-1", 1, one), snapshot("store-2", 1, two));
    two.store.as_mut().unwrap().problem = "connection refused".into();
    let mut stores = Stores::default();
    stores.absorb(1, None, &one);
    for latest in [[&one, &two], [&two, &one]] {
        let view = stores.view(1, 1, &latest).unwrap();
        let of = &view.collections[0];
        assert_eq!((of.size.as_ref().unwrap().items, of.watches, of.leases), (8, 3, 2));
        assert_eq!(of.hot_records, [("b".to_owned(), 0.4), ("a".to_owned(), 0.3)]);
        let mut indexes: Vec<_> = of.indexes.iter().map(|index| (&*index.name, index.items_done)).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [("x", 9), ("y", 0)]);
        assert_eq!(view.problems, [("store-2".to_owned(), "connection refused".to_owned())]);
    }
}

#[test]
fn there_is_a_bound_on_collections() {
    let mut stores = Stores::default();
    let mut told = snapshot("store-1", 1, users(&[1], 1));
    let collection =
        |number: usize| wire::StoreCollection { collection: format!("c{number:04}"), ..users(&[1], 1) };
    told.store.as_mut().unwrap().collections = (0..2 * COLLECTIONS_MAX).map(collection).collect();
    stores.absorb(1, None, &told);
    assert_eq!(stores.view(1, 1, &[&told]).unwrap().collections.len(), COLLECTIONS_MAX);
}
