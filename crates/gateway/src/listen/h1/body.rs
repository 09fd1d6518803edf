//! A request body arriving on an HTTP/1 connection.

use super::wire::{Piece, Shared};
use crate::exchange::Exchange;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tenet_error::{Code, Failure};

/// A request body on an HTTP/1 connection. It is read when it is polled, so a slow upstream leaves the rest in the socket.
pub struct H1Body {
    wire: Shared,
    received: Rc<Cell<u64>>,
    body_time: Duration,
    min_rate: u64,
    began: Instant,
}

impl H1Body {
    /// The body of `exchange`.
    pub fn new(wire: Shared, exchange: &Exchange) -> H1Body {
        let limits = exchange.program.limits();
        let body_time = limits.body_time.duration();
        wire.borrow().watch.arm(body_time);
        H1Body {
            wire,
            received: exchange.request_bytes.clone(),
            body_time,
            min_rate: u64::from(limits.min_body_rate),
            began: exchange.started,
        }
    }

    /// A body that trickles in just fast enough never to pause holds its connection as well as one that stops.
    fn too_slow(&self) -> bool {
        let elapsed = self.began.elapsed();
        self.min_rate > 0
            && elapsed > self.body_time
            && self.received.get() < self.min_rate * (elapsed - self.body_time).as_secs()
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
                wire.watch.arm(self.body_time);
                if self.too_slow() {
                    return Poll::Ready(Some(Err(Failure::new(
                        Code::BodyTimeout,
                        format!("the body arrives slower than {} bytes per second", self.min_rate),
                    ))));
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Ok(Piece::Trailers(trailers)))) => {
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Poll::Ready(Some(Err(failure))) => Poll::Ready(Some(Err(failure))),
            Poll::Ready(None) => {
                wire.watch.disarm();
                Poll::Ready(None)
            }
            Poll::Pending => wire.watch.poll_passed(cx).map(|()| {
                Some(Err(Failure::new(
                    Code::BodyTimeout,
                    format!("the body paused for {:?}", self.body_time),
                )))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.wire.borrow().body_complete()
    }
}
