//! What several seconds of the store add up to, for people.

use super::Name;
use super::second::{Collection, Second, merge};
use crate::fleet::growth::{self, Tallies};
use crate::fleet::view;
use std::collections::BTreeMap;
use tenet_sketch::Sketch;

/// What several seconds add up to.
#[derive(Default)]
pub(super) struct Window {
    pub(super) operations: BTreeMap<String, OperationSum>,
    pub(super) collections: BTreeMap<Name, CollectionSum>,
}

#[derive(Default)]
pub(super) struct OperationSum {
    latency: Sketch,
    sizes: Sketch,
    failures: Tallies,
}

#[derive(Default)]
pub(super) struct CollectionSum {
    calls: BTreeMap<String, (Sketch, u64)>,
    commits: Tallies,
    items_from_memory: u64,
    items_from_engine: u64,
    refused: u64,
}

impl Window {
    /// Of these seconds.
    pub(super) fn of<'a>(seconds: impl Iterator<Item = &'a Second>) -> Window {
        let mut sum = Window::default();
        for did in seconds {
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

impl OperationSum {
    pub(super) fn tell(self, operation: String) -> view::StoreOperation {
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

    pub(super) fn tell(self, view: &mut view::StoreCollection) {
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

/// Nanoseconds, and what a step carries, need no fraction on a page.
fn percentile(sketch: &Sketch, q: f64) -> Option<u64> {
    sketch.percentile(q).map(|value| value.round() as u64)
}
