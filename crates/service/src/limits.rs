//! Bounds of one service process. Each has a default that suits a service behind a gateway, which already bounds what
//! strangers may send; these hold against a gateway or a neighbour that misbehaves.

use std::time::Duration;

/// Bounds of one service process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more are closed at once. Callers are gateways, a few connections a thread each. Default 1024.
    pub connections: usize,
    /// Calls at a time on one connection (`SETTINGS_MAX_CONCURRENT_STREAMS`). Default 1000, since one connection carries
    /// all calls of a gateway thread.
    pub streams_per_connection: u32,
    /// Bytes a caller may send ahead on one stream. Default 256 KiB.
    pub stream_window: u32,
    /// Bytes a caller may send ahead on one connection. Default 4 MiB: several streams at full window.
    pub connection_window: u32,
    /// Bytes of request metadata. Default 32 KiB, the gateway's own limit of a head.
    pub metadata: u32,
    /// Bytes of one request message; a longer one ends the call with RESOURCE_EXHAUSTED before it is read. Default 4 MiB.
    ///
    /// The generated server has a limit of its own of the same size, so raising this one needs
    /// `max_decoding_message_size` on it too.
    pub request_message: u32,
    /// Pause after which a silent connection is asked for a sign of life (HTTP/2 PING). Default 20 s.
    pub keepalive_interval: Duration,
    /// Time the answer to that may take before the connection is closed. Default 10 s.
    pub keepalive_timeout: Duration,
    /// Time an HTTP/1.1 request head may take. Default 10 s.
    pub header_time: Duration,
    /// The longest a call may take when its caller sent no `grpc-timeout`. Default: none, since health watches have no
    /// end and every call that comes through a gateway carries a deadline.
    pub deadline: Option<Duration>,
    /// Whether calls are admitted under an adaptive limit, by priority, and refused when there is too much to do. Default
    /// true.
    pub admission: bool,
    /// The fewest and the most calls at a time the adaptive limit may come to. Default 8: a service must be able to wait for
    /// others a little; and 10000.
    pub calls_min: u32,
    /// See [`Limits::calls_min`].
    pub calls_max: u32,
    /// Calls that wait for admission at most; beyond them the lowest priority is refused at once. Default 256.
    pub waiting: usize,
    /// The longest a call waits for admission; 20 ms under overload. Default 200 ms: a caller that is
    /// refused can still go elsewhere.
    pub waiting_time: Duration,
    /// Whether answers say how busy the instance is (ORCA, `endpoint-load-metrics-bin`). Default true.
    pub load_report: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            streams_per_connection: 1000,
            stream_window: 256 << 10,
            connection_window: 4 << 20,
            metadata: 32 << 10,
            request_message: 4 << 20,
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
            header_time: Duration::from_secs(10),
            deadline: None,
            admission: true,
            calls_min: 8,
            calls_max: 10_000,
            waiting: 256,
            waiting_time: Duration::from_millis(200),
            load_report: true,
        }
    }
}
