//! How an exchange ended, when that shows only while its body passes.

use super::status::GRPC_STATUS;
use crate::exchange::Exchange;
use http::HeaderMap;
use tenet_error::{Blame, Code, Failure, GrpcCode};

/// The code under which a gRPC answer with these trailers is recorded.
pub fn code_of_trailers(trailers: &HeaderMap) -> Code {
    match trailers.get(GRPC_STATUS) {
        Some(status) => Code::from_service(GrpcCode::from_header(status.as_bytes())),
        None => Code::UpstreamProtocol,
    }
}

/// Records an exchange whose answer broke off after its head was sent.
pub fn failed_midway(exchange: &Exchange, failure: &Failure) {
    if failure.entry().blame != Blame::Caller {
        let id = exchange.request_id.to_str().unwrap_or_default();
        tracing::warn!(request_id = id, path = exchange.head.path(), "the answer broke off: {failure}");
    }
    exchange.finish(failure.code());
}
