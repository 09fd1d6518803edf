//! The attempts of one call: when another one begins, and when none may.
//!
//! ```text
//!            sent                      silent for long: second()
//!   begin ───────▶ one attempt runs ─────────────────────────────▶ two attempts run
//!                    │        ▲                                        │ the first answer wins
//!            ended() │        │ Retry { at }: time, budget and          │ one fails: Wait for the other
//!                    ▼        │ allowance are there                     ▼
//!                  Next ──────┘                                  the call is over
//!                    └────────▶ GiveUp: the failure is the call's
//! ```
//!
//! What may be repeated: an attempt that provably did nothing, whatever the method; anything else only where running it twice
//! is running it once (RFC 9110 §9.2.2, `idempotency_level`, an Idempotency-Key) and the catalogue calls the failure one of the
//! instance that may pass. What it costs: an attempt that never left costs nothing; every other repetition costs one token of the
//! service's budget and one of the tree's allowance, both taken when it is decided, so that what waits in back-off is counted.
//!
//! The same machine is driven by the pools of `tenet-upstream` and by the simulation.

mod refusal;

pub use refusal::NOT_RUN;

use crate::Moment;
use crate::allowance::Allowance;
use crate::backoff::Backoff;
use crate::budget::RetryBudget;
use std::time::Duration;

/// Times that one call is sent again although nothing of it ever left or ran, before that too counts as a failure: more is an
/// instance set that cannot be connected to, and the next call will find it so.
const FREE_MAX: u32 = 8;

/// How the calls of one service are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRules {
    /// Most attempts of one call, the first included; 1 turns repetition off.
    pub attempts: u32,
    /// The pause before a repetition.
    pub backoff: Backoff,
    /// A second attempt does not begin earlier than this after the first, however fast the service usually is.
    pub hedge_min: Duration,
    /// Whether a repeatable call whose attempt is silent at half of its time gets a second attempt.
    pub halfway: bool,
}

impl Default for CallRules {
    fn default() -> CallRules {
        CallRules {
            attempts: 3,
            backoff: Backoff { base: Duration::from_millis(25), max: Duration::from_secs(1) },
            hedge_min: Duration::from_millis(2),
            halfway: true,
        }
    }
}

/// What one call allows.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether running it twice is running it once.
    pub idempotent: bool,
    /// Whether its body can be sent a second time while the first is still being sent.
    pub copyable: bool,
    /// The live quantile after which a second attempt begins, where the method asks for it and the quantile is known.
    pub hedge_after: Option<Duration>,
    /// When it must be over.
    pub deadline: Moment,
}

/// What repetitions are paid from.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// Of the service, shared by the process.
    pub budget: &'a RetryBudget,
    /// Of the call tree.
    pub allowance: &'a Allowance,
    /// What an attempt usually takes; one that would end past the deadline is not begun.
    pub typical: Duration,
}

/// How an attempt ended without an answer that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Not a byte reached an instance that could have acted on it.
    NeverLeft,
    /// The instance says that it did nothing (REFUSED_STREAM, GOAWAY, a refusal of its admission).
    NotRun(Pushback),
    /// It may have run, and the catalogue says that another try may help.
    Failed(Pushback),
    /// Another try does not help.
    Final,
}

/// What the instance said about trying again (`grpc-retry-pushback-ms`, gRFC A6; `Retry-After`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pushback {
    /// Nothing.
    #[default]
    None,
    /// Not before this has passed.
    After(Duration),
    /// Not at all.
    Never,
}

/// What to do after an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Begin another attempt at this moment, at another instance. It is paid for: one that is not begun after all is given back by
    /// [`Call::abandon`].
    Retry {
        /// When; not in the past.
        at: Moment,
    },
    /// Another attempt of this call still runs.
    Wait,
    /// The failure is the call's.
    GiveUp(Option<RefusedBy>),
}

/// Why a repetition that would have been right was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedBy {
    /// The service's budget is used up.
    Budget,
    /// The call tree's allowance is used up.
    Allowance,
    /// No attempt can end before the deadline.
    Deadline,
    /// The instance forbade it.
    Pushback,
}

impl RefusedBy {
    /// All of them, in the order of their discriminants.
    pub const ALL: [RefusedBy; 4] =
        [RefusedBy::Budget, RefusedBy::Allowance, RefusedBy::Deadline, RefusedBy::Pushback];

    /// The word used in metrics.
    pub fn word(self) -> &'static str {
        match self {
            RefusedBy::Budget => "budget",
            RefusedBy::Allowance => "allowance",
            RefusedBy::Deadline => "deadline",
            RefusedBy::Pushback => "pushback",
        }
    }
}

/// The attempts of one call.
#[derive(Clone, Debug)]
pub struct Call {
    rules: CallRules,
    terms: Terms,
    /// Attempts begun that cost something: the first, and each repetition that was paid for.
    begun: u32,
    /// Attempts that cost nothing because nothing of them ran.
    free: u32,
    running: u32,
    /// When a second attempt begins because the first is slower than nearly all are.
    hedge_at: Option<Moment>,
    /// When it begins because half of the time is over.
    halfway_at: Option<Moment>,
    /// A paid repetition that has not begun yet.
    owed: bool,
}

impl Call {
    /// A call whose first attempt begins `now`.
    pub fn begin(rules: &CallRules, terms: Terms, now: Moment) -> Call {
        let mut call = Call {
            rules: *rules,
            terms,
            begun: 1,
            free: 0,
            running: 1,
            hedge_at: None,
            halfway_at: None,
            owed: false,
        };
        call.arm(now);
        call
    }

    /// Attempts that were begun and paid for, the first included.
    pub fn attempts(&self) -> u32 {
        self.begun
    }

    /// When [`second`](Self::second) should be asked, unless the call ends before.
    pub fn second_at(&self) -> Option<Moment> {
        if self.running != 1 {
            return None;
        }
        match (self.hedge_at, self.halfway_at) {
            (Some(hedge), Some(halfway)) => Some(hedge.min(halfway)),
            (one, other) => one.or(other),
        }
    }

    /// A second attempt beside the one that is silent: whether it may begin, now. Either way it is not asked again before
    /// [`second_at`](Self::second_at) says so anew.
    ///
    /// # Errors
    /// What it would have needed.
    pub fn second(&mut self, now: Moment, means: Means<'_>) -> Result<(), RefusedBy> {
        self.hedge_at = self.hedge_at.filter(|at| *at > now);
        self.halfway_at = self.halfway_at.filter(|at| *at > now);
        self.pay(now, now, means)?;
        self.begun += 1;
        self.running += 1;
        if self.begun >= self.rules.attempts {
            // Should one of the two fail, the other is not given a third.
            (self.hedge_at, self.halfway_at) = (None, None);
        }
        Ok(())
    }

    /// A second attempt that was allowed found no instance to go to.
    pub fn unplaced(&mut self, means: Means<'_>) {
        self.running -= 1;
        self.begun -= 1;
        refund(means);
    }

    /// An attempt has ended; `repeatable` says whether the body can still be sent from its beginning.
    pub fn ended(
        &mut self,
        now: Moment,
        ended: Ended,
        repeatable: bool,
        means: Means<'_>,
        random: u64,
    ) -> Next {
        self.running -= 1;
        let pushback = match ended {
            Ended::Final => return Next::GiveUp(None),
            _ if self.running > 0 => return Next::Wait,
            _ if !repeatable => return Next::GiveUp(None),
            Ended::NeverLeft => {
                self.free += 1;
                return if self.free <= FREE_MAX { self.retry(now) } else { Next::GiveUp(None) };
            }
            Ended::Failed(_) if !self.terms.idempotent => return Next::GiveUp(None),
            Ended::NotRun(pushback) | Ended::Failed(pushback) => pushback,
        };
        if self.begun >= self.rules.attempts {
            return Next::GiveUp(None);
        }
        let pause = match pushback {
            Pushback::Never => return Next::GiveUp(Some(RefusedBy::Pushback)),
            // It is that instance that wants to be left alone, and the next attempt goes to another one.
            Pushback::After(_) if matches!(ended, Ended::NotRun(_)) => {
                self.rules.backoff.pause(self.begun, random)
            }
            Pushback::After(pause) => pause,
            Pushback::None => self.rules.backoff.pause(self.begun, random),
        };
        match self.pay(now, now.plus(pause), means) {
            Ok(()) => {
                self.begun += 1;
                self.owed = true;
                self.retry(now.plus(pause))
            }
            Err(refused) => Next::GiveUp(Some(refused)),
        }
    }

    /// The repetition that [`Next::Retry`] asked for begins now.
    pub fn again(&mut self, now: Moment) {
        self.owed = false;
        self.arm(now);
    }

    /// The repetition that [`Next::Retry`] asked for is not begun: its caller went away, or nobody can take it.
    pub fn abandon(&mut self, means: Means<'_>) {
        if std::mem::take(&mut self.owed) {
            refund(means);
        }
    }

    fn retry(&mut self, at: Moment) -> Next {
        self.running += 1;
        Next::Retry { at }
    }

    /// One more attempt that begins at `at` and must be able to end in time.
    fn pay(&self, now: Moment, at: Moment, means: Means<'_>) -> Result<(), RefusedBy> {
        if at.plus(means.typical) >= self.terms.deadline {
            return Err(RefusedBy::Deadline);
        }
        if !means.budget.try_withdraw(now) {
            return Err(RefusedBy::Budget);
        }
        if !means.allowance.try_spend() {
            means.budget.give_back();
            return Err(RefusedBy::Allowance);
        }
        Ok(())
    }

    /// Sets when a second attempt beside the one that begins `now` would begin.
    fn arm(&mut self, now: Moment) {
        let possible = self.terms.idempotent && self.terms.copyable && self.begun < self.rules.attempts;
        let half = self.terms.deadline.since(now) / 2;
        let after = self.terms.hedge_after.map(|after| after.max(self.rules.hedge_min));
        self.hedge_at = after.filter(|_| possible).map(|after| now.plus(after));
        self.halfway_at = (possible && self.rules.halfway && !half.is_zero()).then(|| now.plus(half));
    }
}

fn refund(means: Means<'_>) {
    means.budget.give_back();
    means.allowance.put_back();
}

#[cfg(test)]
mod tests;
