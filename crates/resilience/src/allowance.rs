//! The retry allowance: how many extra attempts one call at the edge may cause in its whole tree, divided and never copied.
//!
//! ```text
//!                         edge call, allowance 3
//!                           gateway   left 3
//!                              │ grant 2 ─────────────────────────┐ keeps 1: may repeat this very call once
//!                              ▼                                  │
//!                         timeline    left 2                      │
//!              grant 1 ┌───────┴───────┐ grant 0 (of 1 left)      │
//!                      ▼               ▼                          │
//!                  accounts         payments                      │
//!                  left 1           left 0: no retry here         │
//!                  spends 1                                       │
//!              "spent 1" └──▶ timeline: "spent 1" ────────────────┘ gateway: 1 of the 2 comes back, left 2
//! ```
//!
//! Retries at every layer multiply: three layers with three attempts each are 27 calls at the leaf (Google SRE book, "Addressing
//! Cascading Failures"). A budget bounds that on average for a process; the allowance bounds it for each single call.
//!
//! **Hard ceiling.** Whatever the interleaving, extra attempts anywhere in the tree are at most the allowance at its root. What is
//! granted leaves the parent's count at once and comes back only when the child says what it did not use; a child that says
//! nothing has used all of it. A parent that reports ends with that ([`Allowance::close`]): what it gives back to *its* parent it
//! can no longer spend.
//!
//! A child learns of its grant from the W3C baggage ([`baggage`]) and reports in the response field [`SPENT`]. Services that
//! copy baggage instead of dividing it get their share through a [`Ledger`] of the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub mod baggage;
mod ledger;
mod spent;

#[cfg(test)]
mod tests;

pub use ledger::{Entry, EntryId, Ledger, SLOTS};
pub use spent::{SHARE, SPENT, read_spent};

/// Extra attempts of a call tree where the configuration says nothing else: one for each hop of a chain of three calls, see
/// [`share`].
pub const DEFAULT: u32 = 3;

/// The most extra attempts a tree can have; larger numbers, also those a peer sends, count as this. More than this is no
/// failure handling but load, and a slot of the [`Ledger`] counts in eight bits.
pub const MAX: u32 = 64;

/// Set once the call has reported: nothing is spent, granted or taken back any more. The other bits stay for [`Allowance::spent`].
const CLOSED: u32 = 1 << 31;

/// What a child call is granted when its parent has `left`: half, rounded up, but never the last one.
///
/// The last one stays because the parent can always use it (to repeat the call, should the child's instance die and with it
/// everything it was granted), while a child that makes no calls of its own has no use for it. Rounded up, because what the
/// child does not need comes back, and a retry next to the fault repeats the least work. [`DEFAULT`] leaves one for each of the
/// three hops in a chain: 3 keeps 1 and grants 2, 2 keeps 1 and grants 1, 1 keeps 1.
pub const fn share(left: u32) -> u32 {
    let half = left.div_ceil(2);
    if half == left { left.saturating_sub(1) } else { half }
}

/// What one call may still spend on extra attempts, its own and those it grants to its children. Clones are the same allowance.
#[derive(Clone, Debug)]
pub struct Allowance {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    total: u32,
    /// What is neither spent nor granted, and [`CLOSED`].
    left: AtomicU32,
}

impl Allowance {
    /// An allowance of `total` extra attempts, at most [`MAX`].
    pub fn new(total: u32) -> Allowance {
        let total = total.min(MAX);
        Allowance { shared: Arc::new(Shared { total, left: AtomicU32::new(total) }) }
    }

    /// Spends one on a retry or hedge of this call's own. False when nothing is left, and then none must be sent.
    pub fn try_spend(&self) -> bool {
        self.shared.take(|left| (left > 0).then_some(1)) == 1
    }

    /// Returns one that [`Allowance::try_spend`] gave for an attempt which was then not sent. Only for such a one: returning what
    /// was never taken could pass the ceiling while grants are out.
    pub fn put_back(&self) {
        self.shared.put_back(1);
    }

    /// Takes the [`share`] of a child call out of what is left now. Parallel children each get theirs of what the others left.
    pub fn grant(&self) -> Grant {
        let amount = self.shared.take(|left| Some(share(left)));
        Grant { amount, from: Arc::clone(&self.shared) }
    }

    /// What could be spent or granted now.
    pub fn left(&self) -> u32 {
        let left = self.shared.left.load(Ordering::Relaxed);
        if left & CLOSED == 0 { left } else { 0 }
    }

    /// What this call and its children have spent so far. A grant that is not settled counts whole. Not to be reported while
    /// something may still be spent: that is what [`Allowance::close`] is for.
    pub fn spent(&self) -> u32 {
        // Both an unbalanced `put_back` and a race with one could otherwise show less than nothing.
        self.shared.total.saturating_sub(self.shared.left.load(Ordering::Relaxed) & !CLOSED)
    }

    /// Ends the allowance and says what was spent, for the report to this call's own parent. From here on nothing can be spent,
    /// and what children still return stays spent, because the parent has been told that it is.
    pub fn close(&self) -> u32 {
        self.shared.left.fetch_or(CLOSED, Ordering::Relaxed);
        self.spent()
    }
}

// Relaxed throughout: the ceiling is a property of this one word's own sequence of values, and no other memory is published by it.
impl Shared {
    /// Takes what `wanted` of what is left, 0 where it wants nothing.
    fn take(&self, wanted: impl Fn(u32) -> Option<u32>) -> u32 {
        let mut taken = 0;
        let step = |left: u32| {
            if left & CLOSED != 0 {
                return None;
            }
            taken = wanted(left)?.min(left);
            Some(left - taken)
        };
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(_) => taken,
            Err(_) => 0,
        }
    }

    /// Puts back `amount`; how much of it was taken back: nothing once the allowance is closed, and never more than there was.
    fn put_back(&self, amount: u32) -> u32 {
        let step = |left: u32| (left & CLOSED == 0).then(|| (left + amount).min(self.total));
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(before) => amount.min(self.total - before),
            Err(_) => 0,
        }
    }
}

/// The share of one child call. Dropped without [`Grant::settle`] all of it counts as spent.
#[derive(Debug)]
pub struct Grant {
    amount: u32,
    from: Arc<Shared>,
}

impl Grant {
    /// How many extra attempts the child's tree may make.
    pub fn amount(&self) -> u32 {
        self.amount
    }

    /// The child's answer has come: `spent` is what it reported in [`SPENT`], `None` where it reported nothing or was lost, which
    /// counts as all. The rest returns to the parent.
    ///
    /// # Errors
    ///
    /// The child reports more than it was granted. Nothing returns then; the ceiling was broken by a peer, which is to be counted.
    pub fn settle(self, spent: Option<u32>) -> Result<(), Overspent> {
        let spent = spent.unwrap_or(self.amount);
        let rest =
            self.amount.checked_sub(spent).ok_or(Overspent { granted: self.amount, reported: spent })?;
        if rest > 0 {
            self.from.put_back(rest);
        }
        Ok(())
    }
}

/// A child reported more extra attempts than it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overspent {
    /// What it was granted.
    pub granted: u32,
    /// What it says its tree spent.
    pub reported: u32,
}

impl std::fmt::Display for Overspent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "reported {} extra attempts, was granted {}", self.reported, self.granted)
    }
}

impl std::error::Error for Overspent {}
