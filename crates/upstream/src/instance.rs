//! One instance as the whole process knows it: its standing, and counters summed over the threads.
//!
//! Each thread writes counters of its own (one writer, so a plain load and store will do, without a locked
//! instruction on the request path); readers sum them. The standing is shared, and written only when a connect ends.

use crate::Instance;
use crate::shared::Health;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// What one thread counts of one instance.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) open: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) calls: AtomicU64,
}

/// Adds one to a counter that only this thread writes.
pub(crate) fn raise(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Takes one from a counter that only this thread writes.
pub(crate) fn lower(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_sub(1), Relaxed);
}

#[derive(Debug)]
pub(crate) struct InstanceState {
    pub(crate) service: Arc<str>,
    pub(crate) instance: Instance,
    /// Connects that failed in a row; not zero means: failing.
    failures: AtomicU32,
    /// When the next connect may be tried, in milliseconds of the process's pool clock.
    retry_at_ms: AtomicU64,
    connects: AtomicU64,
    connect_failures: AtomicU64,
    /// Set when the roster no longer names it.
    removed: AtomicBool,
    /// Whether health checks found that it does not serve.
    unhealthy: AtomicBool,
    /// One thread of the process at a time tries a failing instance.
    probing: AtomicBool,
    threads: Mutex<Vec<Arc<Counters>>>,
    past_calls: AtomicU64,
}

impl InstanceState {
    pub(crate) fn new(service: Arc<str>, instance: Instance) -> InstanceState {
        InstanceState {
            service,
            instance,
            failures: AtomicU32::new(0),
            retry_at_ms: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            removed: AtomicBool::new(false),
            unhealthy: AtomicBool::new(false),
            probing: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
            past_calls: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failures.load(Relaxed) != 0
    }

    /// Whether health checks found that it does not serve.
    pub(crate) fn is_unhealthy(&self) -> bool {
        self.unhealthy.load(Relaxed)
    }

    /// Says what a health check found; true where that is a change.
    pub(crate) fn set_unhealthy(&self, unhealthy: bool, _cause: &str) -> bool {
        self.unhealthy.swap(unhealthy, Relaxed) != unhealthy
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Relaxed)
    }

    pub(crate) fn remove(&self) {
        self.removed.store(true, Relaxed);
    }

    pub(crate) fn succeed(&self) {
        self.connects.fetch_add(1, Relaxed);
        self.failures.store(0, Relaxed);
    }

    /// Counts a failed connect and returns how many there were in a row.
    pub(crate) fn fail(&self) -> u32 {
        self.connect_failures.fetch_add(1, Relaxed);
        self.failures.fetch_add(1, Relaxed).saturating_add(1)
    }

    pub(crate) fn set_retry_at(&self, at_ms: u64) {
        self.retry_at_ms.store(at_ms, Relaxed);
    }

    pub(crate) fn retry_at(&self) -> u64 {
        self.retry_at_ms.load(Relaxed)
    }

    /// Takes the right to try this failing instance, for the whole process.
    pub(crate) fn claim_probe(self: &Arc<Self>) -> Option<Probe> {
        let free = !self.probing.load(Relaxed) && !self.probing.swap(true, Relaxed);
        free.then(|| Probe(self.clone()))
    }

    /// Counters for one thread, part of the sums until [`detach`](Self::detach).
    pub(crate) fn attach(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(counters.clone());
        counters
    }

    pub(crate) fn detach(&self, counters: &Arc<Counters>) {
        self.past_calls.fetch_add(counters.calls.load(Relaxed), Relaxed);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|other| !Arc::ptr_eq(other, counters));
    }

    pub(crate) fn view(&self) -> crate::InstanceView {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let sum =
            |field: fn(&Counters) -> &AtomicU64| threads.iter().map(|part| field(part).load(Relaxed)).sum();
        let connects = self.connects.load(Relaxed);
        let calls: u64 = sum(|part| &part.calls);
        crate::InstanceView {
            service: self.service.clone(),
            id: self.instance.id.clone(),
            address: self.instance.address,
            zone: self.instance.zone,
            zone_name: self.instance.zone_name.clone(),
            health: match (self.is_failing(), connects) {
                (true, _) => Health::Failing,
                (false, 0) => Health::Untried,
                (false, _) => Health::Up,
            },
            open_connections: sum(|part| &part.open),
            in_flight: sum(|part| &part.in_flight),
            calls: calls + self.past_calls.load(Relaxed),
            connects,
            connect_failures: self.connect_failures.load(Relaxed),
        }
    }
}

/// The right to try a failing instance; given back when dropped.
#[derive(Debug)]
pub(crate) struct Probe(Arc<InstanceState>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.probing.store(false, Relaxed);
    }
}
