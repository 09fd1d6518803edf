//! Failures on demand, where the process was started for it (`fault_points`): what the tests of the last line of defence need.

use crate::exchange::Exchange;
use http::header::HeaderName;

const FAULT: HeaderName = HeaderName::from_static("tenet-fault");

/// Fails as the request asks. Costs one look at a flag where fault points are off.
///
/// # Panics
/// When the request asks for it.
pub fn point(exchange: &Exchange) {
    if !exchange.worker.process.fault_points {
        return;
    }
    if exchange.head.headers.get(FAULT).is_some_and(|fault| fault == "panic") {
        panic!("a request asked for this panic");
    }
}
