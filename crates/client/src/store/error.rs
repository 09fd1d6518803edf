//! Why the store did not do as asked: where, which key, what kind of failure, and what it said.

use super::details::ErrorInfo;
use std::fmt;
use tonic::{Code, Status};

/// Why the store did not do as asked. Its text is for the log: it names collection and key, which callers of the service are not to
/// learn. Turned into a [`Status`] it says nothing of them.
#[derive(Clone)]
pub struct StoreError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: StoreErrorKind,
    collection: String,
    key: Option<String>,
    /// What the store, or the way to it, said.
    status: Option<Status>,
}

/// What kind of failure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// What the write was conditional on is not so; nothing was written.
    Conflict {
        /// The version there is; `None` where there is no item.
        found: Option<u64>,
    },
    /// A unique index has the message's values already, for another; nothing was written.
    NotUnique {
        /// The index.
        index: String,
        /// The key of the one that has them, as text for people.
        holder: String,
    },
    /// The index is being filled, and cannot be read yet.
    IndexNotReady,
    /// The lease that the write was made under is held with another token, or not at all; nothing was written.
    Fenced {
        /// The token it is held with.
        current: Option<u64>,
    },
    /// The store knows no such namespace or collection.
    NotFound,
    /// The store does not take this process for the owner of the namespace.
    Refused,
    /// The request is not one the store takes: a bound is passed, or SDK and store differ.
    Invalid,
    /// A key that is none of this collection.
    Key {
        /// What is wrong with it.
        problem: String,
    },
    /// A value that is no message of the collection, or not with the key it is written to.
    Value {
        /// What is wrong with it.
        problem: String,
    },
    /// More than one answer may hold: a record or value that is to be read piece by piece.
    TooLarge {
        /// What may be, as `64 MiB in a message`.
        bound: &'static str,
    },
    /// The store has more to do than it can, or no room, or the service asks faster than its quota lets it; nothing was written.
    Overloaded,
    /// The service keeps as much as its quota lets it; nothing was written. Deleting goes on.
    QuotaExceeded {
        /// Which limit, as `tenet.toml` calls it: `bytes` or `items`.
        limit: String,
    },
    /// The store, or its engine, cannot be reached. A write may have been done: send it again only where doing it twice is doing it
    /// once.
    Unavailable,
    /// Whether the write was done is not known.
    OutcomeUnknown,
    /// Time was over before the answer. A write may have been done.
    DeadlineExceeded,
    /// Whoever asked has gone away.
    Cancelled,
    /// Changes after the token are no longer kept: scan, then watch from the scan's token.
    TooOld,
    /// What is stored is damaged, or is no message of this type.
    Damaged,
    /// The store broke one of its invariants, or one of its contract.
    Internal,
}

impl StoreError {
    pub(super) fn new(kind: StoreErrorKind, collection: &str) -> StoreError {
        StoreError(Box::new(Inner { kind, collection: collection.to_owned(), key: None, status: None }))
    }

    /// A failed call about a collection.
    pub(super) fn of(status: Status, collection: &str) -> StoreError {
        let mut error = StoreError::new(kind(&status), collection);
        error.0.status = Some(status);
        error
    }

    #[must_use]
    pub(super) fn at(mut self, key: String) -> StoreError {
        self.0.key.get_or_insert(key);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> &StoreErrorKind {
        &self.0.kind
    }

    /// Whether somebody else was faster.
    pub fn is_conflict(&self) -> bool {
        matches!(self.0.kind, StoreErrorKind::Conflict { .. })
    }

    /// The collection, with its namespace.
    pub fn collection(&self) -> &str {
        &self.0.collection
    }

    /// The key, as text for people, where it is about one.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// What the store, or the way to it, said; `None` where it was not asked.
    pub fn status(&self) -> Option<&Status> {
        self.0.status.as_ref()
    }

    /// Whether the same may go well a little later, without anybody having to mend something: what a broken stream goes on after.
    pub(super) fn may_pass(&self) -> bool {
        use StoreErrorKind::{Internal, OutcomeUnknown, Overloaded, Unavailable};
        matches!(self.0.kind, Unavailable | OutcomeUnknown | Overloaded | Internal)
    }
}

/// What a status of the store, or of the way to it, means.
fn kind(status: &Status) -> StoreErrorKind {
    let info = ErrorInfo::of(status).unwrap_or_default();
    let number = |key: &str| info.metadata.get(key).and_then(|text| text.rsplit(' ').next()?.parse().ok());
    let text = |key: &str| info.metadata.get(key).cloned().unwrap_or_default();
    match (status.code(), info.reason.as_str()) {
        (_, "CONDITION_FAILED") => StoreErrorKind::Conflict { found: number("found") },
        (_, "UNIQUE_INDEX") => StoreErrorKind::NotUnique { index: text("index"), holder: text("record") },
        (_, "INDEX_NOT_READY") => StoreErrorKind::IndexNotReady,
        (_, "FENCED") => StoreErrorKind::Fenced { current: number("current") },
        (_, "TOKEN_TOO_OLD") => StoreErrorKind::TooOld,
        (_, "QUOTA_EXCEEDED") => StoreErrorKind::QuotaExceeded { limit: text("limit") },
        (_, "OUTCOME_UNKNOWN") => StoreErrorKind::OutcomeUnknown,
        (_, "UPSTREAM_BODY_INVALID") => StoreErrorKind::TooLarge { bound: "one answer holds" },
        (Code::NotFound, _) => StoreErrorKind::NotFound,
        (Code::PermissionDenied | Code::Unauthenticated, _) => StoreErrorKind::Refused,
        (Code::ResourceExhausted, _) | (_, "OVERLOADED") => StoreErrorKind::Overloaded,
        (Code::Aborted | Code::Unavailable | Code::Unknown, _) => StoreErrorKind::Unavailable,
        (Code::DeadlineExceeded, _) => StoreErrorKind::DeadlineExceeded,
        (Code::Cancelled, _) => StoreErrorKind::Cancelled,
        (Code::DataLoss, _) => StoreErrorKind::Damaged,
        (Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::AlreadyExists, _) => {
            StoreErrorKind::Invalid
        }
        (Code::Internal | Code::Unimplemented | Code::Ok, _) => StoreErrorKind::Internal,
    }
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version =
            |version: &Option<u64>| version.map_or("none".to_owned(), |version| version.to_string());
        match self {
            StoreErrorKind::Conflict { found } => {
                write!(f, "somebody else was faster, the version found is {}", version(found))
            }
            StoreErrorKind::NotUnique { index, holder } => {
                write!(f, "the unique index {index:?} has these values for {holder}")
            }
            StoreErrorKind::IndexNotReady => f.write_str("the index is being filled"),
            StoreErrorKind::Fenced { current } => {
                write!(f, "the lease is lost, its token now is {}", version(current))
            }
            StoreErrorKind::NotFound => f.write_str("the store does not have it"),
            StoreErrorKind::Refused => f.write_str("the store refuses this service"),
            StoreErrorKind::Invalid => f.write_str("the store does not take the request"),
            StoreErrorKind::Key { problem } | StoreErrorKind::Value { problem } => f.write_str(problem),
            StoreErrorKind::TooLarge { bound } => write!(f, "there is more than {bound}"),
            StoreErrorKind::Overloaded => f.write_str("the store has no room for it now"),
            StoreErrorKind::QuotaExceeded { limit } => {
                write!(f, "the service keeps as many {limit} as its quota lets it")
            }
            StoreErrorKind::Unavailable => f.write_str("the store cannot be reached"),
            StoreErrorKind::OutcomeUnknown => f.write_str("it is not known whether it was done"),
            StoreErrorKind::DeadlineExceeded => f.write_str("time was over"),
            StoreErrorKind::Cancelled => f.write_str("it was cancelled"),
            StoreErrorKind::TooOld => f.write_str("changes after the token are no longer kept"),
            StoreErrorKind::Damaged => f.write_str("what is stored cannot be read"),
            StoreErrorKind::Internal => f.write_str("the store failed"),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.collection)?;
        if let Some(key) = &self.0.key {
            write!(f, " {key}")?;
        }
        write!(f, ": {}", self.0.kind)
    }
}

impl fmt::Debug for StoreError {
    /// As `Display`, with what the store said: this is what a test that unwraps it prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match &self.0.status {
            None => Ok(()),
            Some(status) => write!(f, " ({})", super::details::text(status)),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.status.as_ref().map(|status| status as _)
    }
}
