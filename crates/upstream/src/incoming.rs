//! The body of an answer on its way in.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tenet_error::Failure;
use tokio::time::Instant;

/// An answer's body: data frames, then at most one frame of trailers.
///
/// Dropped before its end, it resets the HTTP/2 stream with CANCEL or closes the HTTP/1.1 connection, and stops the
/// request's body if that is still being sent.
#[derive(Debug)]
pub struct Incoming {}

impl Incoming {
    /// From now on polling fails with `DeadlineExceeded` once `deadline` has passed. A later call replaces the deadline.
    pub fn set_deadline(&mut self, deadline: Instant) {
        let _ = deadline;
        todo!()
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let _ = cx;
        todo!()
    }

    fn is_end_stream(&self) -> bool {
        todo!()
    }

    fn size_hint(&self) -> SizeHint {
        todo!()
    }
}
