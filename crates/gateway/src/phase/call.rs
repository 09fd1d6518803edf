//! The call to an instance, the same for all kinds of plan: `upstream` decides which one, the exchange learns its zone.

use crate::body::Bounded;
use crate::exchange::Exchange;
use http::{Request, Response};
use tenet_error::Failure;
use tenet_upstream::{Incoming, Outgoing, ServiceHandle};
use tokio::time::Instant;

/// Sends `request` and waits, at most until `head_by`, for the answer's head.
///
/// # Errors
/// What kept the call from being answered.
pub async fn send(
    exchange: &Exchange,
    service: &ServiceHandle,
    request: Request<Outgoing<Bounded>>,
    head_by: Instant,
) -> Result<Response<Incoming>, Failure> {
    match exchange.worker.pool.call(service, request, head_by).await {
        Ok(reply) => {
            exchange.zone.set(reply.zone);
            Ok(reply.response)
        }
        Err(error) => {
            exchange.zone.set(error.zone.unwrap_or(0));
            Err(error.failure)
        }
    }
}
