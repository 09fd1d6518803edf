//! What a namespace may take: how much it keeps, and how fast it asks. Nothing of it is bounded but what its service says in `tenet.toml`.
//!
//! ```text
//!   any call ─▶ Rates::begin: one request, and nothing owed of the bytes a second ──▶ refused at once, with the time to wait
//!   a write  ─▶ Rates::spend its bytes ─▶ Room: fits what was measured, and what was written since? ─▶ measured anew where it may not ─▶ refused
//!   a read   ─▶ … ─▶ Rates::spend the bytes of the answer
//! ```
//!
//! A call finds the quota of its namespace in the collection it names and touches a few atomics of it; nothing is waited for. Only where a write may not fit
//! is the engine asked how much there is, by one for all who wait. What only removes always fits.

mod page;
mod rate;
mod registry;
mod room;
#[cfg(test)]
mod tests;

pub use rate::Rate;
pub use registry::Quotas;
pub(crate) use registry::measure;
pub(crate) use room::{Amount, As};

use crate::name::Name;
use room::Room;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tenet_resilience::Moment;

/// What a namespace may take. `None`: as much as there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of keys and values, long values included, without indexes.
    pub bytes: Option<u64>,
    /// Items.
    pub items: Option<u64>,
    /// Requests a second, of all processes of the store together.
    pub requests: Option<u64>,
    /// Requests at once; `None`: as many as in a second.
    pub burst: Option<u64>,
    /// Bytes of keys and values a second that are written and read, of all processes together. At once, as many as in a second.
    pub bytes_per_second: Option<u64>,
}

/// Which of its limits a namespace has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::bytes`].
    Bytes,
    /// [`Limits::items`].
    Items,
    /// [`Limits::requests`].
    Requests,
    /// [`Limits::bytes_per_second`].
    BytesPerSecond,
}

impl Limit {
    /// All, in the order of their numbers.
    pub(crate) const ALL: [Limit; 4] = [Limit::Bytes, Limit::Items, Limit::Requests, Limit::BytesPerSecond];

    /// As `tenet.toml` and the metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Bytes => "bytes",
            Limit::Items => "items",
            Limit::Requests => "requests",
            Limit::BytesPerSecond => "bytes_per_second",
        }
    }
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It asks too fast.
    Rate {
        /// Which limit.
        limit: Limit,
        /// What it allows a second, of all processes together.
        allowed: u64,
        /// After this there is room again.
        wait: Duration,
    },
    /// It keeps too much.
    Size {
        /// Which limit.
        limit: Limit,
        /// What it allows.
        allowed: u64,
        /// How much there is.
        used: u64,
    },
}

impl PartialEq for Quota {
    /// Whether it is the same one.
    fn eq(&self, other: &Quota) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Quota {}

/// The quota of one namespace in one process.
#[derive(Debug)]
pub struct Quota {
    name: Name,
    requests: Rate,
    bytes: Rate,
    room: Room,
    /// Calls that began, and bytes that were read and written.
    asked: AtomicU64,
    moved: AtomicU64,
    refused: [AtomicU64; Limit::ALL.len()],
    /// Held while the engine is asked how much there is: others who want to know wait for its answer.
    measuring: tokio::sync::Mutex<()>,
}

impl Quota {
    /// Without limits.
    pub fn new(name: Name) -> Quota {
        Quota {
            name,
            requests: Rate::default(),
            bytes: Rate::default(),
            room: Room::default(),
            asked: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            refused: Default::default(),
            measuring: tokio::sync::Mutex::default(),
        }
    }

    /// Whose it is.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Holds from the next call on, in each of so many processes.
    pub(crate) fn set(&self, limits: Limits, processes: u32) {
        let processes = u64::from(processes.max(1));
        let burst = limits.burst.or(limits.requests);
        self.requests.set(limits.requests.unwrap_or(0), burst.unwrap_or(0), processes);
        let rate = limits.bytes_per_second.unwrap_or(0);
        self.bytes.set(rate, rate, processes);
        self.room.set(limits.bytes, limits.items);
    }

    /// A call begins.
    ///
    /// # Errors
    /// It came too fast, or too much was read and written before.
    pub fn begin(&self, now: Moment) -> Result<(), Over> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let owed = self.bytes.owed(now);
        if !owed.is_zero() {
            return Err(Quota::over_rate(Limit::BytesPerSecond, &self.bytes, owed));
        }
        self.requests.take(now).map_err(|wait| Quota::over_rate(Limit::Requests, &self.requests, wait))
    }

    /// One more of a call that was let in, which is owed: refused, a call of more than may come at once would never be let in.
    pub fn also(&self, now: Moment) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.requests.spend(1, now);
    }

    /// So many bytes are written, or were read.
    pub fn spend(&self, bytes: u64, now: Moment) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
        self.bytes.spend(bytes, now);
    }

    /// How long who streams has to wait until it may go on.
    pub fn owed(&self, now: Moment) -> Duration {
        self.bytes.owed(now)
    }

    /// A call is refused.
    pub fn count(&self, over: &Over) {
        let (Over::Rate { limit, .. } | Over::Size { limit, .. }) = over;
        self.refused[*limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn over_rate(limit: Limit, rate: &Rate, wait: Duration) -> Over {
        Over::Rate { limit, allowed: rate.allowed(), wait }
    }
}

/// What was let in: under way until this is dropped.
#[derive(Debug)]
pub(crate) struct LetIn {
    quota: Arc<Quota>,
    amount: Amount,
    what: As,
}

impl LetIn {
    fn new(quota: &Arc<Quota>, amount: Amount, what: As) -> LetIn {
        quota.room.begin(amount, what);
        LetIn { quota: quota.clone(), amount, what }
    }
}

impl Drop for LetIn {
    fn drop(&mut self) {
        self.quota.room.end(self.amount, self.what);
    }
}
