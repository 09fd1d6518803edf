//! One question and what may come of it.

use super::source::Name;
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

/// Most records that are taken of one answer. A response over TCP has room for a few thousand; a service of that many
/// instances is not found by DNS.
pub(super) const RECORDS_MAX: usize = 1000;

/// Which addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// The record type.
    pub(super) fn word(self) -> &'static str {
        match self {
            Family::V4 => "A",
            Family::V6 => "AAAA",
        }
    }
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) target: Name,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply<T> {
    /// Records, and for how long they may be believed.
    Records(Vec<T>, Duration),
    /// The source says that there are none, and how it says so.
    Negative(&'static str),
    /// The source could not be asked, or could not tell.
    Away(String),
}

/// Who is asked. Every answer takes a bounded time.
pub(super) trait Ask: Send + Sync + 'static {
    /// The addresses of a host.
    fn addresses(&self, host: &Name, family: Family) -> impl Future<Output = Reply<IpAddr>> + Send;

    /// The SRV records of a name.
    fn services(&self, name: &Name) -> impl Future<Output = Reply<Service>> + Send;
}
