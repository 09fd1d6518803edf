//! The policy options of `tenet/policy/v1/policy.proto` as plain types.

use std::time::Duration;
use tenet_error::GrpcCode;

/// Who can reach a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Methods with a binding can be called from outside.
    #[default]
    Public,
    /// No method can ever be reached through the public door, also not those with a binding.
    Internal,
}

/// What is given up first under overload; ordered from the first refused to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Refused first: prefetching, suggestions.
    Sheddable,
    /// The rest.
    #[default]
    Normal,
    /// Refused last: payments, log-in.
    Critical,
}

/// How answers may be cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// How long an answer is fresh. Zero: not cached.
    pub fresh: Duration,
    /// How long past that a stale answer may be served while a new one is fetched, or when there is none to be had.
    pub stale: Duration,
    /// Request headers and fields that make answers differ.
    pub vary: Vec<String>,
}

/// An error a caller must expect of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedError {
    /// The gRPC code.
    pub code: GrpcCode,
    /// When it happens, for the reference.
    pub description: String,
    /// `google.rpc.ErrorInfo.reason`, where the service sets one; empty otherwise.
    pub reason: String,
}
