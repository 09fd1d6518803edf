//! What the phases know of one request.
//!
//! A phase reads what earlier phases wrote and adds its own. The exchange is recorded exactly once: by [`Exchange::finish`],
//! or, when the connection or the task goes away first, by its destructor as a cancelled call.

use crate::phase::allowance::Tree;
use crate::phase::respond::{self, Form};
use crate::program::Door;
use crate::worker::{Held, Worker};
use http::{HeaderMap, HeaderValue, Method};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tenet_error::Code;
use tenet_telemetry::{Key, Sample};
use tenet_upstream::Effort;

/// What a connection is, the same for all its requests.
pub struct Peer {
    /// The client's address, by PROXY protocol where enabled.
    pub ip: IpAddr,
    /// The address as a header value, made once.
    pub ip_value: HeaderValue,
    /// Whether the hop may speak for others (`Forwarded`, `X-Forwarded-*`).
    pub trusted: bool,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// Which door it came through.
    pub door: Door,
    /// Since when the gateway waits for what it may have to refuse: the connection's first bytes, or a head's.
    pub waiting_since: Cell<Instant>,
}

/// HTTP version of the downstream connection, as far as phases care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

/// A request's head, whatever protocol brought it.
pub struct Head {
    /// The method.
    pub method: Method,
    /// Path and query in origin form, or `*`.
    pub target: http::uri::PathAndQuery,
    /// Host, with port where given; empty where HTTP/1.0 sent none.
    pub authority: Option<http::uri::Authority>,
    /// Header fields, without pseudo-header fields.
    pub headers: HeaderMap,
    /// What the downstream speaks.
    pub protocol: Protocol,
}

impl Head {
    /// The path, still percent-encoded.
    pub fn path(&self) -> &str {
        self.target.path()
    }
}

/// One request on its way through the phases.
pub struct Exchange {
    /// The thread that serves it.
    pub worker: Rc<Worker>,
    /// The program it began with and keeps.
    pub program: Held,
    /// Its connection.
    pub peer: Rc<Peer>,
    /// Its head.
    pub head: Head,
    /// When its head was complete.
    pub started: Instant,
    /// Index into the program's names: what it is measured as. 0 until routed.
    pub endpoint: Cell<u32>,
    /// Zone of the instance that answered, 0 for none.
    pub zone: Cell<u16>,
    /// Attempts at instances of which something was sent.
    pub attempts: Cell<u32>,
    /// Whether one of them was a second one beside a silent first, and whether that answered first.
    pub hedged: Cell<bool>,
    /// See [`hedged`](Self::hedged).
    pub hedge_won: Cell<bool>,
    /// What its call tree may still spend on repetitions.
    pub tree: Tree,
    /// How it ends, once known.
    pub code: Cell<Code>,
    /// Body bytes received, after framing.
    pub request_bytes: Rc<Cell<u64>>,
    /// Body bytes sent.
    pub response_bytes: Cell<u64>,
    /// In which form a failure is told.
    pub form: Form,
    /// `x-request-id` of the request and of its answer.
    pub request_id: HeaderValue,
    recorded: Cell<bool>,
}

impl Exchange {
    /// Begins an exchange with the program in force now.
    pub fn begin(worker: &Rc<Worker>, peer: &Rc<Peer>, head: Head) -> Exchange {
        worker.in_flight(1);
        let form = respond::form(&head.headers, head.protocol);
        let program = worker.program();
        let tree = Tree::begin(worker, &program, peer.door, &head);
        Exchange {
            program,
            worker: worker.clone(),
            peer: peer.clone(),
            head,
            started: Instant::now(),
            endpoint: Cell::new(0),
            zone: Cell::new(0),
            attempts: Cell::new(0),
            hedged: Cell::new(false),
            hedge_won: Cell::new(false),
            tree,
            code: Cell::new(Code::Cancelled),
            request_bytes: Rc::new(Cell::new(0)),
            response_bytes: Cell::new(0),
            form,
            request_id: HeaderValue::from_static(""),
            recorded: Cell::new(false),
        }
    }

    /// The moment the call must be over, given how long it may take in all.
    pub fn deadline(&self, within: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.started + within)
    }

    /// How long an upstream may send nothing in the middle of its answer. A gRPC stream may rest as long as a call may last;
    /// its keep-alive shows that the instance lives.
    pub fn silence(&self, grpc: bool) -> Duration {
        let config = self.program.config();
        if grpc { config.max_deadline.duration() } else { config.limits.idle_time.duration() }
    }

    /// What its call took.
    pub fn note(&self, effort: Effort) {
        self.attempts.set(effort.attempts);
        self.hedged.set(effort.hedged);
        self.hedge_won.set(effort.hedge_won);
    }

    /// Ends the exchange: one recorded outcome.
    pub fn finish(&self, code: Code) {
        if self.recorded.replace(true) {
            return;
        }
        self.code.set(code);
        self.worker.in_flight(-1);
        self.tree.count(&self.worker, self.attempts.get());
        self.worker.record(
            &self.program,
            &Sample {
                key: Key {
                    endpoint: self.endpoint.get(),
                    code,
                    consumer: 0,
                    version: 0,
                    zone: self.zone.get(),
                },
                latency_ns: self.started.elapsed().as_nanos() as u64,
                request_bytes: self.request_bytes.get(),
                response_bytes: self.response_bytes.get(),
                attempts: self.attempts.get(),
                hedged: self.hedged.get(),
                hedge_won: self.hedge_won.get(),
            },
        );
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.finish(Code::Cancelled);
    }
}
