//! How many calls at a time a service is given: a limit that follows its latency, so that what is too much waits or is refused here and
//! not in the service's own queue.
//!
//! ```text
//!   try_acquire(priority) ──▶ in flight < share of the limit? ──▶ permit … release(latency) ──▶ window ──▶ Gradient ──▶ limit
//! ```
//!
//! **The signal.** With n calls in flight a service of k slots takes t·max(1, n/k): beyond the knee the latency rises in proportion to what is
//! in flight and the throughput no longer does. So the limit follows the gradient between what a call takes without a queue and what
//! it takes now, as in TCP Vegas (Brakmo, O'Malley, Peterson 1994) and Netflix's `concurrency-limits` (Gradient2):
//!
//! ```text
//!   limit ← limit + ¼ · (limit · clamp(tolerance · base / now, ½, 1) + √limit − limit)
//! ```
//!
//! `now` is the geometric mean of a window: few slow calls among many do not move it, a queue in front of all of them does. `base` is a low
//! expectile of it over time, slowly forgotten, and only while the limit is not what bounds the load: an overload that lasts for hours
//! does not teach that slow is normal. With tolerance 1.5 the limit settles at about 1.5 k + √k: the slots are full, a small queue absorbs
//! the randomness of arrivals, and nobody's throughput is cut to find out (Envoy's gradient controller cuts it for each measurement).
//!
//! **Honest slowness.** A service that became slower without a queue would look overloaded for ever. But a queue shrinks with the limit and
//! slowness does not: where the limit was halved and the latency stayed, the latency is the new base (`Gradient`).
//!
//! **Bound.** Calls in flight never exceed the priority's share of the largest limit in force while they were let in, whatever the
//! threads do: the count is compared and raised in one step.

mod gradient;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod window;

use crate::Moment;
use gradient::Gradient;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;
use window::Window;

/// What is given up first under overload; the order is that of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Refused first: prefetching, suggestions.
    Sheddable,
    /// The rest.
    Normal,
    /// Refused last: payments, log-in.
    Critical,
    /// Never refused: health checks.
    Exempt,
}

impl Priority {
    /// Those that can be refused, the most important first.
    pub const REFUSABLE: [Priority; 3] = [Priority::Critical, Priority::Normal, Priority::Sheddable];

    /// The word used in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Priority::Sheddable => "sheddable",
            Priority::Normal => "normal",
            Priority::Critical => "critical",
            Priority::Exempt => "exempt",
        }
    }

    /// The share of the limit it may fill, in percent. What SHEDDABLE leaves is room for NORMAL, and CRITICAL has room of its own beyond
    /// the limit: it is let in even when the others have filled theirs.
    const fn share_percent(self) -> u64 {
        match self {
            Priority::Sheddable => 80,
            Priority::Normal => 100,
            Priority::Critical | Priority::Exempt => 130,
        }
    }
}

/// How a limit behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitRules {
    /// Whether it follows the latency; else it is `initial` for good.
    pub adaptive: bool,
    /// The limit to begin with. Default: 64.
    pub initial: u32,
    /// The lowest limit. Default: 8, below which latency cannot be measured.
    pub min: u32,
    /// The highest limit. Default: 10,000.
    pub max: u32,
    /// What counts as no queue yet, as a multiple of the latency without one. Default: 1.5.
    pub tolerance: f64,
    /// How often the limit is reconsidered, where there were enough calls. Default: 100 ms.
    pub window: Duration,
}

impl Default for LimitRules {
    fn default() -> LimitRules {
        LimitRules {
            adaptive: true,
            initial: 64,
            min: 8,
            max: 10_000,
            tolerance: 1.5,
            window: Duration::from_millis(100),
        }
    }
}

impl LimitRules {
    /// A limit that does not move.
    pub fn fixed(limit: u32) -> LimitRules {
        LimitRules { adaptive: false, initial: limit, min: limit, max: limit, ..LimitRules::default() }
    }
}

/// What a call showed of the service's load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered: its latency counts.
    Ok,
    /// It says nothing: cancelled, refused, the caller's fault.
    Ignore,
    /// It ran out of time or was refused for load: there is more than can be done.
    Dropped,
}

/// One call that is over.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// What its attempt took at the service, without waiting before it.
    pub latency: Duration,
    /// What it showed.
    pub outcome: Outcome,
}

/// No more calls of this priority now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// The limit of one service in one process, shared by all threads.
#[derive(Debug)]
pub struct Limiter {
    rules: LimitRules,
    in_flight: AtomicU64,
    limit: AtomicU64,
    window: Window,
    /// Only whoever closes a window, and nobody waits for it.
    gradient: Mutex<Gradient>,
}

impl Limiter {
    /// A limit that nothing is known for.
    pub fn new(rules: &LimitRules) -> Limiter {
        Limiter {
            rules: *rules,
            in_flight: AtomicU64::new(0),
            limit: AtomicU64::new(u64::from(rules.initial)),
            window: Window::new(),
            gradient: Mutex::new(Gradient::new(rules)),
        }
    }

    /// Lets a call in, or not.
    ///
    /// # Errors
    /// When the priority's share of the limit is in use.
    pub fn try_acquire(&self, priority: Priority) -> Result<(), Refused> {
        let bound = self.bound(priority);
        let step = |in_flight: u64| (in_flight < bound).then_some(in_flight + 1);
        self.in_flight.fetch_update(AcqRel, Acquire, step).map(drop).map_err(|_| Refused)
    }

    /// A call that was let in is over.
    pub fn release(&self, now: Moment, sample: Sample) {
        let before = self.in_flight.fetch_sub(1, AcqRel);
        if !self.rules.adaptive {
            return;
        }
        self.window.record(before, sample);
        if !self.window.is_over(now, self.rules.window) {
            return;
        }
        // Somebody else closes it: nothing is lost by going on.
        let mut gradient = match self.gradient.try_lock() {
            Ok(gradient) => gradient,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(seen) = self.window.close(now, self.rules.window) {
            self.limit.store(gradient.step(&seen), Relaxed);
        }
    }

    /// Most calls in flight that still let one of this priority in.
    pub fn bound(&self, priority: Priority) -> u64 {
        if priority == Priority::Exempt {
            return u64::MAX;
        }
        let limit = self.limit();
        // Rounded up, so that small limits let everybody have something.
        let share = (limit * priority.share_percent()).div_ceil(100);
        if self.rules.adaptive { share } else { share.min(limit) }
    }

    /// The limit now.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Whether it follows the latency.
    pub fn is_adaptive(&self) -> bool {
        self.rules.adaptive
    }

    /// Calls in flight now.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }
}
