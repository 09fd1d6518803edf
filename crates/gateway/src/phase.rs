//! The life of a request, one file a phase.
//!
//! ```text
//!   trace ▶ admit ▶ route ▶ ┬ rest ▶ (transcode in) ▶ call ▶ (transcode out) ┐
//!                           ├ grpc ▶ call, streams passed on                 ├▶ respond ▶ record
//!                           └ http ▶ call, bodies passed on                  ┘
//! ```
//!
//! Seams for what comes later: identify, authorize, throttle, adapt and cache stand between `route` and the three kinds of
//! call; a phase that ends the exchange returns a catalogued failure.

mod admit;
pub mod allowance;
mod call;
mod fault;
mod forward;
mod grpc;
mod http;
pub mod record;
pub mod respond;
mod rest;
mod route;
mod status;
mod trace;

use crate::answer::Answer;
use crate::body::RequestBody;
use crate::exchange::Exchange;
use crate::program::Plan;
use route::Routed;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll};
use tenet_error::{Code, Failure};

/// Serves one request while its caller is there; `None`, recorded with the code that `gone` gives, once that is ready, which ends the call at once, all the way
/// through: what serves it is dropped, and with it the upstream stream. A panic ends this request and nothing else.
pub async fn serve_while(
    exchange: &mut Exchange,
    body: Option<RequestBody>,
    mut gone: impl FnMut(&mut Context<'_>) -> Poll<Code>,
) -> Option<Answer> {
    let served = {
        let mut serve = pin!(serve(exchange, body));
        // Caught at each poll and not by an adapter around the future, which would move it.
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| serve.as_mut().poll(cx))) {
            Ok(Poll::Ready(answer)) => Poll::Ready(Ok(Ok(answer))),
            Ok(Poll::Pending) => gone(cx).map(Err),
            Err(panic) => Poll::Ready(Ok(Err(panic))),
        })
        .await
    };
    match served {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(panic)) => {
            let failure = exchange.worker.panicked(panic.as_ref());
            Some(respond::failure(exchange, &failure))
        }
        Err(code) => {
            exchange.finish(code);
            None
        }
    }
}

/// Serves one request. Every failure has become an answer; the protocol only has to write it.
async fn serve(exchange: &mut Exchange, body: Option<RequestBody>) -> Answer {
    match run(exchange, body).await {
        Ok(answer) => respond::finish(exchange, answer),
        Err(failure) => respond::failure(exchange, &failure),
    }
}

async fn run(exchange: &mut Exchange, body: Option<RequestBody>) -> Result<Answer, Failure> {
    trace::begin(exchange);
    admit::head(exchange)?;
    admit::in_flight(exchange)?;
    fault::point(exchange);
    let program = exchange.program.clone();
    // Captures borrow from the target, which a clone keeps alive beside the exchange.
    let target = exchange.head.target.clone();
    match route::find(exchange, &program, target.path())? {
        Routed::Plan(index, captures) => match program.plan(index) {
            Plan::Rest(plan) => rest::call(exchange, plan, &captures, target.query(), body).await,
            Plan::Grpc(plan) => grpc::call(exchange, plan, body).await,
            Plan::Http(plan) => http::call(exchange, plan, body).await,
        },
        Routed::Reference(page) => Ok(program.reference.answer(page, &exchange.head)),
        Routed::Options(allow) => Ok(respond::options(&allow)),
    }
}
