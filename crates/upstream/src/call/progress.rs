//! How far a call came; readable from outside when its time is over.

use crate::CallError;
use std::cell::Cell;
use std::time::Duration;
use tenet_error::Failure;

/// How far a call came.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    zone: Cell<Option<u16>>,
    /// Attempts that were sent and have not provably done nothing.
    may_have_run: Cell<u32>,
    sent: Cell<u32>,
    late: Cell<bool>,
    hedged: Cell<bool>,
    hedge_won: Cell<bool>,
    /// What the attempt that won the race took.
    won_in: Cell<Option<Duration>>,
}

/// What one call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Attempts of which something was sent.
    pub attempts: u32,
    /// Whether a second attempt began beside a silent first one.
    pub hedged: bool,
    /// Whether that one answered first.
    pub hedge_won: bool,
}

impl Progress {
    /// An instance was chosen.
    pub(crate) fn chose(&self, zone: u16) {
        self.zone.set(Some(zone));
    }

    /// An attempt was sent.
    pub(crate) fn sent(&self) {
        self.sent.set(self.sent.get() + 1);
        self.may_have_run.set(self.may_have_run.get() + 1);
    }

    /// An attempt that was sent provably did nothing.
    pub(crate) fn never_ran(&self) {
        self.may_have_run.set(self.may_have_run.get().saturating_sub(1));
    }

    /// The call's time is over: what still runs is given up for that.
    pub(crate) fn set_late(&self) {
        self.late.set(true);
    }

    pub(crate) fn is_late(&self) -> bool {
        self.late.get()
    }

    /// A second attempt begins beside the first.
    pub(crate) fn set_hedged(&self) {
        self.hedged.set(true);
    }

    /// The second attempt answered first.
    pub(crate) fn set_hedge_won(&self) {
        self.hedge_won.set(true);
    }

    /// One of two attempts answered well, in this time; the other is given up.
    pub(crate) fn set_won(&self, latency: Duration) {
        self.won_in.set(Some(latency));
    }

    /// What the attempt that won took, once one has.
    pub(crate) fn won_in(&self) -> Option<Duration> {
        self.won_in.get()
    }

    pub(crate) fn effort(&self) -> Effort {
        Effort { attempts: self.sent.get(), hedged: self.hedged.get(), hedge_won: self.hedge_won.get() }
    }

    pub(crate) fn error(&self, failure: Failure) -> CallError {
        CallError { failure, sent: self.may_have_run.get() > 0, zone: self.zone.get(), effort: self.effort() }
    }

    /// What was waited for, for the log.
    pub(crate) fn stage(&self) -> &'static str {
        match (self.zone.get(), self.may_have_run.get() > 0) {
            (None, _) => "before an instance was chosen",
            (_, false) => "while waiting for a connection",
            (_, true) => "while waiting for the answer's head",
        }
    }
}
