//! A request body arriving on an HTTP/2 stream.

use crate::exchange::Exchange;
use crate::watch::Watch;
use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::{Body, Frame};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tenet_error::{Code, Failure};

/// A request body on an HTTP/2 stream. The window is given back when the phases take the data, so a slow upstream holds the
/// caller at one window (RFC 9113 §5.2).
pub struct H2Body {
    receive: RecvStream,
    watch: Watch,
    body_time: Duration,
    received: Rc<Cell<u64>>,
    data_done: bool,
}

impl H2Body {
    /// The body of `exchange`, or `None` when the request ended with its head.
    pub fn new(receive: RecvStream, exchange: &Exchange) -> Option<H2Body> {
        if receive.is_end_stream() {
            return None;
        }
        Some(H2Body {
            receive,
            watch: exchange.worker.watch(),
            body_time: exchange.program.limits().body_time.duration(),
            received: exchange.request_bytes.clone(),
            data_done: false,
        })
    }

    /// A stream of calls may rest between messages as long as its deadline allows: no body time.
    pub fn without_body_time(mut self) -> H2Body {
        self.body_time = Duration::ZERO;
        self
    }

    fn waiting(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.watch.poll_passed(cx).map(|()| Some(Err(Code::BodyTimeout.into())))
    }

    fn arm(&self) {
        if !self.body_time.is_zero() {
            self.watch.arm(self.body_time);
        }
    }
}

/// What a failed receive means: the peer cancelled, or broke the protocol.
fn failed(error: &h2::Error) -> Failure {
    match error.reason() {
        Some(Reason::CANCEL | Reason::NO_ERROR) | None => Code::Cancelled.into(),
        Some(reason) if error.is_remote() => Failure::new(Code::Cancelled, "")
            .with_cause(format!("the caller reset the stream with {reason:?}")),
        Some(reason) => {
            Failure::new(Code::ProtocolViolation, format!("the request's stream failed: {reason}"))
        }
    }
}

impl Body for H2Body {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        if !this.data_done {
            match this.receive.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => {
                    this.arm();
                    this.received.set(this.received.get() + data.len() as u64);
                    // Cannot fail: exactly what was received is released.
                    let _ = this.receive.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(failed(&error)))),
                Poll::Ready(None) => this.data_done = true,
                Poll::Pending => {
                    if this.received.get() == 0 {
                        this.arm();
                    }
                    return this.waiting(cx);
                }
            }
        }
        match this.receive.poll_trailers(cx) {
            Poll::Ready(Ok(Some(trailers))) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Poll::Ready(Ok(None)) => Poll::Ready(None),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(failed(&error)))),
            Poll::Pending => {
                ready!(this.watch.poll_passed(cx));
                Poll::Ready(Some(Err(Code::BodyTimeout.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.receive.is_end_stream()
    }
}
