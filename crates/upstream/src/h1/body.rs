//! The body of an HTTP/1.1 answer, read from the connection by whoever wants it.

use super::ConnectionLease;
use super::connection::Piece;
use super::upload::Beside;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::task::{Context, Poll, ready};
use tenet_error::Failure;

/// An answer that is not complete. Dropped, it closes the connection.
#[derive(Debug)]
pub(crate) struct H1Body {
    beside: Option<Beside>,
    pub(crate) lease: ConnectionLease,
}

impl H1Body {
    pub(crate) fn new(lease: ConnectionLease, beside: Option<Beside>) -> H1Body {
        H1Body { beside, lease }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(failure) = self.beside.as_ref().and_then(|beside| beside.poll_failure(cx)) {
            return Poll::Ready(Some(Err(failure)));
        }
        Poll::Ready(match ready!(self.lease.connection.poll_body(cx)) {
            Ok(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End) => None,
            Err(lost) => Some(Err(lost.failure())),
        })
    }

    pub(crate) fn is_end(&self) -> bool {
        self.lease.connection.is_end()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.lease.connection.left().map_or_else(SizeHint::new, SizeHint::with_exact)
    }

    /// The answer is complete: keeps the connection for the next call, if the request is complete too. An upload that still
    /// goes on is stopped, which only closing can do.
    pub(crate) fn complete(mut self) {
        if let Some(beside) = self.beside.take() {
            self.lease.connection.sender = beside.finish();
        }
        self.lease.complete();
    }
}
