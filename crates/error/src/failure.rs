//! One occurrence of an error: what the caller may read and what the log says.

use crate::{Code, Entry};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A `google.protobuf.Any` inside `google.rpc.Status.details`: type URL and serialised message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// For example `type.googleapis.com/google.rpc.BadRequest`.
    pub type_url: String,
    /// The message's wire bytes.
    pub value: Bytes,
}

/// Why a request failed. Boxed inside, so that `Result<T, Failure>` stays small on the request path.
#[derive(Clone, Debug)]
pub struct Failure(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    detail: Cow<'static, str>,
    cause: Option<Cow<'static, str>>,
    details: Vec<Detail>,
    retry_after: Option<Duration>,
    allow: Option<String>,
}

impl Failure {
    /// A failure with the text its caller may read. An empty text means the catalogue's title says it all.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure(Box::new(Inner {
            code,
            detail: detail.into(),
            cause: None,
            details: Vec::new(),
            retry_after: None,
            allow: None,
        }))
    }

    /// Adds what only the log may say.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Cow<'static, str>>) -> Failure {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds `google.rpc` details, as they came from a service or were made here.
    #[must_use]
    pub fn with_details(mut self, details: Vec<Detail>) -> Failure {
        self.0.details = details;
        self
    }

    /// Adds when to come back (`Retry-After`, RFC 9110 §10.2.3).
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Failure {
        self.0.retry_after = Some(after);
        self
    }

    /// Adds the methods a path does have (`Allow`, RFC 9110 §10.2.1).
    #[must_use]
    pub fn with_allow(mut self, allow: String) -> Failure {
        self.0.allow = Some(allow);
        self
    }

    /// The catalogue's code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The catalogue's row.
    pub fn entry(&self) -> &'static Entry {
        self.0.code.entry()
    }

    /// What the caller may read about this occurrence; may be empty.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The caller's text, or the title where there is none: never empty.
    pub fn message(&self) -> &str {
        if self.0.detail.is_empty() { self.entry().title } else { &self.0.detail }
    }

    /// What only the log may say.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The `google.rpc` details.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// When to come back.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The value of `Allow`.
    pub fn allow(&self) -> Option<&str> {
        self.0.allow.as_deref()
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Failure {
        Failure::new(code, "")
    }
}

impl fmt::Display for Failure {
    /// The log's line: code, public text and internal cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.entry().name, self.message())?;
        if let Some(cause) = self.cause() {
            write!(f, " ({cause})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
