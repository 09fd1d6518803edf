//! The context of the call that is being served: read from its metadata, visible to its handler without being passed
//! along, and handed on to every call the handler makes.

use crate::Trace;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tenet_resilience::allowance::{Allowance, Grant, SHARE, baggage, read_spent};
use tenet_resilience::timeout;
use tokio::time::Instant;

/// Names the request through the whole call tree and all logs.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C baggage: what rides along, for instance the epoch and the retry allowance.
pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
/// The call's place in a trace (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The consumer the gateway identified.
pub(crate) const CONSUMER: HeaderName = HeaderName::from_static("tenet-consumer");
/// Time left for the call.
pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What no other call has the values of: in HPACK's table they would only push out and slow down what comes again (RFC 7541 §6.2.3).
static OF_ONE_CALL: [HeaderName; 5] = [REQUEST_ID, TRACEPARENT, TRACESTATE, BAGGAGE, GRPC_TIMEOUT];

/// How a call ended; in the head of an answer it says that the head is all there is ("Trailers-Only").
pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Bytes of a request id that are accepted; gateways make ids of 32 characters, other systems send up to about 100.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Bytes of baggage that are passed on: the least a platform must propagate (W3C Baggage §3.3.2). More is dropped whole.
const MAX_BAGGAGE_BYTES: usize = 8192;

tokio::task_local! {
    static CURRENT: Context;
}

/// What is known of the call that is being served. Cheap to clone.
///
/// It is set while the handler and its response stream run. A task the handler spawns does not inherit it: wrap its
/// future in [`Context::scope`].
#[derive(Clone, Debug)]
pub struct Context {
    /// The request's id, made here when the caller sent none.
    pub request_id: Arc<str>,
    /// This call's place in its trace; `span_id` is this call's own.
    pub trace: Trace,
    /// W3C baggage as it came.
    pub baggage: Option<Arc<str>>,
    /// When the call must be over, if it has a deadline.
    pub deadline: Option<Instant>,
    /// The consumer the gateway identified, if any. Only a private network makes it trustworthy.
    pub consumer: Option<Arc<str>>,
    /// What is left of the extra attempts this call and all calls below it may make, when the caller granted any to this
    /// call alone. `None` also when baggage carries one that is shared through a gateway's ledger, and nothing says what of it
    /// is ours: that one is divided there, and only has to be passed on as it is.
    pub(crate) allowance: Option<Allowance>,
}

impl Context {
    /// The context of the call that is being served, or `None` outside of any.
    pub fn current() -> Option<Context> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// A context for work that no call asked for: a timer, a start-up task. Each call made with it begins a call tree.
    pub fn background() -> Context {
        Context {
            request_id: new_request_id(),
            trace: Trace::root(),
            baggage: Some(baggage::BACKGROUND.into()),
            deadline: None,
            consumer: None,
            allowance: None,
        }
    }

    /// The same context with a deadline no later than `after` from now.
    #[must_use]
    pub fn with_timeout(mut self, after: Duration) -> Context {
        let at = Instant::now() + after;
        self.deadline = Some(self.deadline.map_or(at, |earlier| earlier.min(at)));
        self
    }

    /// Time left until the deadline, zero when it has passed, `None` without one.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Runs `future` with this context as the current one.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs `work` with this context as the current one: for code that is polled rather than awaited.
    pub fn sync_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// Reads the context of an incoming call. `deadline` is the absolute form of its `grpc-timeout`.
    pub(crate) fn from_headers(headers: &HeaderMap, deadline: Option<Instant>) -> Context {
        let text = |name: &HeaderName, most: usize| {
            let value = headers.get(name)?.to_str().ok()?;
            (!value.is_empty() && value.len() <= most).then(|| Arc::from(value))
        };
        let baggage = text(&BAGGAGE, MAX_BAGGAGE_BYTES);
        let share = || headers.get(SHARE).and_then(|share| read_spent(share.as_bytes()));
        let allowance = match baggage.as_deref().and_then(baggage::read) {
            // Who called instance by instance says the share in a field of its own, which nobody copies.
            Some(baggage::Carried::Exclusive(total)) => Some(Allowance::new(share().unwrap_or(total))),
            // Only a gateway or a client begins a tree.
            Some(baggage::Carried::Whole) => Some(Allowance::new(0)),
            // A place in a gateway's ledger may have been copied to others, too, and then it has to be passed on as it is. Not
            // where the gateway said beside it what is ours: calls below carry shares of that, and never the place.
            Some(baggage::Carried::Shared { .. }) => share().map(Allowance::new),
            None => None,
        };
        Context {
            request_id: text(&REQUEST_ID, MAX_REQUEST_ID_BYTES).unwrap_or_else(new_request_id),
            trace: Trace::from_headers(headers).map_or_else(Trace::root, |parent| parent.child()),
            baggage,
            deadline,
            consumer: text(&CONSUMER, MAX_REQUEST_ID_BYTES),
            allowance,
        }
    }

    /// Adds to an outgoing call what it inherits; what the caller set by hand stays, but for a `grpc-timeout` that is
    /// longer than the time left and for an allowance, which is the call's share of ours and returned to be settled when
    /// its answer comes.
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) -> Option<Grant> {
        let span = self.trace.child();
        let texts = [
            (REQUEST_ID, Some(self.request_id.clone())),
            (TRACEPARENT, Some(span.to_string().into())),
            (TRACESTATE, span.state),
            (BAGGAGE, self.baggage.clone()),
            (CONSUMER, self.consumer.clone()),
        ];
        for (name, text) in texts {
            let value = text.and_then(|text| HeaderValue::from_str(&text).ok());
            if let Some(value) = value {
                headers.entry(name).or_insert(value);
            }
        }
        if let Some(left) = self.remaining() {
            let asked = headers.get(GRPC_TIMEOUT).and_then(|value| timeout::parse(value.as_bytes()));
            let least = asked.map_or(left, |asked| asked.min(left));
            if let Ok(value) = HeaderValue::from_bytes(timeout::format(least).as_bytes()) {
                headers.insert(GRPC_TIMEOUT, value);
            }
        }
        let grant = self.grant(headers);
        for name in &OF_ONE_CALL {
            if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        grant
    }

    /// Takes a share of the allowance for an outgoing call, whose baggage is already in `headers`. A share of nothing is
    /// written too: without one a gateway would take the call for the first of a tree.
    fn grant(&self, headers: &mut HeaderMap) -> Option<Grant> {
        let grant = self.allowance.as_ref()?.grant();
        let others = headers.get(BAGGAGE).and_then(|value| value.to_str().ok());
        let mut text = String::new();
        baggage::write(others, &baggage::Carried::Exclusive(grant.amount()), &mut text);
        // It is text of ours among values that were headers, so it is one.
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(BAGGAGE, value);
        }
        if baggage::read(&text).is_some() {
            return Some(grant);
        }
        // There was no room for it: the call goes without, and nothing of it can be spent.
        let _ = grant.settle(Some(0));
        None
    }
}

fn new_request_id() -> Arc<str> {
    format!("{:032x}", rand::random::<u128>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn an_unreadable_or_oversized_value_is_replaced_or_dropped() {
        let context = Context::from_headers(
            &headers(&[
                ("x-request-id", &"x".repeat(129)),
                ("baggage", &"b".repeat(8193)),
                ("traceparent", "00-1"),
            ]),
            None,
        );
        assert_eq!(context.request_id.len(), 32);
        assert_eq!(context.baggage, None);
        assert_ne!(context.trace.trace_id, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_below_inherits_and_what_was_set_by_hand_stays() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let incoming = headers(&[
            ("x-request-id", "id-1"),
            ("traceparent", parent),
            ("tracestate", "a=1"),
            ("baggage", "epoch=7"),
            ("tenet-consumer", "app"),
        ]);
        let context = Context::from_headers(&incoming, Some(Instant::now() + Duration::from_millis(50)));
        let mut outgoing = headers(&[("baggage", "mine=1"), ("grpc-timeout", "9S")]);
        context.write_headers(&mut outgoing);
        assert_eq!(outgoing["x-request-id"], "id-1");
        assert_eq!(outgoing["tracestate"], "a=1");
        assert_eq!(outgoing["baggage"], "mine=1");
        assert_eq!(outgoing["tenet-consumer"], "app");
        assert_eq!(outgoing["grpc-timeout"], "50000000n");
        let sent = Trace::parse(outgoing["traceparent"].as_bytes()).unwrap();
        assert_eq!((sent.trace_id, sent.flags), (context.trace.trace_id, 1));
        assert_ne!(sent.span_id, context.trace.span_id);

        let mut shorter = headers(&[("grpc-timeout", "1m")]);
        context.write_headers(&mut shorter);
        assert_eq!(shorter["grpc-timeout"], "1000000n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_only_ever_tightens() {
        let context = Context::background().with_timeout(Duration::from_secs(1));
        assert_eq!(
            context.clone().with_timeout(Duration::from_secs(5)).remaining(),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            context.clone().with_timeout(Duration::from_millis(5)).remaining(),
            Some(Duration::from_millis(5))
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(context.remaining(), Some(Duration::ZERO));
    }

    #[tokio::test]
    async fn the_current_context_is_the_one_in_scope() {
        assert!(Context::current().is_none());
        let context = Context::background();
        let id = context.request_id.clone();
        let seen = context.scope(async { Context::current().map(|context| context.request_id) }).await;
        assert_eq!(seen, Some(id));
    }
}
