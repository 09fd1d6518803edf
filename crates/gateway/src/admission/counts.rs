//! What is counted of admission to one service, over all threads of the process.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use tenet_resilience::limit::Priority;
use tenet_sketch::Sketch;

/// Refused calls by priority: CRITICAL, NORMAL, SHEDDABLE.
pub type Shed = [u64; Priority::REFUSABLE.len()];

/// Of one service.
#[derive(Debug, Default)]
pub struct Counts {
    shed: [AtomicU64; Priority::REFUSABLE.len()],
    queued: AtomicU64,
    /// How long those that were let through had waited, since it was last taken. Each thread hands in its own once a second; a call
    /// never comes here.
    waited: Mutex<Sketch>,
}

impl Counts {
    pub(super) fn refused(&self, priority: Priority) {
        if let Some(index) = Priority::REFUSABLE.iter().position(|one| *one == priority) {
            self.shed[index].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn joined(&self) {
        self.queued.fetch_add(1, Relaxed);
    }

    pub(super) fn left(&self) {
        self.queued.fetch_sub(1, Relaxed);
    }

    /// Takes in what one thread has seen since it did so last.
    pub(super) fn add_waited(&self, nanos: &Sketch) {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner).merge(nanos);
    }

    /// Refused since the process began.
    pub fn shed(&self) -> Shed {
        [&self.shed[0], &self.shed[1], &self.shed[2]].map(|count| count.load(Relaxed))
    }

    /// Calls that wait now.
    pub fn queued(&self) -> u64 {
        self.queued.load(Relaxed)
    }

    /// Waiting times in nanoseconds since this was last asked.
    pub fn take_waited(&self) -> Sketch {
        std::mem::take(&mut self.waited.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
