//! HTTP/1.1 to an instance: one call at a time on a connection, which is kept for the next.
//!
//! A call drives its connection itself. Kept ones are looked at when they are taken and by the upkeep: what the peer
//! did in between is known to the runtime by then.

mod body;
mod connection;
mod sender;
mod upload;

pub(crate) use body::H1Body;
pub(crate) use connection::Connection;

use crate::call::{Head, Outbound, Share};
use crate::fault::Fault;
use crate::incoming::Incoming;
use crate::instance::{lower, raise};
use crate::outgoing::Payload;
use crate::slot::Slot;
use connection::Lost;
use http::{HeaderMap, Method, Response, StatusCode, header};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use tenet_error::{Code, Failure};
use tenet_http1::encode::{self, RequestFraming};
use tenet_http1::{ResponseHead, Version};
use upload::{Beside, Broken, Upload};

/// A connection while a call has it. Dropped before the call is complete, it closes the connection: HTTP/1.1 has no other
/// way to stop an answer.
#[derive(Debug)]
pub(crate) struct ConnectionLease {
    // Dropped in this order: whoever waits for a connection finds this one gone.
    pub(crate) connection: Box<Connection>,
    busy: Busy,
}

/// A call in the counts.
#[derive(Debug)]
struct Busy(Rc<Slot>);

impl Drop for Busy {
    fn drop(&mut self) {
        lower(&self.0.counters.in_flight);
        self.0.released();
    }
}

impl ConnectionLease {
    /// The answer is complete: keeps the connection for the next call, if nothing speaks against it.
    fn complete(self) {
        let ConnectionLease { mut connection, busy } = self;
        if busy.0.keeps_idle() && connection.rests() {
            busy.0.h1.borrow_mut().push(connection);
        }
    }

    pub(crate) fn slot(&self) -> &Rc<Slot> {
        &self.busy.0
    }
}

/// The connection used last that is alive, so that those not needed grow old and close.
fn take(slot: &Rc<Slot>) -> Option<ConnectionLease> {
    let connection = loop {
        let mut connection = slot.h1.borrow_mut().pop()?;
        if !connection.used || connection.is_quiet() {
            break connection;
        }
    };
    raise(&slot.counters.in_flight);
    Some(ConnectionLease { connection, busy: Busy(slot.clone()) })
}

/// One attempt: the request on a connection, until the answer's head.
pub(crate) async fn attempt(
    slot: &Rc<Slot>,
    out: &Outbound<'_>,
    share: &Share,
) -> Result<Response<Incoming>, Fault> {
    let Outbound { head, payload, progress, .. } = *out;
    let lease = match take(slot) {
        Some(lease) => lease,
        None => Box::pin(slot.acquire(take)).await?,
    };
    out.dress(share);
    let mut exchange = Exchange::begin(lease, head, payload).map_err(Fault::Final)?;
    raise(&slot.counters.calls);
    raise(&out.lane.counters.attempts);
    progress.sent();
    match poll_fn(|cx| exchange.poll_head(cx)).await {
        Ok(answer) if answer.status == StatusCode::SWITCHING_PROTOCOLS => {
            let failure =
                Failure::new(Code::UpstreamProtocol, "").with_cause("101 although no upgrade was asked for");
            Err(Fault::Final(failure))
        }
        Ok(answer) => Ok(exchange.respond(answer)),
        Err(Unanswered::Source(failure)) => Err(Fault::Final(failure)),
        Err(Unanswered::Lost(lost)) => {
            let connection = &exchange.lease.connection;
            if !connection.has_written() {
                progress.never_ran();
                return Err(stale(slot, lost.failure()));
            }
            // RFC 9112 §9.3.1: a kept connection may have been closed as the request went out. The others kept with it are most
            // likely dead, too; whether the request is sent again is decided as for any other that may have run.
            if connection.used && !connection.is_answered() {
                let dead = slot.h1.take();
                drop(dead);
            }
            Err(Fault::Final(lost.failure()))
        }
    }
}

/// A request and its answer's head on a connection.
struct Exchange {
    lease: ConnectionLease,
    to_head: bool,
    /// What is left to be sent.
    sending: Option<Upload>,
}

/// Why an exchange has no answer.
enum Unanswered {
    Source(Failure),
    Lost(Lost),
}

impl Exchange {
    /// Puts the request into the connection's buffer. A call that is repeated begins again from its head.
    fn begin(mut lease: ConnectionLease, head: &Head, payload: &Payload) -> Result<Exchange, Failure> {
        let connection = &mut *lease.connection;
        connection.begin();
        let Some(sender) = &mut connection.sender else {
            return Err(Failure::new(Code::Internal, "").with_cause("a connection without its writing half"));
        };
        let framing = framing(head, payload)?;
        encode::request_head(sender.begin(), &head.method, &head.uri, &head.headers.borrow(), framing);
        let sending = match payload {
            Payload::Empty => Upload::held(),
            Payload::Full(bytes) => {
                sender.push(bytes.clone());
                Upload::held()
            }
            Payload::Stream(source) => {
                let length = match framing {
                    RequestFraming::Length(length) => Some(length),
                    RequestFraming::None | RequestFraming::Chunked => None,
                };
                Upload::new(source.clone(), length)
            }
        };
        Ok(Exchange { lease, to_head: head.method == Method::HEAD, sending: Some(sending) })
    }

    /// Sends and waits for the answer's head at the same time: an instance may answer before it has read all.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Unanswered>> {
        let connection = &mut *self.lease.connection;
        let sent = match (&mut self.sending, &mut connection.sender) {
            (Some(upload), Some(sender)) => upload.poll(sender, cx),
            (None, _) | (_, None) => Poll::Pending,
        };
        match sent {
            Poll::Ready(Ok(())) => self.sending = None,
            Poll::Ready(Err(Broken::Source(failure))) => {
                return Poll::Ready(Err(Unanswered::Source(failure)));
            }
            Poll::Ready(Err(Broken::Wire(error))) if !connection.has_written() => {
                return Poll::Ready(Err(Unanswered::Lost(Lost::Io(error))));
            }
            Poll::Ready(Err(Broken::Wire(_))) => {
                // The answer that made the peer close may have come before; else reading says what happened.
                self.sending = None;
                connection.closes = true;
            }
            Poll::Pending => {}
        }
        connection.poll_head(self.to_head, cx).map_err(Unanswered::Lost)
    }

    fn respond(self, head: ResponseHead) -> Response<Incoming> {
        let Exchange { mut lease, sending, .. } = self;
        let is_end = lease.connection.is_end();
        let beside = match (sending, lease.connection.sender.take()) {
            // An answer that is complete needs no more of the request: without its sender the connection closes.
            (Some(_), _) if is_end => None,
            (Some(upload), Some(sender)) => Some(Beside::start(upload, sender)),
            (_, sender) => {
                lease.connection.sender = sender;
                None
            }
        };
        let body = H1Body::new(lease, beside);
        let mut response = Response::new(Incoming::h1(body));
        *response.status_mut() = head.status;
        *response.version_mut() = match head.version {
            Version::Http10 => http::Version::HTTP_10,
            Version::Http11 => http::Version::HTTP_11,
        };
        *response.headers_mut() = head.headers;
        response
    }
}

/// How the request says its length.
fn framing(head: &Head, payload: &Payload) -> Result<RequestFraming, Failure> {
    Ok(match payload {
        // RFC 9110 §8.6: without a length, a server may wait for the body that these methods usually have.
        Payload::Empty if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => {
            RequestFraming::Length(0)
        }
        Payload::Empty => RequestFraming::None,
        Payload::Full(bytes) => RequestFraming::Length(bytes.len() as u64),
        Payload::Stream(source) => {
            match said_length(&head.headers.borrow())?.or_else(|| source.exact_length()) {
                Some(length) => RequestFraming::Length(length),
                None => RequestFraming::Chunked,
            }
        }
    })
}

/// The length the caller promises of a stream.
fn said_length(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    match value.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(length) => Ok(Some(length)),
        None => Err(Failure::new(Code::Internal, "")
            .with_cause("the request cannot be sent: its Content-Length is not a number")),
    }
}

/// A kept connection turned out to be dead: the others kept with it are most likely dead too, and the next try shall be on a
/// new one.
fn stale(slot: &Slot, failure: Failure) -> Fault {
    let dead = slot.h1.take();
    drop(dead);
    Fault::Renew(failure)
}
