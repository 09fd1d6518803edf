//! What a request's call tree may spend on repetitions: given anew at the public door, carried between services.
//!
//! | who calls | what it may spend |
//! |---|---|
//! | a stranger | the whole allowance: a tree begins here, whatever its baggage says |
//! | a service whose SDK divides | what it was given for this call |
//! | a service that copies baggage | its share of what is left at the gateway that called it; nothing at another gateway |
//! | a service without trace context | the whole allowance: nobody called it, a tree begins here |
//! | a service with trace context and without an allowance | nothing: it lost what it was given |

use crate::exchange::Head;
use crate::program::{Door, Program};
use crate::worker::Worker;
use http::{HeaderMap, HeaderName, HeaderValue};
use tenet_resilience::allowance::baggage::{self, Carried};
use tenet_resilience::allowance::{Allowance, EntryId, MAX, SPENT};

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
    /// Whether the caller divides what it has: then it has to hear also that nothing was spent, or it must take it that all was.
    divided: bool,
}

impl Tree {
    /// The tree of a request through `door`.
    pub fn begin(worker: &Worker, program: &Program, door: Door, head: &Head) -> Tree {
        let anew = || Tree { allowance: Allowance::new(program.allowance), shared: None, divided: false };
        if door == Door::Public {
            return anew();
        }
        let text = head.headers.get(BAGGAGE).and_then(|value| value.to_str().ok());
        match text.and_then(baggage::read) {
            Some(Carried::Exclusive(amount)) => {
                Tree { allowance: Allowance::new(amount), shared: None, divided: true }
            }
            Some(Carried::Shared { id, .. }) => {
                let taken = worker.process.upstream.ledger().take(id, MAX);
                Tree { allowance: Allowance::new(taken), shared: Some((id, taken)), divided: false }
            }
            None if head.headers.contains_key(TRACEPARENT) => {
                Tree { allowance: Allowance::new(0), shared: None, divided: false }
            }
            None => anew(),
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
