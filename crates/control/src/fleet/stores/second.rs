//! What the processes of the store did in one second, as it is kept.

use super::{COLLECTIONS_MAX, Name, name};
use crate::fleet::growth::{self, Tallies};
use std::collections::BTreeMap;
use tenet_api::telemetry::v1 as wire;
use tenet_sketch::{Parts, Sketch};
use tenet_telemetry::sketch_of_wire;

/// What was done in one second.
#[derive(Default)]
pub(super) struct Second {
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) collections: BTreeMap<Name, Collection>,
}

/// Latencies and the like are kept taken apart, which is a tenth of the size.
#[derive(Default)]
pub(super) struct Operation {
    pub(super) latency: Parts,
    pub(super) sizes: Parts,
    pub(super) failures: Tallies,
}

#[derive(Default)]
pub(super) struct Collection {
    pub(super) calls: BTreeMap<String, Calls>,
    pub(super) commits: Tallies,
    pub(super) items_from_memory: u64,
    pub(super) items_from_engine: u64,
    pub(super) refused: u64,
}

#[derive(Default)]
pub(super) struct Calls {
    pub(super) latency: Parts,
    pub(super) failures: u64,
}

impl Second {
    pub(super) fn add(&mut self, before: Option<&wire::Store>, now: &wire::Store) {
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

/// Adds what a process told; what is no possible sketch is left out.
fn add_sketch(held: &mut Parts, told: Option<&wire::Sketch>) {
    let Some(Ok(mut told)) = told.map(sketch_of_wire) else { return };
    merge(&mut told, held);
    *held = told.to_parts();
}

/// Parts that are kept come from a sketch and cannot be refused.
pub(super) fn merge(sketch: &mut Sketch, parts: &Parts) {
    let _ = sketch.merge_parts(parts);
}
