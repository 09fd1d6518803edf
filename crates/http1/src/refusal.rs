//! Why input was refused.

use std::borrow::Cow;
use std::fmt;
use tenet_error::{Code, Failure};

/// Input that cannot be served. Answer it with `code`, then close: where the next message begins is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The row of the catalogue.
    pub code: Code,
    /// The place, what was found there and the rule it breaks; safe to show to the sender.
    pub detail: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code, detail: detail.into() }
    }

    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(Code::MalformedRequest, detail)
    }

    pub(crate) fn ambiguous(detail: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(Code::AmbiguousFraming, detail)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.detail)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::new(refusal.code, refusal.detail)
    }
}
