//! What the store did, second by second, and how it is now, over all its processes.
//!
//! Counters of a process are told since it began, sketches of each second alone; here each second keeps what grew in it, so that seconds of
//! several processes, and of one before and after its restart, can be added up.

mod second;
mod window;

use super::view;
use second::Second;
use std::collections::BTreeMap;
use tenet_api::telemetry::v1::{self as wire, Snapshot};
use window::Window;

/// Seconds kept: the longest window there is ([`crate::live::WINDOWS`]).
const SECONDS_MAX: i64 = 300;

/// Collections kept; those beyond are not shown. A second of one takes some hundred bytes, so all of this is at most some ten MiB.
const COLLECTIONS_MAX: usize = 256;

/// Hot records shown of a collection.
const HOT_MAX: usize = 8;

/// Namespace and collection.
type Name = (String, String);

#[derive(Default)]
pub(super) struct Stores {
    seconds: BTreeMap<i64, Second>,
    newest: i64,
    /// What the last second that was taken in said; nothing before the first.
    last: Option<Last>,
}

/// What is still said while no process can be reached.
struct Last {
    engine: String,
    collections: Vec<Name>,
}

impl Stores {
    /// Adds what a process did in a second. `before` is what the same run of it told last: where there is nothing and its counters
    /// did not just begin, they say nothing of this second.
    pub(super) fn absorb(&mut self, at: i64, before: Option<&Snapshot>, snapshot: &Snapshot) {
        let Some(now) = &snapshot.store else { return };
        let collections = now.collections.iter().map(name).collect();
        self.last = Some(Last { engine: now.engine.clone(), collections });
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
        let last = self.last.as_ref()?;
        let mut view = view::Store { engine: last.engine.clone(), ..view::Store::default() };
        let idle = |name: &Name| (name.clone(), view::StoreCollection::default());
        let mut collections: BTreeMap<Name, view::StoreCollection> =
            last.collections.iter().map(idle).collect();
        for snapshot in latest {
            let Some(store) = &snapshot.store else { continue };
            view.near_bytes += store.near_bytes;
            if !store.problem.is_empty() {
                let process = snapshot.process.as_ref().map_or("", |process| &process.name);
                view.problems.push((process.to_owned(), store.problem.clone()));
            }
            for told in &store.collections {
                add_state(collections.entry(name(told)).or_default(), told);
            }
        }
        let from = second - i64::from(window_seconds.max(1)) + 1;
        let window = Window::of(self.seconds.range(from..=second).map(|(_, did)| did));
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

#[cfg(test)]
mod tests;
