//! What the phases answer with, before a protocol writes it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_upstream::Incoming;

/// A response on its way to the caller.
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Header fields without framing ones: the protocol adds those.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// How the exchange ends if the body is delivered; a stream's trailers may still change it.
    pub code: Code,
}

/// A response's body.
pub enum Body {
    /// None at all: also no `Content-Length` where the status forbids it.
    Empty,
    /// Whole and in memory.
    Full(Bytes),
    /// Passed on as it comes from upstream.
    Stream {
        /// The upstream's body.
        incoming: Incoming,
        /// Its length, where the upstream said so.
        length: Option<u64>,
        /// Whether its trailers carry a `grpc-status`.
        grpc: bool,
    },
    /// What `GET` would have carried is not sent, its length is (HEAD).
    Head {
        /// The length `GET` would have had, where known.
        length: Option<u64>,
    },
}

impl Answer {
    /// A whole body with its media type.
    pub fn full(status: StatusCode, content_type: HeaderValue, body: Bytes, code: Code) -> Answer {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(http::header::CONTENT_TYPE, content_type);
        Answer { status, headers, body: Body::Full(body), code }
    }

    /// No body.
    pub fn empty(status: StatusCode, code: Code) -> Answer {
        Answer { status, headers: HeaderMap::with_capacity(4), body: Body::Empty, code }
    }

    /// As HEAD wants it: the body's length without the body.
    pub fn without_body(mut self) -> Answer {
        self.body = match self.body {
            Body::Full(bytes) => Body::Head { length: Some(bytes.len() as u64) },
            Body::Stream { length, .. } => Body::Head { length },
            other => other,
        };
        self
    }
}

/// The failure of an upstream that sent nothing for `longest`.
pub fn silent(longest: Duration) -> Failure {
    Failure::from(Code::DeadlineExceeded).with_cause(format!("the instance sent nothing for {longest:?}"))
}
