//! What one call asks for, beside its request.

use crate::MethodHandle;
use tenet_resilience::allowance::Allowance;
use tokio::time::Instant;

/// What the answers to a call mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// `grpc-status` says how a call ended; the HTTP status is 200.
    Grpc,
    /// The HTTP status says it.
    Http,
}

/// The terms of one call.
#[derive(Clone, Debug)]
pub struct CallTerms {
    /// When the answer must be there: its head, or all of it for [`Pool::call_whole`](crate::Pool::call_whole).
    pub deadline: Instant,
    /// Whether the time left is told to the instance, as `grpc-timeout` of each attempt.
    pub tell_deadline: bool,
    /// What its answers mean.
    pub meaning: Meaning,
    /// Whether running it twice is running it once: by `idempotency_level`, by its HTTP method, or by an Idempotency-Key.
    pub idempotent: bool,
    /// Set where the method asks for a second attempt once the first takes longer than nearly all do.
    pub hedge: Option<MethodHandle>,
    /// What chooses the instance by consistent hashing, where the method names a field for it.
    pub affinity: Option<u64>,
    /// What the call tree may still spend on repetitions; each attempt carries a share of it in its baggage.
    pub allowance: Allowance,
}

impl CallTerms {
    /// A plain HTTP call that may not be repeated once it may have run.
    pub fn new(deadline: Instant) -> CallTerms {
        CallTerms {
            deadline,
            tell_deadline: false,
            meaning: Meaning::Http,
            idempotent: false,
            hedge: None,
            affinity: None,
            allowance: Allowance::new(0),
        }
    }
}
