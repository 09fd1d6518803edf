//! What is known of the whole fleet: every process's seconds added up, and each process as it was last seen.

mod growth;
mod instances;
mod processes;
mod revisions;
mod ring;
mod stores;
mod subjects;
mod summary;
mod upstreams;
pub(crate) mod view;

use processes::{Change, Processes};
use revisions::Revisions;
use ring::Ring;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use stores::Stores;
pub(crate) use subjects::Subject;
use tenet_api::telemetry::v1::Snapshot;
use tenet_telemetry::Totals;
use upstreams::Upstreams;

/// Events kept for the time line.
const EVENTS_MAX: usize = 500;

/// The fleet as the console sees it. One lock: it is taken a few times a second, for milliseconds.
pub(crate) struct Fleet {
    project: String,
    /// Tells one run of this process from the next, so that a page knows to start afresh.
    boot_unix_ms: i64,
    state: Mutex<State>,
}

struct State {
    ring: Ring,
    totals: Totals,
    processes: Processes,
    upstreams: Upstreams,
    stores: Stores,
    events: VecDeque<view::Event>,
    /// Number of the last event; numbers let a page ask for nothing twice.
    last_event: u64,
    revisions: Revisions,
}

impl Fleet {
    /// A fleet whose gateways have not been reached yet.
    pub(crate) fn new(project: String, gateways: &[String]) -> Fleet {
        let boot_unix_ms = unix_ms(SystemTime::now());
        let state = State {
            ring: Ring::default(),
            totals: Totals::new(),
            processes: Processes::new(gateways),
            upstreams: Upstreams::default(),
            stores: Stores::default(),
            events: VecDeque::new(),
            last_event: 0,
            revisions: Revisions::default(),
        };
        Fleet { project, boot_unix_ms, state: Mutex::new(state) }
    }

    /// Takes in one second of the process followed at `address`. Seconds that were taken in before are left out.
    pub(crate) fn absorb(&self, address: &str, mut snapshot: Snapshot, now: SystemTime) {
        let mut state = self.state();
        let state = &mut *state;
        if !state.processes.is_news(address, &snapshot) {
            return;
        }
        if let Err(error) = state.totals.add_snapshot(&snapshot) {
            tracing::warn!(%address, %error, "a row of a snapshot was left out");
        }
        let second = state.processes.place(address, &snapshot, unix_ms(now));
        state.ring.absorb(second, &snapshot);
        let before = state.processes.before(address, &snapshot);
        state.upstreams.absorb(second, before, &snapshot);
        state.stores.absorb(second, before, &snapshot);
        state.revisions.changed(second);
        let process = snapshot.process.as_ref().map(|process| process.name.clone()).unwrap_or_default();
        for event in std::mem::take(&mut snapshot.events) {
            state.last_event += 1;
            state.events.push_back(view::Event::new(state.last_event, &process, event));
        }
        let excess = state.events.len().saturating_sub(EVENTS_MAX);
        state.events.drain(..excess);
        // Only what was just measured says how a process is; the past that a reconnect brings does not.
        state.processes.seen(address, snapshot, unix_ms(now));
    }

    /// Says that the process followed at `address` cannot be reached.
    pub(crate) fn lost(&self, address: &str, why: &str) {
        self.state().processes.lost(address, why, unix_ms(SystemTime::now()));
    }

    /// Which processes of the store are to be followed from now on, and which no longer, as the gateways know them.
    pub(crate) fn look_for_stores(&self, now: SystemTime) -> Change {
        self.state().processes.look_for_stores(unix_ms(now))
    }

    /// The name of the process at an address, or the address if it never said.
    pub(crate) fn process_name(&self, address: &str) -> String {
        self.state().processes.name(address)
    }

    /// What a page needs once, before the first second.
    pub(crate) fn hello(&self, second: i64) -> view::Hello {
        let state = self.state();
        view::Hello {
            project: self.project.clone(),
            boot: self.boot_unix_ms,
            codes: view::codes(),
            counters: view::counters(),
            events: state.events.iter().cloned().collect(),
            sparks: state.ring.sparks(second),
            second,
        }
    }

    /// The fleet at one second, with the numbers of the `window_seconds` that end in it.
    pub(crate) fn live(&self, second: i64, window_seconds: u32, events_after: u64) -> view::Live {
        let state = self.state();
        let summary = state.ring.summary(second, window_seconds);
        let latest = state.processes.latest();
        view::Live {
            boot: self.boot_unix_ms,
            second,
            window: window_seconds,
            revision: state.revisions.count,
            total: summary.total,
            groups: summary.groups,
            endpoints: summary.endpoints,
            trees: state.processes.trees(),
            upstreams: state.upstreams.views(second, window_seconds, &latest),
            store: state.stores.view(second, window_seconds, &latest),
            instances: instances::merged(&latest),
            processes: state.processes.views(unix_ms(SystemTime::now())),
            counters: state.processes.counters(),
            alarms: state.processes.alarms(),
            events: state.events.iter().filter(|event| event.number > events_after).cloned().collect(),
        }
    }

    /// Notes that `second` is being told, and counts a revision if seconds told before have changed meanwhile.
    pub(crate) fn told(&self, second: i64) {
        self.state().revisions.told(second);
    }

    /// The number of the last event.
    pub(crate) fn last_event(&self) -> u64 {
        self.state().last_event
    }

    /// The remembered seconds of one subject up to `second`; `None` if it is not known.
    pub(crate) fn history(&self, subject: &Subject, second: i64) -> Option<view::History> {
        self.state().ring.history(subject, second)
    }

    /// Appends everything since this process started as OpenMetrics text: requests summed over the fleet.
    pub(crate) fn openmetrics(&self, out: &mut String) {
        let state = self.state();
        tenet_telemetry::write_openmetrics(&state.totals, &state.processes.latest(), out);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests;
