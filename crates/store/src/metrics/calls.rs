//! What callers do with a collection, by kind: how often, how long it took, what failed.

use super::series::Series;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::{Code, Status};

/// What a call does with a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    Put,
    Delete,
    Mutate,
    /// A page of a scan.
    Scan,
    Lease,
    ReadValue,
    WriteValue,
}

impl Call {
    /// All, in the order of their numbers.
    const ALL: [Call; 8] = [
        Call::Get,
        Call::Put,
        Call::Delete,
        Call::Mutate,
        Call::Scan,
        Call::Lease,
        Call::ReadValue,
        Call::WriteValue,
    ];

    /// As it is told.
    pub(super) fn name(self) -> &'static str {
        match self {
            Call::Get => "get",
            Call::Put => "put",
            Call::Delete => "delete",
            Call::Mutate => "mutate",
            Call::Scan => "scan",
            Call::Lease => "lease",
            Call::ReadValue => "read_value",
            Call::WriteValue => "write_value",
        }
    }
}

/// The calls of one collection.
#[derive(Default)]
pub(super) struct Calls([CallsOfKind; Call::ALL.len()]);

/// The calls of one kind.
#[derive(Default)]
pub(super) struct CallsOfKind {
    pub(super) latency_ns: Series,
    failures: AtomicU64,
}

impl Calls {
    pub(super) fn count<T>(&self, call: Call, took: Duration, answer: &Result<T, Status>) {
        let of = &self.0[call as usize];
        of.latency_ns.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        if answer.as_ref().is_err_and(is_ours) {
            of.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = (Call, &CallsOfKind)> {
        Call::ALL.into_iter().zip(&self.0)
    }
}

impl CallsOfKind {
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// Whether the caller could not have known: a condition that does not hold is an answer like any.
fn is_ours(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::DataLoss | Code::ResourceExhausted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_row_and_only_our_failures_count() {
        let calls = Calls::default();
        for (place, call) in Call::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, place);
            calls.count(call, Duration::from_nanos(7), &Ok(()));
            calls.count::<()>(call, Duration::ZERO, &Err(Status::failed_precondition("")));
            calls.count::<()>(call, Duration::ZERO, &Err(Status::unavailable("")));
        }
        for (_, of) in calls.kinds() {
            assert_eq!((of.latency_ns.all().count(), of.failures()), (3, 1));
        }
    }
}
