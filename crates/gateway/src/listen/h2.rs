//! HTTP/2 downstream, on the h2 crate: connections, streams, bodies, floods.

mod body;
mod flood;
mod frames;
mod guarded;
mod request;
mod respond;
mod rules;

pub use body::H2Body;

use super::io::Io;
use crate::exchange::{Exchange, Peer};
use crate::phase;
use crate::program::Door;
use crate::watch::Watch;
use crate::worker::Worker;
use bytes::{Bytes, BytesMut};
use guarded::{Guard, Guarded};
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tenet_error::Code;
use tenet_telemetry::{CounterId, GaugeId};

/// Streams the peer reset that h2 remembers, to tell late frames from wrong ones.
const RESET_STREAMS_REMEMBERED: usize = 50;
/// Streams that were reset before anybody accepted them; more is a rapid reset attack (CVE-2023-44487).
const RESET_BEFORE_ACCEPT: usize = 20;
/// Streams h2 may reset for errors of its peer before it gives the connection up.
const LOCAL_ERROR_RESETS: usize = 64;
/// Bytes of response data h2 buffers for one stream before it stops asking for more.
const SEND_BUFFER: usize = 64 << 10;
/// How long a closed-down connection may take to say so.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one HTTP/2 connection whose first bytes, the preface among them, are in `prefix`.
pub async fn serve(worker: Rc<Worker>, peer: Rc<Peer>, io: Io, prefix: BytesMut) {
    let program = worker.program();
    let limits = program.limits();
    let (idle_time, header_time) = (limits.idle_time.duration(), limits.header_time.duration());
    let guard = Rc::new(Guard::new());
    // h2 answers an over-long header list with a bare 431; ours has a problem body, so h2's bound is set wider.
    let hard_head_bound =
        u32::try_from(limits.head.0.saturating_mul(2).saturating_add(16 << 10)).unwrap_or(u32::MAX);
    let handshake = h2::server::Builder::new()
        .max_concurrent_streams(limits.streams_per_connection)
        .initial_window_size(limits.stream_window.0 as u32)
        .initial_connection_window_size(limits.connection_window.0 as u32)
        .max_header_list_size(hard_head_bound)
        .max_concurrent_reset_streams(RESET_STREAMS_REMEMBERED)
        .max_pending_accept_reset_streams(RESET_BEFORE_ACCEPT)
        .max_local_error_reset_streams(Some(LOCAL_ERROR_RESETS))
        .max_send_buffer_size(SEND_BUFFER)
        .handshake(Guarded::new(io, prefix, guard.clone()));
    drop(program);
    let mut connection: Connection<_, Bytes> = match tokio::time::timeout(header_time, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(_)) => return worker.refuse(&peer, Code::ProtocolViolation),
        Err(_) => return worker.refuse(&peer, Code::HeaderTimeout),
    };
    let open = Rc::new(Cell::new(0usize));
    let watch = worker.watch();
    watch.arm(idle_time);
    let mut draining = false;
    loop {
        match next(&mut connection, &worker, peer.door, &guard, &watch, &open, draining).await {
            Next::Stream(request, respond) => {
                watch.disarm();
                spawn_stream(&worker, &peer, request, respond, &open, &guard);
            }
            Next::StreamsDone => watch.arm(idle_time),
            Next::HeadersBegun => watch.arm(header_time),
            Next::Drain => {
                draining = true;
                connection.graceful_shutdown();
            }
            Next::Broken(code, reason) => {
                worker.refuse(&peer, code);
                connection.abrupt_shutdown(reason);
                let _ = tokio::time::timeout(FAREWELL, poll_fn(|cx| connection.poll_closed(cx))).await;
                break;
            }
            Next::Expired => {
                if guard.in_headers() {
                    worker.refuse(&peer, Code::HeaderTimeout);
                }
                connection.graceful_shutdown();
                let _ = tokio::time::timeout(FAREWELL, poll_fn(|cx| connection.poll_closed(cx))).await;
                break;
            }
            Next::Closed => break,
        }
    }
    if guard.take_calm() {
        worker.refuse(&peer, Code::Flood);
    }
    for _ in 0..guard.take_refusals() {
        worker.refuse(&peer, Code::ProtocolViolation);
    }
    for _ in 0..guard.take_surplus() {
        worker.refuse(&peer, Code::Overloaded);
    }
    for _ in 0..guard.take_unseen_answers() {
        worker.refuse(&peer, Code::HeadTooLarge);
    }
}

// One is alive a connection, and boxing the request would cost each an allocation.
#[allow(clippy::large_enum_variant)]
enum Next {
    Stream(Request<RecvStream>, SendResponse<Bytes>),
    StreamsDone,
    HeadersBegun,
    Drain,
    /// The peer cannot be talked to: how that is recorded, and what it is told.
    Broken(Code, Reason),
    Expired,
    Closed,
}

/// The next thing that happens to the connection.
async fn next(
    connection: &mut Connection<Guarded, Bytes>,
    worker: &Worker,
    door: Door,
    guard: &Guard,
    watch: &Watch,
    open: &Cell<usize>,
    draining: bool,
) -> Next {
    let had_streams = open.get() > 0;
    let was_in_headers = guard.in_headers();
    poll_fn(|cx| {
        if let Poll::Ready(accepted) = connection.poll_accept(cx) {
            return Poll::Ready(match accepted {
                Some(Ok((request, respond))) => Next::Stream(request, respond),
                Some(Err(_)) | None => Next::Closed,
            });
        }
        if guard.flooded() {
            return Poll::Ready(Next::Broken(Code::Flood, Reason::ENHANCE_YOUR_CALM));
        }
        if let Some(reason) = guard.broken() {
            return Poll::Ready(Next::Broken(Code::ProtocolViolation, reason));
        }
        if !draining && worker.draining(door) {
            return Poll::Ready(Next::Drain);
        }
        if had_streams && open.get() == 0 {
            return Poll::Ready(Next::StreamsDone);
        }
        if open.get() == 0 && guard.in_headers() && !was_in_headers {
            return Poll::Ready(Next::HeadersBegun);
        }
        watch.poll_passed(cx).map(|()| Next::Expired)
    })
    .await
}

/// Serves one stream in a task of its own: the streams of a connection share nothing that one of them could break.
fn spawn_stream(
    worker: &Rc<Worker>,
    peer: &Rc<Peer>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    open: &Rc<Cell<usize>>,
    guard: &Rc<Guard>,
) {
    let id = respond.stream_id().as_u32();
    let running = Running::begin(worker, open, guard, id);
    let (worker, peer) = (worker.clone(), peer.clone());
    tokio::task::spawn_local(async move {
        let _running = running;
        let (parts, receive) = request.into_parts();
        let head = match request::head(parts) {
            Ok(head) => head,
            Err(failure) => {
                worker.refuse(&peer, failure.code());
                respond.send_reset(Reason::PROTOCOL_ERROR);
                return;
            }
        };
        let mut exchange = Exchange::begin(&worker, &peer, head);
        let body = H2Body::new(receive, &exchange);
        let body = body.map(crate::body::RequestBody::H2);
        let gone = |cx: &mut Context<'_>| respond.poll_reset(cx).map(|reason| code_of_reset(reason.ok()));
        let Some(answer) = phase::serve_while(&mut exchange, body, gone).await else {
            worker.count(CounterId::Http2StreamsReset, 1);
            return;
        };
        respond::write(exchange, respond, answer).await;
    });
}

/// How a request ended whose stream was reset. h2 resets for its peer's errors with these reasons (a body that contradicts its
/// length is one); a caller that gives up says CANCEL.
fn code_of_reset(reason: Option<Reason>) -> Code {
    match reason {
        Some(
            Reason::PROTOCOL_ERROR
            | Reason::FLOW_CONTROL_ERROR
            | Reason::FRAME_SIZE_ERROR
            | Reason::STREAM_CLOSED
            | Reason::COMPRESSION_ERROR,
        ) => Code::ProtocolViolation,
        _ => Code::Cancelled,
    }
}

/// A stream being served; counts itself out when dropped, whatever happened.
struct Running {
    worker: Rc<Worker>,
    open: Rc<Cell<usize>>,
    guard: Rc<Guard>,
    id: u32,
}

impl Running {
    fn begin(worker: &Rc<Worker>, open: &Rc<Cell<usize>>, guard: &Rc<Guard>, id: u32) -> Running {
        worker.gauge(GaugeId::Streams, 1);
        open.set(open.get() + 1);
        guard.accepted(id);
        Running { worker: worker.clone(), open: open.clone(), guard: guard.clone(), id }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.worker.gauge(GaugeId::Streams, -1);
        self.open.set(self.open.get() - 1);
        self.guard.finished(self.id);
        if self.open.get() == 0 {
            self.guard.wake();
        }
    }
}
