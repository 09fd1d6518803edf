//! How many calls at a time a service is given: a limit that follows its latency, so that what is too much waits or is refused here and
//! not in the service's own queue.
//!
//! ```text
//!   try_acquire(priority) ──▶ in flight < share of the limit? ──▶ permit … release(latency) ──▶ window ──▶ Gradient ──▶ limit
//! ```
//!
//! **The signal.** With n calls in flight a service of k slots takes t·max(1, n/k): beyond the knee latency rises in proportion to what is
//! in flight, and throughput does not. So the limit follows the gradient between what a call takes without a queue and what it takes now,
//! as in TCP Vegas (Brakmo, O'Malley, Peterson 1994) and Netflix's `concurrency-limits` (Gradient2):
//!
//! ```text
//!   waiting = low − base            low: the 10th percentile of a window; base: the same without a queue, slowly forgotten
//!   work    = mean − waiting
//!   limit  ← limit + 0.3 · (limit · clamp(tolerance · work / (work + waiting), ½, 1) + √limit − limit)
//! ```
//!
//! In a queue everybody waits, so the *difference* of low percentiles is the time in the queue, however widely the work itself is spread
//! (a service whose calls take 5 or 100 ms has no queue because of that); `work` makes it a share without being told what is usual.
//! The limit settles near 1.5 k + √limit: the slots are full, a small queue absorbs the randomness of arrivals, and nobody's throughput
//! is cut to find out (Envoy's gradient controller cuts it for each measurement). It moves only where it is used by half, so that
//! it ends at about twice what healthy peaks need. In a window that refuses although next to nobody waits at the service it grows by half at once, and
//! until it was too high for the first time it doubles: load that moves here from a process that died is followed within two windows.
//!
//! **What is remembered.** `base` rises of itself only while the limit is not used: an overload that lasts for hours does not teach that
//! slow is normal. A service that became slower without a queue is told apart by what the falling limit does: a queue shrinks with it
//! and throughput stays, slowness stays and throughput falls; then `base` follows (`trial::Trial`). Where the limit came to rest and goes on
//! refusing, it is raised once every five seconds, so that its falling tells.
//!
//! **Evidence** is `tests/admission`: 4, 16 and 64 slots (256 where noted), fixed, exponential and bimodal (5 and 100 ms) work, Poisson arrivals,
//! no room before the limit:
//!
//! | load ÷ capacity | seen |
//! |---|---|
//! | ≤ 0.7 | nothing refused |
//! | 0.95 | refused: 64 slots ≤ 0.4 %, 16 slots ≤ 2.3 %, 4 slots 0.7 % (fixed) to 10 % (bimodal, whose own queue would be long) |
//! | 3 | goodput ≥ 97 % of capacity; a call takes 1.7 (64 slots) to 2.8 (4 slots) times its work, 4.5 for 4 slots and bimodal work |
//! | 3 for 300 s from the first call on | the same: nothing is learnt from it |
//! | 0.7 after 3 | nothing refused after 5 s; bimodal work ≤ 0.5 % |
//! | 0.7 of a release 2 or 4 times slower (up to 256 slots) | ≤ 15 % refused in the first 5 s, nothing thereafter |
//!
//! **Not seen** is a queue behind which every tenth call or more is answered without waiting (a cache inside the service): then only
//! calls that run out of time lower the limit, and only where they are told of ([`Outcome::Dropped`]: the SDK does, gateways do not).
//!
//! **Bound.** Calls in flight never exceed the priority's share of the largest limit in force while they were let in, whatever the
//! threads do: the count is compared and raised in one step.

mod gradient;
mod priority;
#[cfg(test)]
mod tests;
mod trial;
mod window;

use crate::Moment;
use gradient::Gradient;
pub use priority::Priority;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;
use window::Window;

/// Calls that a window needs to say something.
const SAMPLES_MIN: u64 = 16;
/// A window goes on for want of calls, or to cover slow ones, up to this many times its length: then few will do.
const STRETCH_MOST: u32 = 20;
/// Mean latencies that the next window covers, so that most of what it sees was let in under the limit it judges.
const LATENCIES_A_WINDOW: f64 = 2.0;
/// What CRITICAL has at least beyond the limit, calls. While NORMAL keeps the limit full, the places beyond it are a queue that only
/// CRITICAL joins: at a share ρ of the capacity all n of them are taken for ρⁿ of the time. 0.4⁸ is less than one in a thousand.
const CRITICAL_EXTRA_LEAST: u64 = 8;

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
    /// When the window that is open is over, in nanoseconds; 0 before the first.
    closes_at: AtomicU64,
    /// Only whoever closes a window, and nobody waits for it.
    law: Mutex<Law>,
}

/// What only whoever closes a window touches.
#[derive(Debug)]
struct Law {
    gradient: Gradient,
    opened: Moment,
}

impl Limiter {
    /// A limit that nothing is known for. `max` holds whatever the other bounds say: where it is lower, it is theirs as well.
    pub fn new(rules: &LimitRules) -> Limiter {
        let max = rules.max.max(1);
        let min = rules.min.clamp(1, max);
        let rules = LimitRules { initial: rules.initial.clamp(min, max), min, max, ..*rules };
        Limiter {
            rules,
            in_flight: AtomicU64::new(0),
            limit: AtomicU64::new(u64::from(rules.initial)),
            window: Window::new(),
            closes_at: AtomicU64::new(0),
            law: Mutex::new(Law { gradient: Gradient::new(&rules), opened: Moment::START }),
        }
    }

    /// Lets a call in, or not. One that was let in is to be given back by one [`release`](Self::release).
    ///
    /// # Errors
    /// When the priority's share of the limit is in use.
    pub fn try_acquire(&self, priority: Priority) -> Result<(), Refused> {
        let bound = self.bound(priority);
        let step = |in_flight: u64| (in_flight < bound).then_some(in_flight + 1);
        self.in_flight.fetch_update(AcqRel, Acquire, step).map(drop).map_err(|_| {
            self.window.record_refused();
            Refused
        })
    }

    /// A call that was let in is over. Whoever finds that the window is over as well closes it.
    pub fn release(&self, now: Moment, sample: Sample) {
        // Not below zero: one release too many must not lock everybody out.
        let before =
            self.in_flight.fetch_update(AcqRel, Acquire, |in_flight| in_flight.checked_sub(1)).unwrap_or(0);
        if !self.rules.adaptive {
            return;
        }
        self.window.record(before, sample);
        if now.nanos() < self.closes_at.load(Relaxed) {
            return;
        }
        // Somebody else closes it: nothing is lost by going on.
        match self.law.try_lock() {
            Ok(mut law) => self.close(now, &mut law),
            Err(TryLockError::Poisoned(poisoned)) => self.close(now, &mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Closes the window and sets the limit; a window that saw too little goes on.
    #[cold]
    fn close(&self, now: Moment, law: &mut Law) {
        let closes_at = self.closes_at.load(Relaxed);
        if now.nanos() < closes_at {
            // Somebody else just did.
            return;
        }
        let longest = self.rules.window.saturating_mul(STRETCH_MOST);
        let lasted = now.since(law.opened);
        let mut next = self.rules.window;
        if closes_at == 0 {
            // What ended before the first has no known beginning.
            law.opened = now;
        } else if lasted >= longest || self.window.samples() >= SAMPLES_MIN {
            let seen = self.window.take(lasted.as_secs_f64());
            self.limit.store(law.gradient.step(&seen), Relaxed);
            law.opened = now;
            let latencies = Duration::from_nanos((seen.mean * LATENCIES_A_WINDOW) as u64);
            next = latencies.clamp(self.rules.window, longest);
        }
        self.closes_at.store(now.plus(next).nanos(), Relaxed);
    }

    /// Most calls in flight that still let one of this priority in.
    pub fn bound(&self, priority: Priority) -> u64 {
        if priority == Priority::Exempt {
            return u64::MAX;
        }
        let limit = self.limit();
        // Rounded up, so that small limits let everybody have something.
        let share = (limit * priority.share_percent()).div_ceil(100);
        match priority {
            _ if !self.rules.adaptive => share.min(limit),
            Priority::Critical => share.max(limit + CRITICAL_EXTRA_LEAST),
            _ => share,
        }
    }

    /// The limit now.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// The low percentile of latency that is taken for a service without a queue; `None` before anything was measured, and while
    /// another thread measures.
    pub fn base(&self) -> Option<Duration> {
        let base = self.law.try_lock().ok()?.gradient.base()?;
        Some(Duration::from_nanos(base as u64))
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
