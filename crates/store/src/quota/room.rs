//! How much is kept: what was measured last, and what was written through this process since.
//!
//! What is written is added as if nothing had been there before, from when it is let in, so the sum is never too small for this process's own writes. Where it says
//! that a write may not fit, the engine is asked, and what is overwritten is no longer counted twice. Its answer stands for what was done before it was asked, not for
//! what was under way. Of a long value that comes in pieces nothing is overwritten before it is whole: it is taken for kept from its first piece on.
//!
//! **Bound.** What passes the limit is what was written since the measurement that a write was let in by: on an engine that says its sizes as they are, since the
//! write came; on one that counts or estimates them, at most [`FRESH`] before that, and what other processes write until the next measurement.

use super::Limit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tenet_resilience::Moment;

/// A measurement of an engine that has to count or estimate is used for so long before another one is made for those who write.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// No limit.
const NONE: u64 = u64::MAX;

/// An amount of what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Of keys and values.
    pub bytes: u64,
    /// Items.
    pub items: u64,
}

/// What became of the question whether something fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    /// It does.
    Yes,
    /// It may not; what is known is too old to say so.
    Measure,
    /// It does not.
    No {
        /// Which limit it would pass.
        limit: Limit,
        /// What that allows.
        allowed: u64,
        /// How much there is.
        used: u64,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: Line,
    items: Line,
    measured: AtomicBool,
    /// When that was asked for, in nanoseconds.
    at: AtomicU64,
}

/// One of the two.
#[derive(Debug)]
struct Line {
    limit: AtomicU64,
    used: AtomicU64,
    /// Of long values that are not whole yet.
    coming: AtomicU64,
    /// Let in, and not done yet.
    under_way: AtomicU64,
    /// Done since the process began; where `used` was measured, up to `counted` of it.
    written: AtomicU64,
    counted: AtomicU64,
}

impl Default for Line {
    fn default() -> Line {
        let zero = || AtomicU64::new(0);
        Line {
            limit: AtomicU64::new(NONE),
            used: zero(),
            coming: zero(),
            under_way: zero(),
            written: zero(),
            counted: zero(),
        }
    }
}

impl Line {
    /// The limit, what there is, and what was written since that was measured.
    fn known(&self) -> (u64, u64, u64) {
        let of = |value: &AtomicU64| value.load(Ordering::Acquire);
        // What is done meanwhile is counted twice rather than not at all.
        let under_way = of(&self.under_way);
        let since = of(&self.written).saturating_sub(of(&self.counted)).saturating_add(under_way);
        (of(&self.limit), of(&self.used).saturating_add(of(&self.coming)), since)
    }
}

/// As what something is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// A write, which may overwrite as much as it brings.
    Write,
    /// The pieces of a long value, which are there beside all else until it is whole.
    Pieces,
}

impl Room {
    pub(super) fn set(&self, bytes: Option<u64>, items: Option<u64>) {
        self.bytes.limit.store(bytes.unwrap_or(NONE), Ordering::Release);
        self.items.limit.store(items.unwrap_or(NONE), Ordering::Release);
    }

    /// Whether how much there is matters to anybody.
    pub(super) fn is_bounded(&self) -> bool {
        self.limits().iter().any(|(_, limit)| limit.is_some())
    }

    pub(super) fn limits(&self) -> [(Limit, Option<u64>); 2] {
        let of = |line: &Line| Some(line.limit.load(Ordering::Acquire)).filter(|limit| *limit != NONE);
        [(Limit::Bytes, of(&self.bytes)), (Limit::Items, of(&self.items))]
    }

    /// How much there was when it was measured last.
    pub(super) fn used(&self) -> Option<Amount> {
        let measured = self.measured.load(Ordering::Acquire);
        measured.then(|| Amount {
            bytes: self.bytes.used.load(Ordering::Relaxed),
            items: self.items.used.load(Ordering::Relaxed),
        })
    }

    fn lines(&self, amount: Amount) -> [(&Line, u64); 2] {
        [(&self.bytes, amount.bytes), (&self.items, amount.items)]
    }

    /// It is let in.
    pub(super) fn begin(&self, amount: Amount, what: As) {
        for (line, amount) in self.lines(amount) {
            match what {
                As::Write => line.under_way.fetch_add(amount, Ordering::AcqRel),
                As::Pieces => line.coming.fetch_add(amount, Ordering::AcqRel),
            };
        }
    }

    /// What was let in is done, or came to nothing.
    pub(super) fn end(&self, amount: Amount, what: As) {
        for (line, amount) in self.lines(amount) {
            match what {
                As::Write => {
                    line.written.fetch_add(amount, Ordering::AcqRel);
                    line.under_way.fetch_sub(amount, Ordering::AcqRel);
                }
                As::Pieces => {
                    line.coming.fetch_sub(amount, Ordering::AcqRel);
                }
            }
        }
    }

    /// Whether `more` fits. It is refused by nothing that was measured before `since`.
    pub(super) fn fits(&self, more: Amount, since: Moment) -> Fits {
        if !self.is_bounded() {
            return Fits::Yes;
        }
        if !self.measured.load(Ordering::Acquire) {
            return Fits::Measure;
        }
        let old = self.at.load(Ordering::Acquire) < since.nanos();
        let lines = [(Limit::Bytes, &self.bytes, more.bytes), (Limit::Items, &self.items, more.items)];
        for (limit, line, more) in lines {
            let (allowed, used, written) = line.known();
            if used.saturating_add(written).saturating_add(more) <= allowed {
                continue;
            }
            if old {
                return Fits::Measure;
            }
            // What was written since then may have overwritten only: it refuses nobody.
            if used.saturating_add(more) > allowed {
                return Fits::No { limit, allowed, used };
            }
        }
        Fits::Yes
    }

    /// Whether it was measured at `since` or later.
    pub(super) fn is_measured_after(&self, since: Moment) -> bool {
        self.measured.load(Ordering::Acquire) && self.at.load(Ordering::Acquire) >= since.nanos()
    }

    /// What is done up to now, before the engine is asked how much there is.
    pub(super) fn begin_measure(&self) -> Amount {
        Amount {
            bytes: self.bytes.written.load(Ordering::Acquire),
            items: self.items.written.load(Ordering::Acquire),
        }
    }

    /// The engine's answer to a question that was asked at `at`, when `written` was done.
    pub(super) fn measured(&self, found: Amount, written: Amount, at: Moment) {
        for (line, used, written) in
            [(&self.bytes, found.bytes, written.bytes), (&self.items, found.items, written.items)]
        {
            line.used.store(used, Ordering::Release);
            line.counted.store(written, Ordering::Release);
        }
        self.at.store(at.nanos(), Ordering::Release);
        self.measured.store(true, Ordering::Release);
    }
}
