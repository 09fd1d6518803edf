//! What went wrong at an instance, as the attempts and the caller understand it.

use ::h2::Reason;
use tenet_error::{Code, Failure};

/// What a failed attempt allows next.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The request provably never ran, and the connection is to blame: the same instance may do better on a new one.
    Renew(Failure),
    /// The request provably never ran: another instance may take it.
    Next(Failure),
    /// The attempt may have run, or nothing would help.
    Final(Failure),
}

/// A stream's error before its answer's head.
pub(crate) fn of_h2_call(error: &::h2::Error) -> Fault {
    let failure = h2_failure(error);
    if error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM) {
        // RFC 9113 §8.7: REFUSED_STREAM says that nothing was processed.
        return Fault::Next(failure);
    }
    if error.is_remote() && error.is_go_away() {
        // h2 fails only streams above the GOAWAY's last id so; those were not processed either (RFC 9113 §6.8).
        return Fault::Renew(failure);
    }
    Fault::Final(failure)
}

/// The failure a stream's or connection's error means.
pub(crate) fn h2_failure(error: &::h2::Error) -> Failure {
    if error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM) {
        return Failure::new(Code::NoInstance, "the instance refused the request")
            .with_cause(error.to_string());
    }
    if error.is_library() {
        return Failure::new(Code::UpstreamProtocol, "").with_cause(error.to_string());
    }
    if error.is_remote() || error.is_io() {
        return Failure::new(Code::ConnectionLost, "").with_cause(error.to_string());
    }
    // What is left are mistakes in how the stream was used: ours.
    Failure::new(Code::Internal, "").with_cause(error.to_string())
}
