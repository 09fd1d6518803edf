//! HTTP/1.1 to an instance: one call at a time on a connection, which is kept for the next.

use crate::call::{Head, Progress};
use crate::fault::{self, Fault};
use crate::incoming::Incoming;
use crate::instance::{lower, raise};
use crate::outgoing::{H1Body, Payload};
use crate::slot::{Open, Slot};
use crate::wire::{Traffic, Wire};
use http::response::Parts;
use http::{StatusCode, Version, header};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use std::rc::Rc;
use tenet_error::{Code, Failure};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::Instant;

/// hyper's least read buffer, which is what it takes a head limit for.
const MIN_BUFFER: usize = 8192;

/// An open connection.
#[derive(Debug)]
pub(crate) struct H1Connection {
    sender: SendRequest<H1Body>,
    traffic: Rc<Traffic>,
    driver: AbortHandle,
    /// Whether it has carried a call: only then can it have gone stale unnoticed.
    used: bool,
    /// Whether the peer said that it closes after this answer.
    closes: bool,
    /// When the upkeep first saw it without a call.
    idle_since: Option<Instant>,
}

impl H1Connection {
    /// Whether it should be kept without a call.
    pub(crate) fn keep(&mut self, slot: &Slot, now: Instant) -> bool {
        let since = *self.idle_since.get_or_insert(now);
        !self.sender.is_closed() && now - since < slot.local.options.idle_timeout
    }
}

/// Starts a connection's driver.
pub(crate) async fn establish(
    slot: &Rc<Slot>,
    wire: Wire,
    traffic: Rc<Traffic>,
) -> Result<H1Connection, String> {
    let options = &slot.local.options;
    let (sender, connection) = Builder::new()
        .max_buf_size((options.max_header_list as usize).max(MIN_BUFFER))
        .max_headers(options.max_headers)
        .handshake(TokioIo::new(wire))
        .await
        .map_err(|error| error.to_string())?;
    let open = Open::new(slot);
    let driver = spawn_local(async move {
        let _open = open;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "HTTP/1.1 connection ended");
        }
    });
    Ok(H1Connection {
        sender,
        traffic,
        driver: driver.abort_handle(),
        used: false,
        closes: false,
        idle_since: None,
    })
}

/// A connection while a call has it. Dropped before the call is complete, it closes the connection: HTTP/1.1 has no other
/// way to stop an answer.
#[derive(Debug)]
pub(crate) struct ConnectionLease {
    connection: Option<H1Connection>,
    slot: Rc<Slot>,
}

impl ConnectionLease {
    /// Waits for the little that may be left of the answer before; false when the connection was closed instead.
    async fn is_ready(&mut self) -> bool {
        match &mut self.connection {
            Some(one) => !one.used || one.sender.is_ready() || one.sender.ready().await.is_ok(),
            None => false,
        }
    }

    /// Notes that the peer will close the connection after this answer.
    fn closes(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.closes = true;
        }
    }

    /// The answer is complete: keeps the connection for the next call, if the request is complete too.
    pub(crate) fn complete(mut self, payload: &Payload) {
        if payload.is_finished()
            && self.slot.keeps_idle()
            && let Some(mut connection) = self.connection.take_if(|one| !one.closes)
        {
            connection.used = true;
            connection.idle_since = None;
            self.slot.h1.borrow_mut().push(connection);
        }
    }
}

impl Drop for ConnectionLease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.driver.abort();
        }
        lower(&self.slot.counters.in_flight);
        self.slot.released();
    }
}

/// The connection used last that is ready, so that those not needed grow old and close.
fn take(slot: &Rc<Slot>) -> Option<ConnectionLease> {
    let mut idle = slot.h1.borrow_mut();
    idle.retain(|one| !one.sender.is_closed());
    // One whose answer was read a moment ago may not have noticed yet; it is the second choice.
    let ready = idle.iter().rposition(|one| !one.used || one.sender.is_ready());
    let chosen = ready.or(idle.len().checked_sub(1))?;
    let connection = idle.remove(chosen);
    raise(&slot.counters.in_flight);
    Some(ConnectionLease { connection: Some(connection), slot: slot.clone() })
}

/// One attempt: the request on a connection, until the answer's head.
pub(crate) async fn attempt(
    slot: &Rc<Slot>,
    head: &Head,
    payload: &Payload,
    progress: &Progress,
) -> Result<http::Response<Incoming>, Fault> {
    // Ends: each turn but the last uses up a kept connection that turned out to be closed, and the caller bounds the time.
    let mut lease = loop {
        let mut lease = slot.acquire(take).await?;
        if lease.is_ready().await {
            break lease;
        }
    };
    let Some(connection) = lease.connection.as_mut() else {
        return Err(Fault::Final(
            Failure::new(Code::Internal, "").with_cause("a lease without its connection"),
        ));
    };
    let request = head.for_h1(H1Body(payload.clone())).map_err(Fault::Final)?;
    let (read, written) = (connection.traffic.read.get(), connection.traffic.written.get());
    raise(&slot.counters.calls);
    progress.sent();
    match connection.sender.try_send_request(request).await {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let failure =
                Failure::new(Code::UpstreamProtocol, "").with_cause("101 although no upgrade was asked for");
            Err(Fault::Final(failure))
        }
        Ok(response) => {
            let (parts, body) = response.into_parts();
            if closes_after(&parts) {
                lease.closes();
            }
            Ok(http::Response::from_parts(parts, Incoming::h1(body, lease, payload.rest())))
        }
        Err(mut error) => {
            if let Some(failure) = payload.failure() {
                return Err(Fault::Final(failure));
            }
            let failure = fault::h1_failure(error.error());
            if error.take_message().is_some() || connection.traffic.written.get() == written {
                progress.never_ran();
                return Err(stale(slot, failure));
            }
            // RFC 9110 §9.2.2, RFC 9112 §9.3.1: a kept connection may have been closed as the request went out; what is
            // idempotent may be sent again by itself.
            let unanswered = connection.used && connection.traffic.read.get() == read;
            if unanswered
                && head.method.is_idempotent()
                && payload.is_replayable()
                && failure.code() != Code::Internal
            {
                progress.may_have_run();
                return Err(stale(slot, failure));
            }
            Err(Fault::Final(failure))
        }
    }
}

/// RFC 9112 §9.3: whether no further request may follow this answer.
fn closes_after(head: &Parts) -> bool {
    let says = |word: &str| {
        let values = head.headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
    };
    says("close") || (head.version == Version::HTTP_10 && !says("keep-alive"))
}

/// A kept connection turned out to be dead: the others kept with it are most likely dead too, and the next try shall be on a
/// new one.
fn stale(slot: &Slot, failure: Failure) -> Fault {
    let dead = slot.h1.take();
    drop(dead);
    Fault::Renew(failure)
}
