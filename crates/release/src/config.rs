//! `tenet.toml`: the facts of the fleet. A struct per concern; every field says its unit and default.
//!
//! Unknown keys are fatal and the error names the nearest known one. Durations are strings with a unit (`"250ms"`,
//! `"5s"`), sizes are strings or integers of bytes (`"64KiB"`, `4096`).

mod cidr;
mod dns;
pub mod resilience;
mod traffic;
mod units;

pub use cidr::Cidr;
pub use dns::Dns;
pub use resilience::{Resilience, ResilienceKeys};
pub use traffic::{Traffic, TrafficRequest};
pub use units::{Millis, Size};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The whole of `tenet.toml`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What this fleet is called on the console. Default: the project folder's name.
    pub name: String,
    /// Commands that build what the fleet runs, in order, before anything starts; run in the project folder by `sh -c`.
    pub build: Vec<String>,
    /// Where contracts come from.
    pub contracts: Contracts,
    /// Services by name. The name is a label in metrics and the unit of balancing.
    pub services: BTreeMap<String, Service>,
    /// Plain HTTP upstreams by path prefix.
    pub http: Vec<HttpRoute>,
    /// The public door's behaviour.
    pub gateway: Gateway,
    /// What calls to services do when things fail, where the service says nothing else.
    pub resilience: ResilienceKeys,
    /// What `tenet up` shows.
    pub up: Up,
    /// What `tenet up --traffic` sends.
    pub traffic: Traffic,
}

/// Where contracts come from, relative to the project folder.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Contracts {
    /// Import roots; every `.proto` below them is compiled. Default: `["proto"]`.
    pub roots: Vec<String>,
    /// Compiled `google.protobuf.FileDescriptorSet` files, for contracts whose sources are elsewhere. Default: none.
    pub descriptor_sets: Vec<String>,
}

impl Default for Contracts {
    fn default() -> Self {
        Contracts { roots: vec!["proto".into()], descriptor_sets: Vec::new() }
    }
}

/// One service: what it serves and where its instances are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Full names of the protobuf services it serves (`feed.timeline.v1.Timeline`). Empty for a plain HTTP upstream.
    pub serves: Vec<String>,
    /// What its instances speak. Default: `grpc` where `serves` is not empty, else `http1`.
    pub protocol: Option<Protocol>,
    /// Instances that run elsewhere. Excludes `command`.
    pub instances: Vec<Instance>,
    /// Where instances that run elsewhere are looked up. Excludes `command` and `instances`.
    pub dns: Option<Dns>,
    /// A command line that `tenet up` runs as child processes, split like a shell word list, relative to the project folder.
    pub command: Option<String>,
    /// How many children of `command` run in each zone. Default: 1.
    pub per_zone: Option<u32>,
    /// The zones `command` is spread over. Default: `["a", "b", "c"]`.
    pub zones: Option<Vec<String>>,
    /// Additional environment of the children.
    pub env: BTreeMap<String, String>,
    /// Which other services its children may call; each gets `TENET_<SERVICE>_URL`-like wiring through the private listener.
    pub calls: Vec<String>,
    /// How JSON is printed and read for this service.
    pub json: Json,
    /// Whether methods without a binding get `POST /package.Service/Method`. Default: false.
    pub auto_bindings: bool,
    /// The longest a call may take where neither the contract nor the caller says less. Default: the gateway's `deadline`.
    pub deadline: Option<Millis>,
    /// Largest response message or REST body the gateway buffers. Default: the gateway's `max_response_message`.
    pub max_response: Option<Size>,
    /// What calls to it do when things fail, where that differs from the fleet's `[resilience]`.
    pub resilience: ResilienceKeys,
}

impl Service {
    /// What its instances speak, the default applied.
    pub fn protocol(&self) -> Protocol {
        let by_contract = if self.serves.is_empty() { Protocol::Http1 } else { Protocol::Grpc };
        self.protocol.unwrap_or(by_contract)
    }

    /// The zones that children of `command` are spread over, the default applied.
    pub fn zones(&self) -> Vec<&str> {
        match &self.zones {
            Some(zones) => zones.iter().map(String::as_str).collect(),
            None => vec!["a", "b", "c"],
        }
    }

    /// How many children of `command` run in each zone, the default applied.
    pub fn per_zone(&self) -> u32 {
        self.per_zone.unwrap_or(1)
    }
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// gRPC over HTTP/2 in the clear with prior knowledge.
    Grpc,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 in the clear with prior knowledge.
    Http2,
}

/// One instance that Tenet does not run itself.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Where it listens.
    pub address: SocketAddr,
    /// The failure domain it lives in. Default: empty, which is a zone of its own.
    #[serde(default)]
    pub zone: String,
    /// Its share of the load relative to the others, in percent of an ordinary instance's; 1 to 1000. Default: 100.
    #[serde(default = "full_weight")]
    pub weight: u32,
}

/// The weight of an instance about which nobody said otherwise, in percent.
pub const FULL_WEIGHT: u32 = 100;

pub(crate) fn full_weight() -> u32 {
    FULL_WEIGHT
}

/// ProtoJSON choices of one service, as users of Envoy's transcoder and grpc-gateway know them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Json {
    /// Print original field names rather than lowerCamelCase. Default: false.
    pub preserve_field_names: bool,
    /// Print fields without presence even when they hold their default. Default: false.
    pub always_print_fields_without_presence: bool,
    /// Print enums as numbers. Default: false.
    pub enums_as_numbers: bool,
    /// Refuse unknown fields and query parameters instead of ignoring, counting and naming them. Default: false.
    pub strict: bool,
}

/// A plain HTTP upstream behind a path prefix.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct HttpRoute {
    /// Path prefix in whole segments: `/legacy` matches `/legacy` and `/legacy/x`, not `/legacyx`.
    pub prefix: String,
    /// The service in `[services]` that serves it.
    pub service: String,
    /// Remove the prefix before forwarding. Default: false.
    #[serde(default)]
    pub strip_prefix: bool,
    /// Group in metrics. Default: the service's name.
    #[serde(default)]
    pub group: Option<String>,
    /// HTTP methods let through; empty means all that the gateway knows.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Time until the response head must be there. Default: the service's `deadline`.
    #[serde(default)]
    pub deadline: Option<Millis>,
}

/// What `tenet up` shows once everything runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Up {
    /// Commands to try, printed as they are; `{gateway}` becomes the public address. Default: derived from the contract.
    pub r#try: Vec<String>,
}

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
