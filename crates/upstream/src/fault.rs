//! What went wrong at an instance, as the attempts and the caller understand it.

use crate::call::may_pass;
use ::h2::Reason;
use tenet_error::{Code, Failure};
use tenet_resilience::call::{Ended, Pushback};

/// What a failed attempt allows next.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The request provably never ran, and the connection is to blame: the same instance may do better on a new one.
    Renew(Failure),
    /// The request provably never ran: another instance may take it.
    Next(Failure),
    /// The instance says that it did nothing of it: another instance may take it.
    Refused(Failure),
    /// The attempt may have run, or nothing would help; the failure's code says which.
    Final(Failure),
}

impl Fault {
    pub(crate) fn failure(&self) -> &Failure {
        match self {
            Fault::Renew(failure)
            | Fault::Next(failure)
            | Fault::Refused(failure)
            | Fault::Final(failure) => failure,
        }
    }

    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Fault::Renew(failure)
            | Fault::Next(failure)
            | Fault::Refused(failure)
            | Fault::Final(failure) => failure,
        }
    }

    /// What it means to the call.
    pub(crate) fn ended(&self) -> Ended {
        match self {
            Fault::Renew(_) | Fault::Next(_) => Ended::NeverLeft,
            Fault::Refused(_) => Ended::NotRun(Pushback::None),
            Fault::Final(failure) if may_pass(failure.code()) => Ended::Failed(Pushback::None),
            Fault::Final(_) => Ended::Final,
        }
    }

    /// Whether the instance is to blame, rather than the caller or a bound of ours.
    pub(crate) fn is_of_instance(&self) -> bool {
        may_pass(self.failure().code())
    }
}

/// A stream's error before its answer's head.
pub(crate) fn of_h2_call(error: &::h2::Error) -> Fault {
    let failure = h2_failure(error);
    if error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM) {
        // RFC 9113 §8.7: REFUSED_STREAM says that nothing was processed.
        return Fault::Refused(failure);
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
