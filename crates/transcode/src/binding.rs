//! One REST binding compiled: how captures, query and body become the request message, and the response a body.

use crate::{Codec, CompileError, MessageId, ParseOptions, PrintOptions, RequestError, Unknowns, WireError};
use std::ops::Range;

/// A variable of the path template (`{user.id}`, `{name=shelves/*}`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The field path as written in the template.
    pub field_path: String,
    /// True when its pattern spans several segments: then `%2F` in a capture stays as it is (`google/api/http.proto`).
    pub multi_segment: bool,
}

/// What the HTTP request body is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyRule {
    /// Nothing: the request has no body (`GET`).
    None,
    /// The whole message (`body: "*"`); there are no query parameters.
    Whole,
    /// One top-level field; other fields come from path and query.
    Field(String),
}

/// The body of one request.
#[derive(Clone, Copy, Debug)]
pub enum RequestBody<'a> {
    /// ProtoJSON of what [`BodyRule`] names.
    Json(&'a [u8]),
    /// Raw bytes for a `google.api.HttpBody`, see [`Binding::takes_http_body`].
    Http {
        /// The request's `Content-Type`, empty when it has none.
        content_type: &'a str,
        /// The bytes as they came.
        data: &'a [u8],
    },
    /// No body was sent.
    Empty,
}

/// What [`Binding::response`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseKind {
    /// JSON was appended to `out`.
    Json,
    /// The response is a `google.api.HttpBody`: nothing was appended, the bytes stay where they are.
    HttpBody {
        /// Its `content_type`, possibly empty. Not checked to be a legal header value.
        content_type: String,
        /// Where its `data` lies in the wire bytes given.
        data: Range<usize>,
    },
}

/// One REST binding of a method, compiled against the tables of its messages.
#[derive(Clone, Debug)]
pub struct Binding {}

impl Binding {
    /// Compiles a binding. `response_body` names a top-level field of `output`, or nothing for all of it.
    pub fn compile(
        _codec: &Codec,
        _input: MessageId,
        _output: MessageId,
        _variables: &[Variable],
        _body: BodyRule,
        _response_body: Option<&str>,
    ) -> Result<Binding, CompileError> {
        todo!()
    }

    /// Appends the request message to `out`. `captures` are raw (still percent-encoded), one for each variable in
    /// order; `query` is what follows `?`, raw.
    #[allow(clippy::too_many_arguments)] // each is a separate part of one HTTP request
    pub fn request(
        &self,
        _codec: &Codec,
        _captures: &[&str],
        _query: Option<&str>,
        _body: RequestBody<'_>,
        _options: &ParseOptions,
        _out: &mut Vec<u8>,
        _unknown: &mut Unknowns,
    ) -> Result<(), RequestError> {
        todo!()
    }

    /// Turns the response message into the HTTP body.
    pub fn response(
        &self,
        _codec: &Codec,
        _wire: &[u8],
        _options: &PrintOptions,
        _out: &mut Vec<u8>,
    ) -> Result<ResponseKind, WireError> {
        todo!()
    }

    /// True when the request body is a `google.api.HttpBody`: any media type is taken, as raw bytes.
    pub fn takes_http_body(&self) -> bool {
        todo!()
    }

    /// True when the response body is a `google.api.HttpBody`.
    pub fn gives_http_body(&self) -> bool {
        todo!()
    }
}
