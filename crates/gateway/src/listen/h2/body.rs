//! A request body arriving on an HTTP/2 stream.

use super::request::field_values;
use crate::exchange::Exchange;
use crate::pace::Pace;
use crate::watch::Watch;
use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::{Body, Frame};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tenet_error::{Code, Failure};

/// A request body on an HTTP/2 stream. The window is given back when the phases take the data, so a slow upstream holds the
/// caller at one window (RFC 9113 §5.2).
pub struct H2Body {
    receive: RecvStream,
    watch: Watch,
    /// `None` for a stream of calls, which may rest between messages as long as its deadline allows.
    pace: Option<Pace>,
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
            pace: Some(Pace::of(exchange)),
            received: exchange.request_bytes.clone(),
            data_done: false,
        })
    }

    /// Lifts the bounds on how fast it arrives.
    pub fn without_pace(mut self) -> H2Body {
        self.pace = None;
        self
    }

    fn waiting(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Some(pace) = &self.pace else { return Poll::Pending };
        self.watch.poll_passed(cx).map(|()| Some(Err(pace.paused())))
    }

    fn arm(&self) {
        if let Some(pace) = &self.pace {
            self.watch.arm(pace.pause());
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
                    if let Some(pace) = &this.pace {
                        pace.check(this.received.get())?;
                    }
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
            Poll::Ready(Ok(Some(trailers))) => {
                Poll::Ready(Some(field_values(&trailers).map(|()| Frame::trailers(trailers))))
            }
            Poll::Ready(Ok(None)) => Poll::Ready(None),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(failed(&error)))),
            Poll::Pending => this.waiting(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.receive.is_end_stream()
    }
}
