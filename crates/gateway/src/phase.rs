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
use tenet_error::Failure;

/// Serves one request. Every failure has become an answer; the protocol only has to write it.
pub async fn serve(exchange: &mut Exchange, body: Option<RequestBody>) -> Answer {
    match run(exchange, body).await {
        Ok(answer) => respond::finish(exchange, answer),
        Err(failure) => respond::failure(exchange, &failure),
    }
}

async fn run(exchange: &mut Exchange, body: Option<RequestBody>) -> Result<Answer, Failure> {
    trace::begin(exchange);
    admit::head(exchange)?;
    admit::in_flight(exchange)?;
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
