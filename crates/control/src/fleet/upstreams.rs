//! What each service was called, second by second, and how all gateways together call it now.
//!
//! Processes tell counters since they began. Here each second keeps by how much they grew, so that seconds of several gateways,
//! and of one before and after its restart, can be added up.

use super::growth::{self, Tallies};
use super::view;
use std::collections::{BTreeMap, BTreeSet};
use tenet_api::telemetry::v1::{self as wire, Snapshot};
use tenet_sketch::Sketch;
use tenet_telemetry::sketch_of_wire;

/// Seconds kept: the longest window there is ([`crate::live::WINDOWS`]).
const SECONDS_MAX: i64 = 300;

/// Services kept, as many as one process reports; seconds in which one was not called take no memory.
const SERVICES_MAX: usize = 1024;

#[derive(Default)]
pub(super) struct Upstreams {
    services: BTreeMap<String, BTreeMap<i64, Growth>>,
    newest: i64,
}

/// By how much the counters of a service grew.
#[derive(Clone, Debug, Default, PartialEq)]
struct Growth {
    calls: u64,
    attempts: u64,
    hedges: u64,
    hedges_won: u64,
    ejections: u64,
    retries: Tallies,
    retries_refused: Tallies,
    shed: Tallies,
    queue_time: Sketch,
}

impl Growth {
    /// From `before`, or from nothing where the service is new in its process.
    fn between(before: Option<&wire::Upstream>, now: &wire::Upstream) -> Growth {
        let grown = |of: fn(&wire::Upstream) -> u64| of(now).saturating_sub(before.map_or(0, of));
        let tallies = |of: fn(&wire::Upstream) -> &Vec<wire::Tally>| {
            growth::grown(before.map_or(&[], |before| of(before)), of(now))
        };
        Growth {
            calls: grown(|upstream| upstream.calls),
            attempts: grown(|upstream| upstream.attempts),
            hedges: grown(|upstream| upstream.hedges),
            hedges_won: grown(|upstream| upstream.hedges_won),
            ejections: grown(|upstream| upstream.ejections),
            retries: tallies(|upstream| &upstream.retries),
            retries_refused: tallies(|upstream| &upstream.retries_refused),
            shed: tallies(|upstream| &upstream.shed),
            // What is no possible sketch was reported when the totals refused it.
            queue_time: now
                .queue_time
                .as_ref()
                .and_then(|waited| sketch_of_wire(waited).ok())
                .unwrap_or_default(),
        }
    }

    fn add(&mut self, other: &Growth) {
        self.calls += other.calls;
        self.attempts += other.attempts;
        self.hedges += other.hedges;
        self.hedges_won += other.hedges_won;
        self.ejections += other.ejections;
        growth::add(&mut self.retries, &other.retries);
        growth::add(&mut self.retries_refused, &other.retries_refused);
        growth::add(&mut self.shed, &other.shed);
        self.queue_time.merge(&other.queue_time);
    }
}

impl Upstreams {
    /// Adds what a process did in a second. `before` is what the same run of it told last: where there is nothing and its counters
    /// did not just begin, they say nothing of this second.
    pub(super) fn absorb(&mut self, second: i64, before: Option<&Snapshot>, snapshot: &Snapshot) {
        self.newest = self.newest.max(second);
        let oldest = self.newest - SECONDS_MAX + 1;
        if second >= oldest && (before.is_some() || snapshot.sequence == 1) {
            for now in &snapshot.upstreams {
                let same = |other: &&wire::Upstream| other.service == now.service;
                let before = before.and_then(|before| before.upstreams.iter().find(same));
                let growth = Growth::between(before, now);
                if growth != Growth::default() {
                    self.add(&now.service, second, &growth);
                }
            }
        }
        self.services.retain(|_, seconds| {
            while seconds.first_key_value().is_some_and(|(at, _)| *at < oldest) {
                seconds.pop_first();
            }
            !seconds.is_empty()
        });
    }

    fn add(&mut self, service: &str, second: i64, growth: &Growth) {
        if let Some(seconds) = self.services.get_mut(service) {
            seconds.entry(second).or_default().add(growth);
        } else if self.services.len() < SERVICES_MAX {
            self.services.insert(service.to_owned(), BTreeMap::from([(second, growth.clone())]));
        }
    }

    /// The services that the processes with these latest seconds call, over the window that ends with `second`.
    pub(super) fn views(
        &self,
        second: i64,
        window_seconds: u32,
        latest: &[&Snapshot],
    ) -> Vec<view::Upstream> {
        let mut views: BTreeMap<&str, view::Upstream> = BTreeMap::new();
        for snapshot in latest {
            let process = snapshot.process.as_ref().map_or("", |process| process.name.as_str());
            for upstream in &snapshot.upstreams {
                let view = views
                    .entry(&upstream.service)
                    .or_insert_with(|| self.window(&upstream.service, second, window_seconds));
                add_state(view, process, upstream);
            }
        }
        for (service, view) in &mut views {
            let of = |instance: &&wire::Instance| instance.service == *service;
            let ids = |only: fn(&wire::Instance) -> bool| {
                let all = latest.iter().flat_map(|snapshot| &snapshot.instances).filter(of);
                all.filter(|instance| only(instance))
                    .map(|instance| &instance.id)
                    .collect::<BTreeSet<_>>()
                    .len()
            };
            view.instances = ids(|_| true) as u64;
            // Each gateway ejects by what it sees; one instance that two of them ejected is one.
            view.ejected = view.ejected.max(ids(|instance| instance.state == "ejected") as u64);
        }
        views.into_values().collect()
    }

    /// What the window adds up to.
    fn window(&self, service: &str, second: i64, window_seconds: u32) -> view::Upstream {
        let from = second - i64::from(window_seconds.max(1)) + 1;
        let mut sum = Growth::default();
        let seconds = self.services.get(service).map(|seconds| seconds.range(from..=second));
        seconds.into_iter().flatten().for_each(|(_, growth)| sum.add(growth));
        let waited = |q: f64| sum.queue_time.percentile(q).map(|ns| ns.round() as u64);
        view::Upstream {
            service: service.to_owned(),
            calls: sum.calls,
            attempts: sum.attempts,
            hedges: sum.hedges,
            hedges_won: sum.hedges_won,
            ejections: sum.ejections,
            queue_p50: waited(0.5),
            queue_p99: waited(0.99),
            retries: growth::ranked(sum.retries),
            retries_refused: growth::ranked(sum.retries_refused),
            shed: growth::ranked(sum.shed),
            ..view::Upstream::default()
        }
    }
}

/// Adds how one process has it now. The share that is left is the worst that any of them sees.
fn add_state(view: &mut view::Upstream, process: &str, upstream: &wire::Upstream) {
    view.budget_left += upstream.budget_left;
    view.in_flight += upstream.in_flight;
    view.queued += upstream.queued;
    view.limit += upstream.limit;
    view.ejected = view.ejected.max(upstream.ejected);
    view.panic_by += u32::from(upstream.panic);
    let Some(capacity) = upstream.capacity.as_ref().filter(|capacity| capacity.share.is_finite()) else {
        return;
    };
    if view.capacity.as_ref().is_none_or(|worst| capacity.share < worst.share) {
        view.capacity = Some(view::Capacity {
            share: capacity.share,
            lost: capacity.lost.clone(),
            basis: capacity.basis.clone(),
            peak_rps: capacity.peak_rps,
            left_rps: capacity.left_rps,
            process: process.to_owned(),
        });
    }
}
