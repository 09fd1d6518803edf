//! The retry budget: how many second attempts all callers of one service in one process may make together.
//!
//! ```text
//!   first attempt ──deposit──▶ ┌──────────────────────────────────────────────┐
//!                              │ supply: percent/100 a first attempt          │ ──try_withdraw──▶ retry or hedge decided
//!   time ──floor_per_second──▶ │         + floor a second, a window's worth   │ ◀──give_back───── decided, then not sent
//!                              └──────────────────────────────────────────────┘
//!                                 └─ what is older than a window is forgotten
//! ```
//!
//! A retry is worth it while failures are rare; when everything fails, retries only multiply the load on what already struggles
//! (Google SRE book, "Handling Overload"; Finagle's `RetryBudget` and gRFC A6 have the same idea). So retries are paid for by
//! traffic, a token is taken when the retry is *decided* (a retry that waits in its backoff is load already promised), and a
//! night of traffic does not pay for a storm in the morning.
//!
//! **Bound.** Over any interval, withdrawals less what was given back are at most percent/100 × the deposits of that interval and
//! of one window before it, plus floor_per_second × (interval + window). A call counts when its atomic takes effect.
//!
//! **How it is kept.** Think of the supply as one line that only grows, S(t) = deposits + floor · time, in hundredths of a
//! retry. `spent_to` is a point on that line; a withdrawal moves it forward by one retry, from where it stands or from the point
//! where the supply stood a window ago, E(t), whichever is further, and never past S(t). Every withdrawal thus takes a piece of
//! the line that nobody else took and that is at most a window old; a give-back moves the point back by at most what it gives.
//! Summed over an interval from a to b, one hundred times the withdrawals less give-backs is at most S(b) − E(a): the bound.
//!
//! **Resolution.** Where the deposits stood a window ago is kept for [`SLICES`] points in time, so a deposit is forgotten between
//! 15/16 of the window and the window after it was made, never later. The floor is exact.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Moment;

#[cfg(test)]
mod tests;

/// Parts of the window that expire one at a time: finer would be forgotten more smoothly and cost more to look through after a
/// pause; a sixteenth is below what anyone would notice.
pub const SLICES: u64 = 16;

/// One retry in the units of the supply, so that a percentage of one deposit is a whole number.
const RETRY: u64 = 100;

/// More than ten retries for each first attempt are no budget; also keeps the supply far from 2^64 in any process's life.
const MAX_PERCENT: u32 = 1000;

/// A floor above this is no floor; keeps the supply far from 2^64 in any process's life (five centuries).
const MAX_FLOOR_PER_SECOND: u32 = 1_000_000;

/// What a budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetRules {
    /// Second attempts for every hundred first ones, at most 1000. Default 20.
    pub percent: u32,
    /// Second attempts a second that need no traffic to pay for them, so that a service with a call a minute can be retried at
    /// all; at most 1,000,000. Default 10.
    pub floor_per_second: u32,
    /// How long a deposit pays, and how much of the floor can be saved up. Default 10 s; at least 16 ns.
    pub window: Duration,
}

impl Default for BudgetRules {
    fn default() -> BudgetRules {
        BudgetRules { percent: 20, floor_per_second: 10, window: Duration::from_secs(10) }
    }
}

/// The budget of one service in one process, shared by all threads. It begins with a window of the floor saved up, so that a
/// process that starts into an outage can retry.
#[derive(Debug)]
pub struct RetryBudget {
    percent: u64,
    floor_per_second: u64,
    window_ns: u64,
    slice_ns: u64,
    deposited: OwnLine,
    spent_to: OwnLine,
    slices: Slices,
}

/// A counter alone on its cache line: deposits, withdrawals and the read-mostly slices must not slow each other down.
#[derive(Debug, Default)]
#[repr(align(64))]
struct OwnLine(AtomicU64);

/// Where the deposits stood when each slice began.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slices {
    /// When the newest slice ends, in nanoseconds: the only thing a deposit looks at.
    end_ns: AtomicU64,
    /// Deposits when slice i began, at i modulo [`SLICES`].
    began_at: [AtomicU64; SLICES as usize],
}

impl RetryBudget {
    /// A budget under `rules`; values beyond their limits count as the limits.
    pub fn new(rules: &BudgetRules) -> RetryBudget {
        let window_ns = u64::try_from(rules.window.as_nanos()).unwrap_or(u64::MAX).max(SLICES);
        let slice_ns = window_ns / SLICES;
        RetryBudget {
            percent: u64::from(rules.percent.min(MAX_PERCENT)),
            floor_per_second: u64::from(rules.floor_per_second.min(MAX_FLOOR_PER_SECOND)),
            window_ns,
            slice_ns,
            deposited: OwnLine::default(),
            spent_to: OwnLine::default(),
            slices: Slices { end_ns: AtomicU64::new(slice_ns), ..Slices::default() },
        }
    }

    /// A first attempt begins. One relaxed atomic addition; once a slice, whoever comes first also closes the slice before.
    #[inline]
    pub fn deposit(&self, now: Moment) {
        self.turn(now);
        self.deposited.0.fetch_add(self.percent, Ordering::Relaxed);
    }

    /// Takes one retry or hedge out of the budget; false when there is none, and then none must be sent. Lock-free: it tries
    /// again only when another thread's withdrawal or give-back came between.
    pub fn try_withdraw(&self, now: Moment) -> bool {
        let (forgotten, supply) = self.line(now);
        // Relaxed is enough: all that must hold is that each step of this one word starts where the last ended, and `supply`
        // may only be too small, never too large.
        let step = |spent_to: u64| {
            let to = spent_to.max(forgotten).saturating_add(RETRY);
            (to <= supply).then_some(to)
        };
        self.spent_to.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }

    /// Returns one withdrawal whose attempt was never sent, because the caller went away during the backoff. What it was paid
    /// with may have been forgotten by now; then nothing returns.
    pub fn give_back(&self) {
        // Saturating, so that a give-back without a withdrawal cannot wrap round to a budget that is never used up.
        let step = |spent_to: u64| Some(spent_to.saturating_sub(RETRY));
        let _ = self.spent_to.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
    }

    /// Whole retries that could be withdrawn now.
    pub fn left(&self, now: Moment) -> u64 {
        let (forgotten, supply) = self.line(now);
        supply.saturating_sub(self.spent_to.0.load(Ordering::Relaxed).max(forgotten)) / RETRY
    }

    /// The two ends of what can be spent now: E(now) and S(now), rounded inwards.
    fn line(&self, now: Moment) -> (u64, u64) {
        self.turn(now);
        // The newest slice any thread has seen counts, also for a thread whose `now` is a little older. Acquire pairs with the
        // release in `begin`: the slices up to this one are written.
        let newest = self.slices.end_ns.load(Ordering::Acquire) / self.slice_ns - 1;
        // Before the first full window the slot belongs to no slice yet and holds the zero that is right.
        let oldest = newest.wrapping_add(1) % SLICES;
        let forgotten = self.slices.began_at[oldest as usize].load(Ordering::Relaxed);
        let deposited = self.deposited.0.load(Ordering::Relaxed);
        // A window is added to both ends, so that the line begins with a window of the floor that is not forgotten.
        let floor_to = self.floor(now.nanos().saturating_add(self.window_ns)) / NANOS;
        let floor_from = self.floor(now.nanos()).div_ceil(NANOS);
        (forgotten.saturating_add(clamp(floor_from)), deposited.saturating_add(clamp(floor_to)))
    }

    /// The floor's supply of `nanos`, in units times a billion.
    fn floor(&self, nanos: u64) -> u128 {
        u128::from(nanos) * u128::from(self.floor_per_second * RETRY)
    }

    #[inline]
    fn turn(&self, now: Moment) {
        if now.nanos() >= self.slices.end_ns.load(Ordering::Relaxed) {
            self.begin(now.nanos() / self.slice_ns);
        }
    }

    /// Begins `slice`, and all between it and the newest one, in which nothing was deposited. Several threads may do so at once:
    /// each writes where the deposits stood at a moment when its clock had already reached `slice`, which is never too low. The
    /// maximum keeps a thread that was suspended in here from turning back a slot that was since used again.
    #[cold]
    fn begin(&self, slice: u64) {
        let deposited = self.deposited.0.load(Ordering::Relaxed);
        let newest = self.slices.end_ns.load(Ordering::Acquire) / self.slice_ns - 1;
        let first = (newest + 1).max(slice.saturating_sub(SLICES - 1));
        for each in first..=slice {
            self.slices.began_at[(each % SLICES) as usize].fetch_max(deposited, Ordering::Relaxed);
        }
        let end_ns = slice.saturating_add(1).saturating_mul(self.slice_ns);
        self.slices.end_ns.fetch_max(end_ns, Ordering::Release);
    }
}

const NANOS: u128 = 1_000_000_000;

/// Supplies beyond 2^64 are reached after five centuries at the greatest floor.
fn clamp(units: u128) -> u64 {
    u64::try_from(units).unwrap_or(u64::MAX)
}
