//! The body of an answer on its way in.

use crate::call::{Observed, may_pass};
use crate::fault;
use crate::h1::H1Body;
use crate::h2::StreamLease;
use crate::outgoing::Payload;
use crate::pump::Pump;
use crate::timer::Timer;
use ::h2::{Reason, RecvStream};
use bytes::Bytes;
use http::{header, response::Parts};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tenet_error::{Code, Failure};
use tokio::time::Instant;

/// An answer's body: data frames, then at most one frame of trailers.
///
/// What was handed out counts as read when the next frame is asked for; until then it stays in the HTTP/2 window, so a
/// reader that stalls stalls the instance at no more than the window.
///
/// Dropped before its end, it resets the HTTP/2 stream with CANCEL or closes the HTTP/1.1 connection, and stops the
/// request's body if that is still being sent.
#[derive(Debug)]
pub struct Incoming {
    state: State,
    deadline: Option<Instant>,
    /// Taken the first time the body is waited for: most bodies are there with their head.
    timer: Option<Timer>,
    /// Who wants to know how it ends.
    observed: Option<Box<Observed>>,
}

#[derive(Debug)]
enum State {
    H2(H2),
    H1(H1Body),
    Done,
}

#[derive(Debug)]
struct H2 {
    body: RecvStream,
    /// Bytes handed out and not yet counted as read.
    lent: usize,
    in_trailers: bool,
    /// `content-length` minus what came, where the answer has one.
    expected: Option<u64>,
    payload: Payload,
    // Dropped in this order: the stream is let go before the sending is stopped and the count lowered.
    _pump: Option<Pump>,
    lease: StreamLease,
}

impl Incoming {
    pub(crate) fn h2(
        body: RecvStream,
        head: &Parts,
        lease: StreamLease,
        pump: Option<Pump>,
        payload: Payload,
    ) -> Incoming {
        let state = if body.is_end_stream() {
            State::Done
        } else {
            let length = head.headers.get(header::CONTENT_LENGTH);
            let expected = length.and_then(|length| length.to_str().ok()?.parse().ok());
            State::H2(H2 { body, lent: 0, in_trailers: false, expected, payload, _pump: pump, lease })
        };
        Incoming { state, deadline: None, timer: None, observed: None }
    }

    pub(crate) fn h1(body: H1Body) -> Incoming {
        let mut incoming = Incoming { state: State::H1(body), deadline: None, timer: None, observed: None };
        incoming.settle();
        incoming
    }

    /// From now on polling fails with `DeadlineExceeded` once `deadline` has passed. A later call replaces the deadline.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Tells `observed` how the answer ends.
    pub(crate) fn observe(&mut self, observed: Observed) {
        // Boxed: only answers that stream have one, and all carry its room.
        self.observed = Some(Box::new(observed));
    }

    /// Gives an HTTP/1.1 connection back as soon as its answer is complete: a reader that knows the length may never ask again.
    fn settle(&mut self) {
        if matches!(&self.state, State::H1(body) if body.is_end()) {
            self.complete();
        }
    }

    fn complete(&mut self) {
        if let State::H1(body) = std::mem::replace(&mut self.state, State::Done) {
            body.complete();
        }
    }

    /// Whether the deadline has passed; takes a timer when there is one to wait for.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let local = match &self.state {
            State::H2(stream) => &stream.lease.slot().local,
            State::H1(body) => &body.lease.slot().local,
            State::Done => return Poll::Pending,
        };
        self.timer.get_or_insert_with(|| Timer::new(local)).poll_passed(deadline, cx)
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match &mut self.state {
            State::H2(stream) => stream.poll_frame(cx),
            State::H1(body) => body.poll_frame(cx),
            State::Done => Poll::Ready(None),
        }
    }
}

impl H2 {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.lent > 0 {
            // Fails only on a stream that is gone, which the next poll reports.
            let _ = self.body.flow_control().release_capacity(std::mem::take(&mut self.lent));
        }
        while !self.in_trailers {
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.lent = data.len();
                    self.expected = self.expected.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(self.ended(&error)),
                None => self.in_trailers = true,
            }
        }
        match ready!(self.body.poll_trailers(cx)) {
            Ok(Some(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Ok(None) => Poll::Ready(None),
            Err(error) => Poll::Ready(self.ended(&error)),
        }
    }

    /// RFC 9113 §8.1: a server that has answered completely may reset with NO_ERROR to be spared the rest of the request. That
    /// is an end and not a fault, but only where there was a rest.
    fn ended(&self, error: &::h2::Error) -> Option<Result<Frame<Bytes>, Failure>> {
        if let Some(failure) = self.payload.failure() {
            return Some(Err(failure));
        }
        let spared = error.is_remote() && error.is_reset() && error.reason() == Some(Reason::NO_ERROR);
        if spared && !self.payload.is_finished() && self.expected.unwrap_or(0) == 0 {
            return None;
        }
        Some(Err(fault::h2_failure(error)))
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        if matches!(this.state, State::Done) {
            return Poll::Ready(None);
        }
        // An armed timer is asked first: a body that is always ready must not outrun its deadline.
        let waited = this.timer.is_some();
        if waited && this.poll_deadline(cx).is_ready() {
            this.state = State::Done;
            return Poll::Ready(Some(Err(Failure::new(Code::DeadlineExceeded, ""))));
        }
        let frame = match this.poll_inner(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending if !waited && this.poll_deadline(cx).is_ready() => {
                Some(Err(
                    Failure::new(Code::DeadlineExceeded, "").with_cause("while reading the answer's body")
                ))
            }
            Poll::Pending => return Poll::Pending,
        };
        match &frame {
            Some(Ok(frame)) if frame.is_data() => this.settle(),
            Some(Ok(frame)) => {
                this.complete();
                if let Some(observed) = this.observed.take() {
                    observed.ended(frame.trailers_ref());
                }
            }
            None => {
                this.complete();
                if let Some(observed) = this.observed.take() {
                    observed.ended(None);
                }
            }
            Some(Err(failure)) => {
                // Dropping the state resets the stream or closes the connection.
                this.state = State::Done;
                if let Some(observed) = this.observed.take()
                    && may_pass(failure.code())
                {
                    observed.broke();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::H2(stream) => !stream.in_trailers && stream.body.is_end_stream(),
            State::H1(body) => body.is_end(),
            State::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::H2(stream) => stream.expected.map_or_else(SizeHint::new, SizeHint::with_exact),
            State::H1(body) => body.size_hint(),
            State::Done => SizeHint::with_exact(0),
        }
    }
}
