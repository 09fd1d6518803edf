//! HTTP/1.1 downstream, on the codec in `tenet-http1`: one connection, its requests in turn.

mod body;
mod respond;
mod wire;

pub use body::H1Body;

use super::io::Io;
use crate::body::RequestBody;
use crate::exchange::{Exchange, Head, Peer, Protocol};
use crate::phase;
use crate::worker::Worker;
use bytes::BytesMut;
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tenet_error::{Code, Failure};
use tenet_http1::{BodyLength, HeadParser, RequestHead, Version};
use wire::{Shared, Wire};

/// While draining, an idle connection is kept this long for a request that may already be on its way; its answer
/// then says `Connection: close`.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// After a refusal the rest of what the peer sends is read and dropped for this long, so that closing does not reset the
/// connection before the answer was read (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_millis(500);

/// Serves one HTTP/1 connection whose first bytes are in `prefix`.
pub async fn serve(worker: Rc<Worker>, peer: Rc<Peer>, io: Io, prefix: BytesMut) {
    let wire: Shared = Rc::new(RefCell::new(Wire::new(io, prefix, worker.watch(), worker.watch())));
    let mut parser = HeadParser::new();
    let mut first = true;
    loop {
        let head = match read_head(&worker, &peer, &wire, &mut parser, first).await {
            Ok(Some(head)) => head,
            Ok(None) => break,
            Err(failure) => {
                refuse(&worker, &peer, &wire, &failure).await;
                break;
            }
        };
        first = false;
        if !exchange(&worker, &peer, &wire, head).await {
            break;
        }
    }
    let _ = poll_fn(|cx| wire.borrow_mut().poll_shutdown(cx)).await;
}

/// The next request's head; `None` when the connection ends between requests.
async fn read_head(
    worker: &Worker,
    peer: &Peer,
    wire: &Shared,
    parser: &mut HeadParser,
    first: bool,
) -> Result<Option<RequestHead>, Failure> {
    let program = worker.program();
    let limits = program.head_limits();
    let times = program.limits();
    let mut begun = false;
    let mut draining = false;
    wire.borrow().watch.arm(if first { times.header_time.duration() } else { times.idle_time.duration() });
    poll_fn(|cx| {
        let mut wire = wire.borrow_mut();
        loop {
            if !wire.input.is_empty() {
                if let Some(head) = parser.parse(&mut wire.input, limits)? {
                    wire.watch.disarm();
                    return Poll::Ready(Ok(Some(head)));
                }
                if !begun && parser.has_begun(&wire.input) {
                    begun = true;
                    peer.waiting_since.set(Instant::now());
                    wire.watch.arm(times.header_time.duration());
                }
            }
            match wire.poll_fill(limits.head + limits.target, cx) {
                Poll::Ready(Ok(0)) if begun => {
                    // Nobody is left to answer; the record still says what happened.
                    return Poll::Ready(Err(Failure::new(
                        Code::Cancelled,
                        "the connection ended within a head",
                    )));
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(_)) => continue,
                Poll::Pending => {}
            }
            if !begun && !draining && worker.draining(peer.door) {
                draining = true;
                wire.watch.arm(DRAIN_GRACE);
            }
            return match wire.watch.poll_passed(cx) {
                Poll::Ready(()) if begun => Poll::Ready(Err(Failure::new(
                    Code::HeaderTimeout,
                    format!("the head was not complete after {}", times.header_time),
                ))),
                Poll::Ready(()) => Poll::Ready(Ok(None)),
                Poll::Pending => Poll::Pending,
            };
        }
    })
    .await
}

/// Answers what never became a request, and leaves a record of it.
async fn refuse(worker: &Rc<Worker>, peer: &Rc<Peer>, wire: &Shared, failure: &Failure) {
    worker.refuse(peer, failure.code());
    if failure.code() == Code::Cancelled {
        return;
    }
    let answer = phase::respond::refusal(worker, failure);
    if respond::refusal(worker, wire, answer).await {
        linger(wire).await;
    }
}

/// Reads and drops what the peer still sends, within [`LINGER`].
async fn linger(wire: &Shared) {
    wire.borrow().watch.arm(LINGER);
    let _ = poll_fn(|cx| wire.borrow_mut().poll_shutdown(cx)).await;
    poll_fn(|cx| wire.borrow_mut().poll_discard(cx)).await;
}

/// Serves one request; whether another may follow on the connection.
async fn exchange(worker: &Rc<Worker>, peer: &Rc<Peer>, wire: &Shared, head: RequestHead) -> bool {
    let RequestHead { method, target, version, headers, body, keep_alive, expect_continue, .. } = head;
    let protocol = if version == Version::Http10 { Protocol::Http10 } else { Protocol::Http11 };
    let head_request = method == http::Method::HEAD;
    let head = Head {
        method,
        target: target.path_and_query().clone(),
        authority: target.authority().cloned(),
        headers,
        protocol,
    };
    let mut exchange = Exchange::begin(worker, peer, head);
    let has_body = body != BodyLength::None && body != BodyLength::Exact(0);
    wire.borrow_mut().begin_body(body, exchange.program.head_limits(), expect_continue);
    let request_body = has_body.then(|| RequestBody::H1(H1Body::new(wire.clone(), &exchange)));
    let gone = |cx: &mut Context<'_>| wire.borrow_mut().poll_gone(cx).map(|()| Code::Cancelled);
    let Some(answer) = phase::serve_while(&mut exchange, request_body, gone).await else { return false };
    let close = !keep_alive
        || worker.draining(peer.door)
        // A body that stopped is not waited for a second time (RFC 9110 §15.5.9).
        || answer.code == Code::BodyTimeout
        || !wire.borrow_mut().body_can_be_passed_over();
    let written = respond::write(exchange, wire, answer, version, head_request, close).await;
    if !written {
        return false;
    }
    if close {
        if !wire.borrow().body_complete() {
            linger(wire).await;
        }
        return false;
    }
    pass_over_body(worker, wire).await
}

/// Reads what is left of a body nobody wanted, so that the next request can follow; see
/// [`Wire::body_can_be_passed_over`] for its bound.
async fn pass_over_body(worker: &Worker, wire: &Shared) -> bool {
    if wire.borrow().body_complete() {
        return true;
    }
    wire.borrow().watch.arm(worker.program().limits().body_time.duration());
    poll_fn(|cx| wire.borrow_mut().poll_pass_over(cx)).await
}
