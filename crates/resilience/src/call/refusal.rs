//! The response field by which an instance says that it did nothing of a call.

/// Name of the response field (HTTP header or gRPC initial metadata) of a call that provably did not run: it was refused before its
/// handler, so it has had no effect and may be repeated at another instance, whatever the method. Its value is `1`; it stands in a
/// head that is the whole answer. Where it is missing nothing is said.
///
/// UNAVAILABLE alone does not say this: a handler may return it half-way.
pub const NOT_RUN: &str = "tenet-not-run";
