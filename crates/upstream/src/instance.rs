//! One instance as the whole process knows it: its standing, and counters summed over the threads.
//!
//! Each thread writes counters of its own (one writer, so a plain load and store will do, without a locked
//! instruction on the request path); readers sum them. The standing is shared, and written only when a connect ends.

use crate::Instance;
use crate::view::{Health, InstanceView};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenet_resilience::Moment;
use tenet_resilience::eject::{Interval, Vote};

/// What one thread counts of one instance.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) open: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) calls: AtomicU64,
    /// Attempts that ended by themselves, answered or failed; without those that were refused.
    pub(crate) finished: AtomicU64,
    /// Attempts of which it did nothing because it had too much to do.
    pub(crate) refusals: AtomicU64,
    /// Those of them in which the instance was to blame.
    pub(crate) failures: AtomicU64,
    /// Nanoseconds that the answered ones took together.
    pub(crate) answered_ns: AtomicU64,
    /// Of all that ended, the sum of their latencies' logarithms and of the squares of those.
    pub(crate) latency_log2: AtomicU64,
    pub(crate) latency_log2_squared: AtomicU64,
    /// Connections open without a call, and calls that wait for a connection, as of the last look.
    pub(crate) idle: AtomicU64,
    pub(crate) pending: AtomicU64,
    /// The thread's own smoothed latency, in nanoseconds.
    pub(crate) latency_ns: AtomicU64,
}

/// Adds `n` to a counter that only this thread writes.
pub(crate) fn raise_by(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
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
    /// Never used twice in a process.
    pub(crate) number: u64,
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
    /// How often health checks found that.
    lapses: AtomicU32,
    /// Its place in the ejection of its service.
    pub(crate) vote: Vote,
    /// Its share of calls in percent, as of the last roster.
    weight_percent: AtomicU32,
    /// Times it was ejected.
    pub(crate) ejections: AtomicU64,
    /// Attempts in flight that came here by a key, over all threads: what bounds the load of a hot key.
    pub(crate) keyed: AtomicU64,
    /// Since when it may be warming up; the start where nobody had to be warm before it.
    warm_from: Moment,
    /// Where faults are injected: what every attempt is delayed by, in milliseconds; 0 is none.
    delay_ms: AtomicU32,
    /// The utilisation it reported last, in thousandths plus one; 0 is none.
    utilisation: AtomicU32,
    /// Why it was last left out, for the view.
    cause: Mutex<String>,
    /// One thread of the process at a time tries a failing instance.
    probing: AtomicBool,
    threads: Mutex<Vec<Arc<Counters>>>,
    /// What threads that ended had counted.
    past: Counters,
}

impl InstanceState {
    pub(crate) fn new(
        number: u64,
        service: Arc<str>,
        instance: Instance,
        warm_from: Moment,
        vote: Vote,
    ) -> InstanceState {
        InstanceState {
            weight_percent: AtomicU32::new(instance.weight_percent),
            number,
            service,
            instance,
            failures: AtomicU32::new(0),
            retry_at_ms: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            removed: AtomicBool::new(false),
            unhealthy: AtomicBool::new(false),
            lapses: AtomicU32::new(0),
            vote,
            ejections: AtomicU64::new(0),
            keyed: AtomicU64::new(0),
            warm_from,
            delay_ms: AtomicU32::new(0),
            utilisation: AtomicU32::new(0),
            cause: Mutex::default(),
            probing: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
            past: Counters::default(),
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
    pub(crate) fn set_unhealthy(&self, unhealthy: bool, cause: &str) -> bool {
        let changed = self.unhealthy.swap(unhealthy, Relaxed) != unhealthy;
        if changed {
            if unhealthy {
                self.set_cause(cause);
            }
            self.lapses.fetch_add(u32::from(unhealthy), Relaxed);
        }
        changed
    }

    /// How often it was found unhealthy: a connection that is older than the last time may lead nowhere.
    pub(crate) fn lapses(&self) -> u32 {
        self.lapses.load(Relaxed)
    }

    pub(crate) fn set_cause(&self, cause: &str) {
        cause.clone_into(&mut self.cause.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn set_weight(&self, percent: u32) {
        self.weight_percent.store(percent, Relaxed);
    }

    /// Its share of calls; 1 is the usual one.
    pub(crate) fn weight(&self) -> f64 {
        f64::from(self.weight_percent.load(Relaxed)) / 100.0
    }

    pub(crate) fn warm_from(&self) -> Moment {
        self.warm_from
    }

    /// Delays every attempt from now on; zero ends it.
    pub(crate) fn inject_delay(&self, delay: Duration) {
        self.delay_ms.store(u32::try_from(delay.as_millis()).unwrap_or(u32::MAX), Relaxed);
    }

    /// What an attempt is to be delayed by, where a fault was injected.
    pub(crate) fn injected_delay(&self) -> Option<Duration> {
        match self.delay_ms.load(Relaxed) {
            0 => None,
            delay_ms => Some(Duration::from_millis(delay_ms.into())),
        }
    }

    /// Remembers what it reported of its load, a share of its capacity.
    pub(crate) fn set_utilisation(&self, share: f64) {
        self.utilisation.store((share * 1000.0) as u32 + 1, Relaxed);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Relaxed)
    }

    pub(crate) fn remove(&self) {
        self.removed.store(true, Relaxed);
    }

    /// Counts a connect; true where the one before had failed.
    pub(crate) fn succeed(&self) -> bool {
        self.connects.fetch_add(1, Relaxed);
        self.failures.swap(0, Relaxed) > 0
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
        self.threads().push(counters.clone());
        counters
    }

    pub(crate) fn detach(&self, counters: &Arc<Counters>) {
        let mut threads = self.threads();
        for (past, now) in [
            (&self.past.calls, &counters.calls),
            (&self.past.finished, &counters.finished),
            (&self.past.failures, &counters.failures),
            (&self.past.refusals, &counters.refusals),
            (&self.past.answered_ns, &counters.answered_ns),
            (&self.past.latency_log2, &counters.latency_log2),
            (&self.past.latency_log2_squared, &counters.latency_log2_squared),
        ] {
            past.fetch_add(now.load(Relaxed), Relaxed);
        }
        threads.retain(|other| !Arc::ptr_eq(other, counters));
    }

    /// The sum of a counter over all threads, those that ended included.
    pub(crate) fn sum(&self, field: fn(&Counters) -> &AtomicU64) -> u64 {
        let threads = self.threads();
        let now: u64 = threads.iter().map(|part| field(part).load(Relaxed)).sum();
        now.wrapping_add(field(&self.past).load(Relaxed))
    }

    /// All that ended since the process began, as the judge adds it up.
    pub(crate) fn total(&self) -> Interval {
        Interval {
            requests: self.sum(|part| &part.finished),
            failures: self.sum(|part| &part.failures),
            latency_log2: self.sum(|part| &part.latency_log2),
            latency_log2_squared: self.sum(|part| &part.latency_log2_squared),
        }
    }

    /// Whether calls are sent to it, if it can be connected to.
    pub(crate) fn is_usable(&self, now: Moment) -> bool {
        !self.is_failing() && !self.is_unhealthy() && !self.vote.is_ejected(now)
    }

    /// The mean of the threads' smoothed latencies, of those that have one.
    fn latency(&self) -> Option<Duration> {
        let threads = self.threads();
        let known = threads.iter().map(|part| part.latency_ns.load(Relaxed)).filter(|ns| *ns > 0);
        let (sum, count) = known.fold((0u64, 0u64), |(sum, count), ns| (sum.saturating_add(ns), count + 1));
        (count > 0).then(|| Duration::from_nanos(sum / count))
    }

    pub(crate) fn view(&self, now: Moment, slow_start: Duration) -> InstanceView {
        let connects = self.connects.load(Relaxed);
        let health = if self.is_removed() {
            Health::Draining
        } else if self.is_failing() {
            Health::Failing
        } else if self.vote.is_ejected(now) {
            Health::Ejected
        } else if self.is_unhealthy() {
            Health::Unhealthy
        } else if connects == 0 {
            Health::Untried
        } else if now.since(self.warm_from) < slow_start && self.warm_from > Moment::START {
            Health::Warming
        } else {
            Health::Up
        };
        let cause = if matches!(health, Health::Failing | Health::Ejected | Health::Unhealthy) {
            self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone()
        } else {
            String::new()
        };
        let utilisation = self.utilisation.load(Relaxed).checked_sub(1);
        InstanceView {
            service: self.service.clone(),
            id: self.instance.id.clone(),
            address: self.instance.address,
            zone: self.instance.zone,
            zone_name: self.instance.zone_name.clone(),
            health,
            cause,
            open_connections: self.sum(|part| &part.open),
            idle_connections: self.sum(|part| &part.idle),
            in_flight: self.sum(|part| &part.in_flight),
            pending: self.sum(|part| &part.pending),
            calls: self.sum(|part| &part.calls),
            finished: self.sum(|part| &part.finished),
            failures: self.sum(|part| &part.failures),
            refusals: self.sum(|part| &part.refusals),
            answered: Duration::from_nanos(self.sum(|part| &part.answered_ns)),
            latency: self.latency(),
            utilisation: utilisation.map(|thousandths| f64::from(thousandths) / 1000.0),
            ejections: self.ejections.load(Relaxed),
            connects,
            connect_failures: self.connect_failures.load(Relaxed),
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Arc<Counters>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
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
