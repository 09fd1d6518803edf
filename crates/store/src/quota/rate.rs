//! How fast: so many a second, so many at once, shared by all threads of a process.
//!
//! A point on the line of time says until when everything that was taken is paid for (the *theoretical arrival time* of the generic cell rate algorithm,
//! ITU-T I.371): what is taken moves it on by its price, and it is never behind now. It may be ahead of now by what may be taken at once.
//!
//! **Bound.** Of what is [taken](Rate::take) by any number of threads in any time t, at most burst + rate · t. Of what is [spent](Rate::spend) without asking,
//! that and what those spent who had begun when the last of it was gone: a call is let in while nothing is [owed](Rate::owed). Divided among n processes, all of them
//! together stay within it, because each has an n-th of both, but one at once at least; a caller that uses one process alone has an n-th.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tenet_resilience::Moment;

const SECOND_NS: u128 = 1_000_000_000;

/// A bound on a rate. Lock-free: it tries again only where another thread's taking came between.
#[derive(Debug, Default)]
pub struct Rate {
    /// A second, of all processes together; 0: no bound.
    rate: AtomicU64,
    /// At once, of all processes together.
    burst: AtomicU64,
    processes: AtomicU64,
    /// In nanoseconds, until when what was taken is paid for.
    paid: AtomicU64,
}

impl Rate {
    /// Changes the bound, for all that is taken from now on. A rate of 0 is none. What was taken by another bound is paid for: it was
    /// priced by that one, and who raises it means at once.
    pub fn set(&self, rate: u64, burst: u64, processes: u64) {
        let before = self.processes.swap(processes.max(1), Ordering::Relaxed);
        self.burst.store(burst, Ordering::Relaxed);
        if self.rate.swap(rate, Ordering::Relaxed) != rate || before != processes.max(1) {
            self.paid.store(0, Ordering::Release);
        }
    }

    /// What it allows a second, of all processes together.
    pub fn allowed(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long to wait until it can be taken.
    pub fn take(&self, now: Moment) -> Result<(), Duration> {
        let rate = self.allowed();
        if rate == 0 {
            return Ok(());
        }
        // Up to here may be paid for, by itself and this one.
        let most = now.nanos().saturating_add(self.room(rate));
        let price = self.price(1, rate);
        let after = |paid: u64| paid.max(now.nanos()).saturating_add(price);
        let take = |paid: u64| Some(after(paid)).filter(|after| *after <= most);
        let taken = self.paid.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.map(drop).map_err(|paid| Duration::from_nanos(after(paid) - most))
    }

    /// Takes `count` that cannot be refused any more.
    pub fn spend(&self, count: u64, now: Moment) {
        let rate = self.allowed();
        if rate == 0 || count == 0 {
            return;
        }
        let price = self.price(count, rate);
        let spend = |paid: u64| Some(paid.max(now.nanos()).saturating_add(price));
        // It never says no.
        let _ = self.paid.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend);
    }

    /// How long until less than what may be at once is spent. Zero: now.
    pub fn owed(&self, now: Moment) -> Duration {
        let rate = self.allowed();
        if rate == 0 {
            return Duration::ZERO;
        }
        let paid = self.paid.load(Ordering::Acquire);
        Duration::from_nanos(paid.saturating_sub(now.nanos().saturating_add(self.room(rate))))
    }

    /// What `count` take of the time of this process; rounded up, so that the bound holds.
    fn price(&self, count: u64, rate: u64) -> u64 {
        let processes = self.processes.load(Ordering::Relaxed).max(1);
        let nanos = (u128::from(count) * SECOND_NS * u128::from(processes)).div_ceil(u128::from(rate));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// How far ahead of now may be paid for. A part of a burst that is less than one would let nobody in.
    fn room(&self, rate: u64) -> u64 {
        let nanos = u128::from(self.burst.load(Ordering::Relaxed)) * SECOND_NS / u128::from(rate);
        u64::try_from(nanos).unwrap_or(u64::MAX).max(self.price(1, rate))
    }
}
