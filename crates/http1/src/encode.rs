//! Responses and requests: heads, chunks, interim 100.
//!
//! The encoder writes the framing and connection fields itself and leaves out whatever the header map says about them,
//! so a message can never carry two lengths. Names and values cannot smuggle a line end: `http`'s types exclude it.

mod request;

pub use request::{RequestFraming, request_head};

use crate::hop::is_connection_field;
use crate::trailers;
use crate::{RequestHead, Version};
use bytes::{BufMut, BytesMut};
use http::header::{CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue, TRAILER};
use http::{Method, StatusCode};
use std::num::NonZeroUsize;

/// Ends a chunk's data.
pub const CHUNK_END: &[u8; 2] = b"\r\n";

/// Room for status line, date and framing fields, so that a typical head is reserved once.
const FIXED_BYTES: usize = 160;

/// How the end of a response's body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow; write them with [`chunk`] and [`last_chunk`]. Never for HTTP/1.0.
    Chunked,
    /// Nothing follows and nothing is said of a length: 204, and 304 or answers to `HEAD` of unknown length.
    None,
    /// Nothing follows, and `Content-Length` says what a `GET` would have had: 304 and answers to `HEAD`.
    NoneOf(u64),
    /// The body ends with the connection: HTTP/1.0 without a length. `Connection: close` is written.
    Close,
}

impl Framing {
    /// The framing of an answer to a request of this method and version, for a body of `length` bytes or of unknown
    /// length.
    pub fn choose(version: Version, method: &Method, status: StatusCode, length: Option<u64>) -> Framing {
        // RFC 9110 §8.6: no Content-Length in 1xx and 204. RFC 9112 §6.3 rule 1: no body in those, 304 and HEAD.
        if status.is_informational() || status == StatusCode::NO_CONTENT {
            return Framing::None;
        }
        let silent = *method == Method::HEAD || status == StatusCode::NOT_MODIFIED;
        match (length, version) {
            (Some(length), _) if silent => Framing::NoneOf(length),
            (None, _) if silent => Framing::None,
            (Some(length), _) => Framing::Length(length),
            (None, Version::Http11) => Framing::Chunked,
            (None, Version::Http10) => Framing::Close,
        }
    }

    /// Whether bytes follow the head.
    pub fn has_body(self) -> bool {
        !matches!(self, Framing::None | Framing::NoneOf(_) | Framing::Length(0))
    }
}

/// What happens to the connection behind a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Another request may follow.
    KeepAlive,
    /// The connection is closed.
    Close,
}

impl Connection {
    /// Keeps alive what the request asks to keep alive, unless the server is `draining`.
    pub fn choose(request: &RequestHead, framing: Framing, draining: bool) -> Connection {
        if request.keep_alive && !draining && framing != Framing::Close {
            Connection::KeepAlive
        } else {
            Connection::Close
        }
    }
}

/// Appends a response head. `version` is the request's: the status line says HTTP/1.1 either way (RFC 9110 §6.2), but
/// an HTTP/1.0 peer has to be told that the connection stays open.
///
/// Connection fields, `Content-Length` and `Transfer-Encoding` of `headers` are left out, as is `Trailer` unless chunks
/// follow. `date` is an HTTP date (RFC 9110 §5.6.7), written unless `headers` have one of the origin's; empty for a
/// server without a clock.
pub fn response_head(
    out: &mut BytesMut,
    version: Version,
    status: StatusCode,
    headers: &HeaderMap,
    framing: Framing,
    connection: Connection,
    date: &[u8],
) {
    let fields: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    out.reserve(FIXED_BYTES + fields);
    status_line(out, status);
    let mut dated = date.is_empty();
    for (name, value) in headers {
        if *name == CONTENT_LENGTH
            || is_connection_field(name)
            || (*name == TRAILER && framing != Framing::Chunked)
        {
            continue;
        }
        dated |= *name == DATE;
        field(out, name, value);
    }
    if !dated {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(b"\r\n");
    }
    match framing {
        Framing::Length(length) | Framing::NoneOf(length) => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::None | Framing::Close => {}
    }
    match (connection, version) {
        _ if framing == Framing::Close => out.extend_from_slice(b"connection: close\r\n"),
        (Connection::Close, _) => out.extend_from_slice(b"connection: close\r\n"),
        (Connection::KeepAlive, Version::Http10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (Connection::KeepAlive, Version::Http11) => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends one chunk; an empty one is left out, because it would end the body.
pub fn chunk(out: &mut BytesMut, data: &[u8]) {
    if let Some(length) = NonZeroUsize::new(data.len()) {
        chunk_head(out, length);
        out.extend_from_slice(data);
        out.extend_from_slice(CHUNK_END);
    }
}

/// Appends the line before a chunk of `length` bytes, whose data and [`CHUNK_END`] the caller writes: for vectored
/// writes that do not copy.
pub fn chunk_head(out: &mut BytesMut, length: NonZeroUsize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - length.get().leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.put_u8(HEX[length.get() >> (4 * place) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk and the trailer section. Fields that RFC 9110 §6.5.1 keeps out of trailers are left out.
pub fn last_chunk(out: &mut BytesMut, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if trailers::allowed(name) && !is_connection_field(name) {
            field(out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the interim response that lets a peer send its body (RFC 9110 §15.2.1). Never for HTTP/1.0.
pub fn continue_100(out: &mut BytesMut) {
    out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
}

fn status_line(out: &mut BytesMut, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    // The space stays where the reason is empty (RFC 9112 §4).
    out.put_u8(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
