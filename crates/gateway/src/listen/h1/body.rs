//! A request body arriving on an HTTP/1 connection.

use super::wire::{Piece, Shared};
use crate::exchange::Exchange;
use crate::pace::Pace;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tenet_error::Failure;

/// A request body on an HTTP/1 connection. It is read when it is polled, so a slow upstream leaves the rest in the socket.
pub struct H1Body {
    wire: Shared,
    received: Rc<Cell<u64>>,
    pace: Pace,
}

impl H1Body {
    /// The body of `exchange`.
    pub fn new(wire: Shared, exchange: &Exchange) -> H1Body {
        let pace = Pace::of(exchange);
        wire.borrow().body_watch.arm(pace.pause());
        H1Body { wire, received: exchange.request_bytes.clone(), pace }
    }
}

impl Body for H1Body {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut wire = self.wire.borrow_mut();
        match wire.poll_body(cx) {
            Poll::Ready(Some(Ok(Piece::Data(data)))) => {
                self.received.set(self.received.get() + data.len() as u64);
                wire.body_watch.arm(self.pace.pause());
                self.pace.check(self.received.get())?;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Ok(Piece::Trailers(trailers)))) => {
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Poll::Ready(Some(Err(failure))) => Poll::Ready(Some(Err(failure))),
            Poll::Ready(None) => {
                wire.body_watch.disarm();
                Poll::Ready(None)
            }
            Poll::Pending => wire.body_watch.poll_passed(cx).map(|()| Some(Err(self.pace.paused()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.wire.borrow().body_complete()
    }
}
