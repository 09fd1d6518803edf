//! A failure of the store as what the service's own callers are told: that it did not go well and whether to come back, and nothing of
//! the inside. The rest is logged, once, where it is turned into a status.

use super::{StoreError, StoreErrorKind};
use tonic::{Code, Status};

/// The server's word on when to come back (gRFC A6); it is passed on.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Status {
        let (code, text) = told(error.kind());
        let cause = format!("{error:?}");
        tracing::warn!(%code, collection = error.collection(), key = error.key(), cause, "the store did not do as asked");
        let mut status = Status::new(code, text);
        if let Some(pushback) = error.status().and_then(|status| status.metadata().get(PUSHBACK)) {
            status.metadata_mut().insert(PUSHBACK, pushback.clone());
        }
        status
    }
}

/// What the service says of it: its callers know no store, so what the store refused is the service's own failure.
fn told(kind: &StoreErrorKind) -> (Code, &'static str) {
    match kind {
        StoreErrorKind::Conflict { .. } => {
            (Code::Aborted, "Somebody else changed it at the same time. Read it again and repeat.")
        }
        StoreErrorKind::Fenced { .. } => (Code::Aborted, "Another instance has taken this over. Repeat."),
        StoreErrorKind::NotUnique { .. } => (Code::AlreadyExists, "There is one with these values already."),
        StoreErrorKind::Overloaded | StoreErrorKind::Unavailable | StoreErrorKind::IndexNotReady => {
            (Code::Unavailable, "The service's data cannot be reached now.")
        }
        StoreErrorKind::QuotaExceeded { .. } => (Code::Internal, "The service has no room for more data."),
        StoreErrorKind::OutcomeUnknown => (Code::Unknown, "It is not known whether this was done."),
        StoreErrorKind::DeadlineExceeded => {
            (Code::DeadlineExceeded, "The deadline passed before this was done.")
        }
        StoreErrorKind::Cancelled => (Code::Cancelled, "The call was cancelled."),
        StoreErrorKind::Damaged => (Code::DataLoss, "The service's data is damaged."),
        StoreErrorKind::NotFound
        | StoreErrorKind::Refused
        | StoreErrorKind::Invalid
        | StoreErrorKind::Key { .. }
        | StoreErrorKind::Value { .. }
        | StoreErrorKind::TooLarge { .. }
        | StoreErrorKind::TooOld
        | StoreErrorKind::Internal => (Code::Internal, "The service cannot use its data."),
    }
}
