//! Sockets, TLS and protocols: from an accepted connection to requests.
//!
//! ```text
//!   accept ▶ (PROXY header) ▶ (TLS, ALPN) ▶ preface? ┬▶ h1: head, body, answer, next
//!                                                    └▶ h2: streams, each a task
//! ```

pub mod accept;
pub mod h1;
pub mod h2;
pub mod io;
pub mod proxy_protocol;
pub mod tls;

use crate::exchange::Peer;
use crate::program::Door;
use crate::worker::Worker;
use bytes::{Buf, BytesMut};
use http::HeaderValue;
use io::Io;
use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tenet_error::Code;
use tenet_http1::{Preface, is_h2_preface};
use tenet_telemetry::{CounterId, GaugeId};
use tokio::net::TcpStream;

/// What a listener is, the same for all its connections.
#[derive(Clone)]
pub struct Listening {
    /// Which door.
    pub door: Door,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<tls::Certificates>>,
    /// Whether connections begin with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// Serves one accepted connection on this thread until it ends.
pub async fn serve(
    worker: Rc<Worker>,
    listening: Listening,
    stream: std::net::TcpStream,
    address: SocketAddr,
) {
    let _open = Open::begin(&worker, listening.door);
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let mut io = Io::Plain(stream);
    let mut prefix = BytesMut::new();
    let mut peer = peer(&worker, &listening, address);
    let within = worker.program().limits().header_time.duration();

    if listening.proxy_protocol {
        match tokio::time::timeout(within, read_proxy_header(&mut io, &mut prefix)).await {
            Ok(Ok(Some(source))) => peer = self::peer(&worker, &listening, source),
            Ok(Ok(None)) => {}
            Ok(Err(_)) => return worker.refuse(&peer, Code::ProxyHeader),
            Err(_) => return worker.refuse(&peer, Code::HeaderTimeout),
        }
    }
    if let Some(certificates) = &listening.tls {
        let Io::Plain(stream) = io else { return };
        match tls::accept(certificates, stream, prefix.split(), within).await {
            Ok(stream) => {
                worker.count(CounterId::TlsHandshakes, 1);
                peer.tls = true;
                io = Io::Tls(Box::new(stream));
            }
            Err(_) => {
                worker.count(CounterId::TlsHandshakeFailures, 1);
                return worker.refuse(&peer, Code::TlsHandshake);
            }
        }
    }
    let peer = Rc::new(peer);
    if speaks_h2(&worker, &mut io, &mut prefix).await {
        h2::serve(worker, peer, io, prefix).await;
    } else {
        h1::serve(worker, peer, io, prefix).await;
    }
}

fn peer(worker: &Worker, listening: &Listening, address: SocketAddr) -> Peer {
    let ip = address.ip().to_canonical();
    Peer {
        ip,
        ip_value: HeaderValue::try_from(ip.to_string()).unwrap_or(HeaderValue::from_static("unknown")),
        // The private door is behind no balancer: its callers are the fleet.
        trusted: listening.door == Door::Private || worker.program().trusts(ip),
        tls: false,
        door: listening.door,
        waiting_since: Cell::new(Instant::now()),
    }
}

/// Tells the protocols apart: by ALPN where TLS chose one, else by the first bytes, which stay in `prefix`.
async fn speaks_h2(worker: &Worker, io: &mut Io, prefix: &mut BytesMut) -> bool {
    if let Io::Tls(stream) = io {
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => return true,
            Some(_) => return false,
            None => {}
        }
    }
    // Bytes so few that they may be either are waited for as long as for a head; then HTTP/1 says what is wrong with them.
    let watch = worker.watch();
    watch.arm(worker.program().limits().header_time.duration());
    poll_fn(|cx| {
        loop {
            match is_h2_preface(prefix) {
                Preface::Yes => return Poll::Ready(true),
                Preface::No => return Poll::Ready(false),
                Preface::Partial => {}
            }
            match io::poll_read_more(io, prefix, FIRST_READ, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(false),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return watch.poll_passed(cx).map(|()| false),
            }
        }
    })
    .await
}

/// The first read of a connection: a typical head fits.
const FIRST_READ: usize = 4096;

/// Takes the PROXY header from the stream; what follows it stays in `prefix`.
async fn read_proxy_header(io: &mut Io, prefix: &mut BytesMut) -> Result<Option<SocketAddr>, &'static str> {
    poll_fn(|cx| {
        loop {
            if !prefix.is_empty() {
                match proxy_protocol::parse(prefix)? {
                    proxy_protocol::Header::Partial => {}
                    proxy_protocol::Header::Whole { length, source } => {
                        prefix.advance(length);
                        return Poll::Ready(Ok(source));
                    }
                }
            }
            match io::poll_read_more(io, prefix, FIRST_READ, cx) {
                Poll::Ready(Ok(0) | Err(_)) => {
                    return Poll::Ready(Err("the connection ended within its PROXY header"));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// An open connection; counts itself out when dropped.
struct Open(Rc<Worker>, Door);

impl Open {
    fn begin(worker: &Rc<Worker>, door: Door) -> Open {
        worker.count(CounterId::ConnectionsAccepted, 1);
        worker.gauge(GaugeId::Connections, 1);
        Open(worker.clone(), door)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.gauge(GaugeId::Connections, -1);
        self.0.process.closed(self.0.index(), self.1);
    }
}

/// How long a listener that cannot accept (no descriptors left) waits before it tries again.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
