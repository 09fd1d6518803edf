//! The public door: its bounds, whom it trusts, how long calls may last.

use super::{Millis, Size};
use serde::{Deserialize, Serialize};

/// The public door's behaviour: bounds, trust, identification of the outside.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Bounds on everything a stranger may send.
    pub limits: Limits,
    /// Longest deadline of calls. Default: 15s, but then only for calls whose contract says nothing: what nobody wrote cuts no promise.
    pub deadline: Option<Millis>,
    /// Largest deadline a caller may ask for through `grpc-timeout`. Default: 5min.
    pub max_deadline: Millis,
    /// How long a draining process waits for what is in flight. Default: 10s.
    pub drain: Millis,
    /// CIDR blocks of hops whose `Forwarded` and `X-Forwarded-*` are believed. Default: none.
    pub trusted_proxies: Vec<String>,
    /// Authorities (host, without port) served; others get 421. Default: all.
    pub authorities: Vec<String>,
    /// Serve `/openapi.json`, `/docs` and `/errors/CODE` on the public door. Default: true.
    pub reference: bool,
}

impl Default for Gateway {
    fn default() -> Self {
        Gateway {
            limits: Limits::default(),
            deadline: None,
            max_deadline: Millis(300_000),
            drain: Millis(10_000),
            trusted_proxies: Vec::new(),
            authorities: Vec::new(),
            reference: true,
        }
    }
}

impl Gateway {
    /// The deadline of calls about which neither contract nor service says anything, the default applied.
    pub fn deadline(&self) -> Millis {
        self.deadline.unwrap_or(DEFAULT_DEADLINE.min(self.max_deadline))
    }
}

/// The deadline of calls about which nobody says anything: longer than any page load that somebody still waits for.
pub const DEFAULT_DEADLINE: Millis = Millis(15_000);

/// Bounds on everything a stranger may send; each is enforced before memory is spent.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's head, request line and header fields together. Default: 32KiB.
    pub head: Size,
    /// Bytes of the request target. Default: 8KiB.
    pub target: Size,
    /// Header fields of a request, trailers counted apart by the same limit. Default: 100.
    pub headers: u32,
    /// Bytes of a body that the gateway must hold whole (REST, HttpBody). Default: 4MiB.
    pub body: Size,
    /// Bytes of a streamed body to a plain HTTP upstream. Default: 1GiB.
    pub streamed_body: Size,
    /// Bytes of a response message from a gRPC service that is transcoded. Default: 4MiB.
    pub max_response_message: Size,
    /// Time for a head to arrive once its first byte has, and for the first byte on a new connection. Default: 10s.
    pub header_time: Millis,
    /// Longest pause between two pieces of a body. Default: 10s.
    pub body_time: Millis,
    /// Slowest acceptable average body rate in bytes per second, after the first `body_time`; 0 turns it off. Default: 100.
    pub min_body_rate: u32,
    /// Longest a connection may idle between requests. Default: 60s.
    pub idle_time: Millis,
    /// Longest a response may wait for a reader that takes nothing. Default: 30s.
    pub write_time: Millis,
    /// Requests at a time on one HTTP/2 connection. Default: 100.
    pub streams_per_connection: u32,
    /// HTTP/2 receive window of a stream: what a stalled upstream lets a caller send ahead. Default: 256KiB.
    pub stream_window: Size,
    /// HTTP/2 receive window of a connection. Default: 1MiB.
    pub connection_window: Size,
    /// Open connections of one process, at the public and at the private door each. Default: 20000.
    pub connections: u32,
    /// Requests in flight in one process. Default: 10000.
    pub in_flight: u32,
    /// Nesting of a JSON document or message; at most 100. Default: 100.
    pub json_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: Size(32 << 10),
            target: Size(8 << 10),
            headers: 100,
            body: Size(4 << 20),
            streamed_body: Size(1 << 30),
            max_response_message: Size(4 << 20),
            header_time: Millis(10_000),
            body_time: Millis(10_000),
            min_body_rate: 100,
            idle_time: Millis(60_000),
            write_time: Millis(30_000),
            streams_per_connection: 100,
            stream_window: Size(256 << 10),
            connection_window: Size(1 << 20),
            connections: 20_000,
            in_flight: 10_000,
            json_depth: 100,
        }
    }
}
