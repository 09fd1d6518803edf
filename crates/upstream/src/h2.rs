//! HTTP/2 to an instance: one connection carries many calls; a call is one stream.

use crate::call::{Outbound, Share, make_known};
use crate::fault::{self, Fault};
use crate::incoming::Incoming;
use crate::instance::{lower, raise};
use crate::outgoing::Payload;
use crate::pump::Pump;
use crate::slot::{Open, Slot};
use crate::wire::{Traffic, Wire};
use ::h2::client::{Builder, SendRequest};
use ::h2::{Ping, PingPong};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tenet_error::Code;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::Instant;

/// Calls after which a connection takes no more: half of the 2^30 stream ids a client has (RFC 9113 §5.1.1), so that running out
/// is never met by a call.
const MAX_CALLS: u64 = 1 << 29;

/// PINGs in a row to a peer that answers nothing else. gRPC servers tolerate two that come sooner than they like before
/// they close the connection (gRPC A8); an open stream may well be silent for longer, and then TCP keep-alive watches.
const MAX_SILENT_PINGS: u8 = 2;

/// Bytes h2 buffers of one stream's request body before it reports no capacity.
const MAX_SEND_BUFFER: usize = 64 << 10;

/// An established connection.
#[derive(Debug)]
pub(crate) struct H2Connection {
    send: RefCell<SendRequest<Bytes>>,
    /// Takes no further stream: the peer said GOAWAY, or the connection is lost. It stays known, and watched, until it ends.
    retired: Cell<bool>,
    streams: Cell<usize>,
    max_streams: Cell<usize>,
    calls: Cell<u64>,
    traffic: Rc<Traffic>,
    pings: RefCell<PingPong>,
    watch: Cell<Watch>,
    driver: AbortHandle,
}

/// What the upkeep remembers of a connection between two looks.
#[derive(Clone, Copy, Debug)]
struct Watch {
    calls: u64,
    idle_since: Instant,
    read: u64,
    silent_since: Instant,
    pinged_at: Option<Instant>,
    pings: u8,
}

/// Aborts a driver unless the connection was established.
struct Undo(Option<AbortHandle>);

impl Drop for Undo {
    fn drop(&mut self) {
        if let Some(driver) = self.0.take() {
            driver.abort();
        }
    }
}

/// Speaks the preface and waits for the answer to a first PING.
///
/// The answer proves that the peer is alive and speaks HTTP/2, and since its SETTINGS come before it (RFC 9113 §3.4), that
/// the limit on streams is known: no first burst of calls is refused. A call is only sent after that.
pub(crate) async fn establish(
    slot: &Rc<Slot>,
    wire: Wire,
    traffic: Rc<Traffic>,
) -> Result<H2Connection, String> {
    let options = slot.options();
    let (send, mut connection) = Builder::new()
        .initial_window_size(options.stream_window)
        .initial_connection_window_size(options.connection_window)
        .max_header_list_size(options.max_header_list)
        .max_send_buffer_size(MAX_SEND_BUFFER)
        .enable_push(false)
        .handshake::<_, Bytes>(wire)
        .await
        .map_err(|error| format!("HTTP/2 preface: {error}"))?;
    let mut pings = connection.ping_pong().ok_or("HTTP/2: no PING handle")?;
    let open = Open::new(slot);
    let identity = traffic.clone();
    let driver = spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "HTTP/2 connection ended");
        }
        if let Some(slot) = open.slot() {
            slot.h2.borrow_mut().retain(|other| !Rc::ptr_eq(&other.traffic, &identity));
        }
    })
    .abort_handle();
    let mut undo = Undo(Some(driver.clone()));
    pings.ping(Ping::opaque()).await.map_err(|error| format!("HTTP/2 preface: {error}"))?;
    undo.0 = None;
    let now = Instant::now();
    Ok(H2Connection {
        retired: Cell::new(false),
        streams: Cell::new(0),
        max_streams: Cell::new(send.current_max_send_streams()),
        send: RefCell::new(send),
        calls: Cell::new(0),
        watch: Cell::new(Watch {
            calls: 0,
            idle_since: now,
            read: traffic.read.get(),
            silent_since: now,
            pinged_at: None,
            pings: 0,
        }),
        traffic,
        pings: RefCell::new(pings),
        driver,
    })
}

impl H2Connection {
    pub(crate) fn is_free(&self, slot: &Slot) -> bool {
        self.streams.get() < self.max_streams.get().min(slot.options().h2_streams_per_connection)
            && !self.is_retired()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.streams.get() == 0
    }

    /// Whether no further call can go here.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.get() || self.calls.get() >= MAX_CALLS
    }

    /// Looks after the connection; false means that the pool should let go of it.
    pub(crate) fn keep(&self, slot: &Slot, now: Instant) -> bool {
        let options = slot.options();
        self.refresh_limit(slot);
        let mut watch = self.watch.get();
        if self.streams.get() > 0 || self.calls.get() != watch.calls {
            watch.calls = self.calls.get();
            watch.idle_since = now;
        }
        let wanted = self.streams.get() > 0 || !self.is_retired();
        let fresh = wanted && now - watch.idle_since < options.idle_timeout;
        let alive = match options.keepalive_interval {
            Some(interval) => self.ping(&mut watch, now, interval, options.keepalive_timeout),
            None => true,
        };
        self.watch.set(watch);
        if !alive {
            // Ends all its streams at once with ConnectionLost.
            self.driver.abort();
        }
        fresh && alive
    }

    /// The peer may have changed how many streams it takes.
    fn refresh_limit(&self, slot: &Slot) {
        let limit = self.send.borrow().current_max_send_streams();
        if limit > self.max_streams.replace(limit) {
            slot.released();
        }
    }

    /// Asks a silent peer with open streams for a sign of life; false when none came in time.
    fn ping(&self, watch: &mut Watch, now: Instant, interval: Duration, limit: Duration) -> bool {
        let mut pings = self.pings.borrow_mut();
        if let Some(at) = watch.pinged_at {
            return match pings.poll_pong(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(_)) => {
                    watch.pinged_at = None;
                    // The answer itself is not a sign that the peer has something to say.
                    watch.read = self.traffic.read.get();
                    watch.silent_since = now;
                    true
                }
                Poll::Ready(Err(_)) => false,
                Poll::Pending => now - at < limit,
            };
        }
        if self.traffic.read.get() != watch.read || self.streams.get() == 0 {
            watch.read = self.traffic.read.get();
            watch.silent_since = now;
            watch.pings = 0;
        } else if now - watch.silent_since >= interval
            && watch.pings < MAX_SILENT_PINGS
            && pings.send_ping(Ping::opaque()).is_ok()
        {
            watch.pinged_at = Some(now);
            watch.pings += 1;
        }
        true
    }
}

/// A stream in the counts: taken before it is sent, given back when the answer is complete or given up.
#[derive(Debug)]
pub(crate) struct StreamLease {
    connection: Rc<H2Connection>,
    slot: Rc<Slot>,
}

impl StreamLease {
    pub(crate) fn slot(&self) -> &Rc<Slot> {
        &self.slot
    }
}

impl Drop for StreamLease {
    fn drop(&mut self) {
        self.connection.streams.set(self.connection.streams.get() - 1);
        lower(&self.slot.counters.in_flight);
        self.slot.released();
    }
}

/// The connection with the fewest streams, if one has room.
fn take(slot: &Rc<Slot>) -> Option<StreamLease> {
    let connections = slot.h2.borrow();
    let free = connections.iter().filter(|one| one.is_free(slot));
    let connection = free.min_by_key(|one| one.streams.get())?.clone();
    if connections.len() < slot.options().h2_connections_per_instance
        && connection.streams.get() > 0
        && !slot.is_connecting()
    {
        slot.connect();
    }
    connection.streams.set(connection.streams.get() + 1);
    connection.calls.set(connection.calls.get() + 1);
    raise(&slot.counters.in_flight);
    Some(StreamLease { connection, slot: slot.clone() })
}

/// One attempt: a stream with the request, until the answer's head.
pub(crate) async fn attempt(
    slot: &Rc<Slot>,
    out: &Outbound<'_>,
    share: &Share,
) -> Result<http::Response<Incoming>, Fault> {
    let Outbound { head, payload, progress, .. } = *out;
    let lease = match take(slot) {
        Some(lease) => lease,
        None => Box::pin(slot.acquire(take)).await?,
    };
    let connection = &lease.connection;
    out.dress(share);
    let mut request = head.for_h2();
    // Once: h2 compares a field with every entry of its name.
    if connection.calls.get() == 1 {
        make_known(request.headers_mut());
    }
    let sent = connection.send.borrow_mut().send_request(request, matches!(payload, Payload::Empty));
    let (answer, mut stream) = match sent {
        Ok(sent) => sent,
        Err(error) => {
            // Nothing was queued.
            let failure = fault::h2_failure(&error);
            if failure.code() == Code::Internal {
                return Err(Fault::Final(failure));
            }
            connection.retired.set(true);
            return Err(Fault::Renew(failure));
        }
    };
    if connection.streams.get() >= connection.max_streams.get() {
        // A handle remembers a stream it could not open yet and refuses the next; a clone does not, and the count is ours.
        let clone = connection.send.borrow().clone();
        connection.send.replace(clone);
    }
    raise(&slot.counters.calls);
    raise(&out.lane.counters.attempts);
    progress.sent();
    let pump = match payload {
        Payload::Empty => None,
        Payload::Full(bytes) => {
            // Where this fails the stream has failed, and the answer says why.
            let _ = stream.send_data(bytes.clone(), true);
            None
        }
        Payload::Stream(source) => Some(Pump::start(stream, source.clone())),
    };
    match answer.await {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let body = Incoming::h2(body, &parts, lease, pump, payload.rest());
            Ok(http::Response::from_parts(parts, body))
        }
        Err(error) => {
            drop(pump);
            if let Some(failure) = payload.failure() {
                return Err(Fault::Final(failure));
            }
            let fault = fault::of_h2_call(&error);
            if !matches!(fault, Fault::Final(_)) {
                progress.never_ran();
            }
            Err(fault)
        }
    }
}
