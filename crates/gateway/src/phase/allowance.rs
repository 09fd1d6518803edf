//! What a request's call tree may spend on repetitions: given anew at the public door, carried between services.
//!
//! | who calls | what it may spend |
//! |---|---|
//! | a stranger | the whole allowance: a tree begins here, whatever its baggage says |
//! | a service whose SDK divides | what it was given for this call |
//! | a service that copies baggage | its share of what is left at the gateway that called it; nothing at another gateway |
//! | a service that does something of its own accord, and says so | the whole allowance: a tree begins here |
//! | a service without trace context | the whole allowance: nobody called it, a tree begins here |
//! | a service with trace context and without an allowance | nothing: it lost what it was given |

use crate::exchange::Head;
use crate::program::{Door, Program};
use crate::worker::Worker;
use http::{HeaderMap, HeaderName, HeaderValue};
use tenet_resilience::allowance::baggage::{self, Carried};
use tenet_resilience::allowance::{Allowance, EntryId, MAX, SPENT};
use tenet_telemetry::CounterId;

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What the tree below an answer spent, for the service that called.
const RETRIES_SPENT: HeaderName = HeaderName::from_static(SPENT);

/// What one request may spend, and where it came from.
pub struct Tree {
    /// What is left of it.
    pub allowance: Allowance,
    /// Taken from a place that several calls share.
    shared: Option<(EntryId, u32)>,
    /// Whether it begins here: then this process knows what all of it spent.
    begins: bool,
    /// Whether the caller divides what it has: then it has to hear also that nothing was spent, or it must take it that all was.
    divided: bool,
}

impl Tree {
    /// The tree of a request through `door`.
    pub fn begin(worker: &Worker, program: &Program, door: Door, head: &Head) -> Tree {
        let anew = || Tree { begins: true, ..Tree::of(program.allowance) };
        if door == Door::Public {
            return anew();
        }
        let text = head.headers.get(BAGGAGE).and_then(|value| value.to_str().ok());
        match text.and_then(baggage::read) {
            Some(Carried::Whole) => anew(),
            Some(Carried::Exclusive(amount)) => Tree { divided: true, ..Tree::of(amount) },
            Some(Carried::Shared { id, .. }) => {
                let taken = worker.process.upstream.ledger().take(id, MAX);
                Tree { shared: Some((id, taken)), ..Tree::of(taken) }
            }
            None if head.headers.contains_key(TRACEPARENT) => Tree::of(0),
            None => anew(),
        }
    }

    fn of(amount: u32) -> Tree {
        Tree { allowance: Allowance::new(amount), shared: None, begins: false, divided: false }
    }

    /// Counts the tree once it is over, where it began here: what it spent at this gateway and below. What was granted to attempts that
    /// did not tell, because they broke or nobody waited for them, is spent. A call that made no attempt has no tree.
    pub fn count(&self, worker: &Worker, attempts: u32) {
        if !self.begins {
            return;
        }
        let extra = self.allowance.close();
        if attempts > 0 || extra > 0 {
            worker.count(CounterId::TreeCalls, 1);
            worker.count(CounterId::TreeExtraAttempts, extra.into());
        }
    }

    /// Ends it: nothing can be spent any more. What was spent is said in `fields` where the caller is a service, and what was not
    /// goes back to where it was taken.
    pub fn end(&self, worker: &Worker, door: Door, fields: &mut HeaderMap) {
        if door == Door::Public {
            return;
        }
        let spent = self.allowance.close();
        if let Some((id, taken)) = self.shared {
            worker.process.upstream.ledger().put_back(id, taken.saturating_sub(spent));
        }
        if spent > 0 || self.divided {
            fields.insert(RETRIES_SPENT, HeaderValue::from(spent));
        }
    }
}
