//! What is counted of the calls to one service: by each thread for itself, summed when somebody asks.

use crate::instance::raise;
use crate::service::ServiceState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tenet_error::Code;
use tenet_resilience::call::RefusedBy;
use tenet_resilience::limit::Limiter;

/// What one thread counts of one service. Only that thread writes.
#[derive(Debug)]
pub(crate) struct LaneCounters {
    pub(crate) calls: AtomicU64,
    pub(crate) attempts: AtomicU64,
    pub(crate) hedges: AtomicU64,
    pub(crate) hedges_won: AtomicU64,
    refused: [AtomicU64; RefusedBy::ALL.len()],
    /// By the code of the failure that was not the last word.
    retries: [AtomicU64; Code::COUNT],
}

impl Default for LaneCounters {
    fn default() -> LaneCounters {
        LaneCounters {
            calls: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            hedges: AtomicU64::new(0),
            hedges_won: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; RefusedBy::ALL.len()],
            retries: [const { AtomicU64::new(0) }; Code::COUNT],
        }
    }
}

impl LaneCounters {
    /// Another attempt follows one that failed with `cause`.
    pub(crate) fn retried(&self, cause: Code) {
        raise(&self.retries[cause as usize]);
    }

    /// A repetition that would have been right was not made.
    pub(crate) fn refused(&self, by: RefusedBy) {
        raise(&self.refused[by as usize]);
    }

    /// Adds what `other` counted.
    pub(crate) fn add(&self, other: &LaneCounters) {
        for (to, from) in self.all().zip(other.all()) {
            to.fetch_add(from.load(Relaxed), Relaxed);
        }
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        let plain = [&self.calls, &self.attempts, &self.hedges, &self.hedges_won];
        plain.into_iter().chain(&self.refused).chain(&self.retries)
    }
}

/// One service as telemetry sees it, summed over all threads; counters since the process began.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// The service's name.
    pub name: Arc<str>,
    /// [`ServiceHandle::number`](crate::ServiceHandle::number).
    pub number: usize,
    /// Calls that were asked for.
    pub calls: u64,
    /// Attempts of which something was sent.
    pub attempts: u64,
    /// Repetitions, by the code of the failure before them; only those that there were.
    pub retries: Vec<(Code, u64)>,
    /// Second attempts beside a silent first one.
    pub hedges: u64,
    /// Those of them that answered first.
    pub hedges_won: u64,
    /// Repetitions that would have been right and were not made, by what refused them.
    pub refused: [(RefusedBy, u64); RefusedBy::ALL.len()],
    /// Repetitions the budget would pay for now.
    pub budget_left: u64,
    /// Health checks of its instances, by how they ended; only the ends that there were.
    pub checks: Vec<(&'static str, u64)>,
    /// Instances taken out because of how they answered, since the process began.
    pub ejections: u64,
    /// Instances that are out now.
    pub ejected: u64,
    /// Whether so few are usable that those that were left out are called again.
    pub panic: bool,
    /// What bounds the calls at one time.
    pub limiter: Arc<Limiter>,
}

impl ServiceView {
    pub(crate) fn new(service: &ServiceState, sum: &LaneCounters, budget_left: u64) -> ServiceView {
        let value = |counter: &AtomicU64| counter.load(Relaxed);
        let retries = Code::all().iter().map(|entry| (entry.code, value(&sum.retries[entry.code as usize])));
        ServiceView {
            name: service.name.clone(),
            number: service.number,
            calls: value(&sum.calls),
            attempts: value(&sum.attempts),
            retries: retries.filter(|(_, times)| *times > 0).collect(),
            hedges: value(&sum.hedges),
            hedges_won: value(&sum.hedges_won),
            refused: RefusedBy::ALL.map(|by| (by, value(&sum.refused[by as usize]))),
            budget_left,
            checks: service.checks.counted(),
            ejections: 0,
            ejected: 0,
            panic: false,
            limiter: service.live().limiter.clone(),
        }
    }

    pub(crate) fn with_ejections(self, ejections: u64, ejected: u64, panic: bool) -> ServiceView {
        ServiceView { ejections, ejected, panic, ..self }
    }
}
