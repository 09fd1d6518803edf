//! The call to the service, the same for all kinds of plan: admitted, then sent; `upstream` decides where and how often, the exchange
//! learns its zone and its attempts.

use crate::admission::{self, Permit};
use crate::body::Bounded;
use crate::exchange::Exchange;
use crate::program::Policy;
use http::{HeaderMap, Request};
use std::time::Duration;
use tenet_error::Failure;
use tenet_upstream::{CallError, CallTerms, Effort, Meaning, Outgoing, Reply, Said, WholeReply};
use tokio::time::Instant;

/// The client's own promise that a repeated request has the effect of one.
const IDEMPOTENCY_KEY: http::HeaderName = http::HeaderName::from_static("idempotency-key");

/// What one call adds to the policy of its endpoint.
pub struct Ask {
    /// When the answer must be there.
    pub deadline: Instant,
    /// Whether the instance is told so.
    pub tell_deadline: bool,
    /// What answers mean.
    pub meaning: Meaning,
    /// Whether running it twice is running it once.
    pub idempotent: bool,
    /// What chooses the instance by consistent hashing.
    pub affinity: Option<u64>,
    /// Whether more than one message goes either way. How long that lasts says nothing of the service's load, so it neither counts
    /// against the limit nor waits for it.
    pub streams: bool,
}

/// Whether the caller promised by an Idempotency-Key that a repeated request has the effect of one
/// (draft-ietf-httpapi-idempotency-key-header).
pub fn has_idempotency_key(headers: &HeaderMap) -> bool {
    headers.contains_key(IDEMPOTENCY_KEY)
}

/// Lets the call through to its service, before anything is made ready for it: what is refused must cost next to nothing. None for
/// streams.
///
/// # Errors
/// There is no place for it, or none in time.
pub async fn admit(exchange: &Exchange, policy: &Policy, ask: &Ask) -> Result<Option<Permit>, Failure> {
    match ask.streams {
        true => Ok(None),
        false => admission::admit(exchange, policy, ask.deadline).await.map(Some),
    }
}

/// Sends `request` and waits for the answer's head; `permit` is what [`admit`] gave.
///
/// # Errors
/// What kept the call from being answered.
pub async fn send(
    exchange: &Exchange,
    policy: &Policy,
    request: Request<Outgoing<Bounded>>,
    ask: Ask,
    permit: Option<Permit>,
) -> Result<Reply, Failure> {
    let calling = exchange.worker.pool.call(&policy.service, request, terms(exchange, policy, &ask));
    let result = calling.await;
    let learnt = |reply: &Reply| Learnt {
        zone: reply.zone,
        effort: reply.effort,
        said: reply.said,
        latency: reply.latency,
    };
    settle(exchange, permit, result.as_ref().map(learnt));
    result.map_err(|error| error.failure)
}

/// Sends `request` and waits for all of the answer, at most `limit` bytes; `permit` is what [`admit`] gave.
///
/// # Errors
/// What kept the call from being answered.
pub async fn send_whole(
    exchange: &Exchange,
    policy: &Policy,
    request: Request<Outgoing<Bounded>>,
    ask: Ask,
    permit: Option<Permit>,
    limit: usize,
) -> Result<WholeReply, Failure> {
    let terms = terms(exchange, policy, &ask);
    let result = exchange.worker.pool.call_whole(&policy.service, request, terms, limit).await;
    let learnt = |reply: &WholeReply| Learnt {
        zone: reply.zone,
        effort: reply.effort,
        said: reply.said,
        latency: reply.latency,
    };
    settle(exchange, permit, result.as_ref().map(learnt));
    result.map_err(|error| error.failure)
}

fn terms(exchange: &Exchange, policy: &Policy, ask: &Ask) -> CallTerms {
    CallTerms {
        deadline: ask.deadline,
        tell_deadline: ask.tell_deadline,
        meaning: ask.meaning,
        idempotent: ask.idempotent,
        hedge: policy.hedge,
        affinity: ask.affinity,
        allowance: exchange.tree.allowance.clone(),
    }
}

/// What an answer teaches, whatever was waited for.
struct Learnt {
    zone: u16,
    effort: Effort,
    said: Said,
    latency: Duration,
}

fn settle(exchange: &Exchange, permit: Option<Permit>, learnt: Result<Learnt, &CallError>) {
    let sample = match learnt {
        Ok(learnt) => {
            exchange.zone.set(learnt.zone);
            exchange.note(learnt.effort);
            admission::of_answer(learnt.said, learnt.latency)
        }
        Err(error) => {
            exchange.zone.set(error.zone.unwrap_or(0));
            exchange.note(error.effort);
            admission::of_failure(&error.failure, exchange.started.elapsed())
        }
    };
    if let Some(permit) = permit {
        permit.release(sample);
    }
}
