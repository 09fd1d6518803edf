//! What the store did, second by second, and how it is now, over all its processes.
//!
//! Counters of a process are told since it began, sketches of each second alone; here each second keeps what grew in it, so that seconds of
//! several processes, and of one before and after its restart, can be added up.

use super::growth::{self, Tallies};
use super::view;
use std::collections::BTreeMap;
use tenet_api::telemetry::v1::{self as wire, Snapshot};
use tenet_sketch::{Parts, Sketch};
use tenet_telemetry::sketch_of_wire;

/// Seconds kept: the longest window there is ([`crate::live::WINDOWS`]).
const SECONDS_MAX: i64 = 300;

/// Collections kept; those beyond are not shown. A second of one takes some hundred bytes, so all of this is at most some ten MiB.
const COLLECTIONS_MAX: usize = 256;

/// Hot records shown of a collection.
const HOT_MAX: usize = 8;

#[derive(Default)]
pub(super) struct Stores {
    seconds: BTreeMap<i64, Second>,
    newest: i64,
    /// A process of it was seen.
    seen: bool,
}

/// What was done in one second.
#[derive(Default)]
struct Second {
    operations: BTreeMap<String, Operation>,
    collections: BTreeMap<Name, Collection>,
}

/// Namespace and collection.
type Name = (String, String);

/// Latencies and the like are kept taken apart, which is a tenth of the size.
#[derive(Default)]
struct Operation {
    latency: Parts,
    sizes: Parts,
    failures: Tallies,
}

#[derive(Default)]
struct Collection {
    calls: BTreeMap<String, Calls>,
    commits: Tallies,
    items_from_memory: u64,
    items_from_engine: u64,
    refused: u64,
}

#[derive(Default)]
struct Calls {
    latency: Parts,
    failures: u64,
}

impl Stores {
    /// Adds what a process did in a second. `before` is what the same run of it told last: where there is nothing and its counters
    /// did not just begin, they say nothing of this second.
    pub(super) fn absorb(&mut self, at: i64, before: Option<&Snapshot>, snapshot: &Snapshot) {
        let Some(now) = &snapshot.store else { return };
        self.seen = true;
        self.newest = self.newest.max(at);
        let oldest = self.newest - SECONDS_MAX + 1;
        if at >= oldest && (before.is_some() || snapshot.sequence == 1) {
            let before = before.and_then(|before| before.store.as_ref());
            self.seconds.entry(at).or_default().add(before, now);
        }
        self.seconds = self.seconds.split_off(&oldest);
    }

    /// The store over the window that ends with `second`, and as those with these latest seconds have it now. None: there was never one.
    pub(super) fn view(&self, second: i64, window_seconds: u32, latest: &[&Snapshot]) -> Option<view::Store> {
        if !self.seen {
            return None;
        }
        let mut view = view::Store::default();
        let mut collections: BTreeMap<Name, view::StoreCollection> = BTreeMap::new();
        for snapshot in latest {
            let Some(store) = &snapshot.store else { continue };
            view.engine.clone_from(&store.engine);
            view.near_bytes += store.near_bytes;
            if !store.problem.is_empty() {
                let process = snapshot.process.as_ref().map_or("", |process| &process.name);
                view.problems.push((process.to_owned(), store.problem.clone()));
            }
            for told in &store.collections {
                add_state(collections.entry(name(told)).or_default(), told);
            }
        }
        let window = self.window(second, window_seconds);
        for (name, did) in window.collections {
            did.tell(collections.entry(name).or_default());
        }
        view.operations = window.operations.into_iter().map(|(name, did)| did.tell(name)).collect();
        for ((namespace, collection), mut told) in collections.into_iter().take(COLLECTIONS_MAX) {
            (told.namespace, told.collection) = (namespace, collection);
            view.collections.push(told);
        }
        Some(view)
    }

    fn window(&self, second: i64, window_seconds: u32) -> Window {
        let from = second - i64::from(window_seconds.max(1)) + 1;
        let mut sum = Window::default();
        for (_, did) in self.seconds.range(from..=second) {
            for (name, operation) in &did.operations {
                let of = sum.operations.entry(name.clone()).or_default();
                merge(&mut of.latency, &operation.latency);
                merge(&mut of.sizes, &operation.sizes);
                growth::add(&mut of.failures, &operation.failures);
            }
            for (name, collection) in &did.collections {
                sum.collections.entry(name.clone()).or_default().add(collection);
            }
        }
        sum
    }
}

impl Second {
    fn add(&mut self, before: Option<&wire::Store>, now: &wire::Store) {
        for now in &now.operations {
            let all = before.into_iter().flat_map(|before| &before.operations);
            let before = all.into_iter().find(|other| other.operation == now.operation);
            let operation = self.operations.entry(now.operation.clone()).or_default();
            add_sketch(&mut operation.latency, now.latency.as_ref());
            add_sketch(&mut operation.sizes, now.sizes.as_ref());
            let failures = growth::grown(before.map_or(&[], |before| &before.failures), &now.failures);
            growth::add(&mut operation.failures, &failures);
        }
        for now in &now.collections {
            let all = before.into_iter().flat_map(|before| &before.collections);
            let before = all
                .into_iter()
                .find(|other| (&other.namespace, &other.collection) == (&now.namespace, &now.collection));
            let name = name(now);
            if self.collections.len() < COLLECTIONS_MAX || self.collections.contains_key(&name) {
                self.collections.entry(name).or_default().add_growth(before, now);
            }
        }
    }
}

impl Collection {
    fn add_growth(&mut self, before: Option<&wire::StoreCollection>, now: &wire::StoreCollection) {
        let grown = |of: fn(&wire::StoreCollection) -> u64| of(now).saturating_sub(before.map_or(0, of));
        self.items_from_memory += grown(|of| of.items_from_memory);
        self.items_from_engine += grown(|of| of.items_from_engine);
        self.refused += grown(|of| of.refused);
        let commits = growth::grown(before.map_or(&[], |before| &before.commits), &now.commits);
        growth::add(&mut self.commits, &commits);
        for now in &now.calls {
            let all = before.into_iter().flat_map(|before| &before.calls);
            let known = all.filter(|other| other.kind == now.kind).map(|other| other.failures).sum::<u64>();
            let failures = now.failures.saturating_sub(known);
            if now.latency.is_some() || failures > 0 {
                let calls = self.calls.entry(now.kind.clone()).or_default();
                add_sketch(&mut calls.latency, now.latency.as_ref());
                calls.failures += failures;
            }
        }
    }
}

/// What several seconds add up to.
#[derive(Default)]
struct Window {
    operations: BTreeMap<String, OperationSum>,
    collections: BTreeMap<Name, CollectionSum>,
}

#[derive(Default)]
struct OperationSum {
    latency: Sketch,
    sizes: Sketch,
    failures: Tallies,
}

#[derive(Default)]
struct CollectionSum {
    calls: BTreeMap<String, (Sketch, u64)>,
    commits: Tallies,
    items_from_memory: u64,
    items_from_engine: u64,
    refused: u64,
}

impl OperationSum {
    fn tell(self, operation: String) -> view::StoreOperation {
        view::StoreOperation {
            operation,
            count: self.latency.count(),
            p50: percentile(&self.latency, 0.5),
            p99: percentile(&self.latency, 0.99),
            max: self.latency.max(),
            carried_mean: self.sizes.mean(),
            carried_p99: percentile(&self.sizes, 0.99),
            failures: growth::ranked(self.failures),
        }
    }
}

impl CollectionSum {
    fn add(&mut self, second: &Collection) {
        for (kind, calls) in &second.calls {
            let (latency, failures) = self.calls.entry(kind.clone()).or_default();
            merge(latency, &calls.latency);
            *failures += calls.failures;
        }
        growth::add(&mut self.commits, &second.commits);
        self.items_from_memory += second.items_from_memory;
        self.items_from_engine += second.items_from_engine;
        self.refused += second.refused;
    }

    fn tell(self, view: &mut view::StoreCollection) {
        let mut all = Sketch::new();
        for (kind, (latency, failures)) in self.calls {
            all.merge(&latency);
            let (p50, p99) = (percentile(&latency, 0.5), percentile(&latency, 0.99));
            view.calls.push(view::StoreCalls { kind, count: latency.count(), failures, p50, p99 });
        }
        view.calls.sort_by_key(|calls| std::cmp::Reverse(calls.count));
        (view.p50, view.p99) = (percentile(&all, 0.5), percentile(&all, 0.99));
        view.commits = growth::ranked(self.commits);
        view.items_from_memory = self.items_from_memory;
        view.items_from_engine = self.items_from_engine;
        view.refused = self.refused;
    }
}

/// Adds how one process has a collection now. Sizes and indexes are the engine's, so that all see the same, at different times.
fn add_state(view: &mut view::StoreCollection, told: &wire::StoreCollection) {
    view.watches += told.watches;
    view.leases += told.leases;
    if let Some(size) = &told.size
        && view.size.as_ref().is_none_or(|known| size.age_ms < known.age_ms)
    {
        let wire::StoreSize { records, items, bytes, age_ms } = *size;
        view.size = Some(view::StoreSize { records, items, bytes, age_ms });
    }
    for hot in &told.hot_records {
        match view.hot_records.iter_mut().find(|(name, _)| *name == hot.name) {
            Some((_, share)) => *share = share.max(hot.share),
            None => view.hot_records.push((hot.name.clone(), hot.share)),
        }
    }
    view.hot_records.sort_by(|a, b| b.1.total_cmp(&a.1));
    view.hot_records.truncate(HOT_MAX);
    for index in &told.indexes {
        let index = view::StoreIndex {
            name: index.name.clone(),
            state: index.state.clone(),
            items_done: index.items_done,
            items_left_out: index.items_left_out,
            problem: index.problem.clone(),
        };
        match view.indexes.iter_mut().find(|known| known.name == index.name) {
            Some(known) if progress(known) < progress(&index) => *known = index,
            Some(_) => {}
            None => view.indexes.push(index),
        }
    }
}

/// Of two processes, the one that looked last sees an index further on.
fn progress(index: &view::StoreIndex) -> (u8, u64) {
    let phase = match index.state.as_str() {
        "REMOVING" => 0,
        "BUILDING" => 1,
        _ => 2,
    };
    (phase, index.items_done)
}

fn name(told: &wire::StoreCollection) -> Name {
    (told.namespace.clone(), told.collection.clone())
}

/// Nanoseconds, and what a step carries, need no fraction on a page.
fn percentile(sketch: &Sketch, q: f64) -> Option<u64> {
    sketch.percentile(q).map(|value| value.round() as u64)
}

/// Adds what a process told; what is no possible sketch is left out.
fn add_sketch(held: &mut Parts, told: Option<&wire::Sketch>) {
    let Some(Ok(mut told)) = told.map(sketch_of_wire) else { return };
    merge(&mut told, held);
    *held = told.to_parts();
}

/// Parts that are kept come from a sketch and cannot be refused.
fn merge(sketch: &mut Sketch, parts: &Parts) {
    let _ = sketch.merge_parts(parts);
}

#[cfg(test)]
mod tests;
