//! `tenet.toml`: the facts of the fleet. A struct per concern; every field says its unit and default.
//!
//! Unknown keys are fatal and the error names the nearest known one. Durations are strings with a unit (`"250ms"`,
//! `"5s"`), sizes are strings or integers of bytes (`"64KiB"`, `4096`).

mod cidr;
mod database;
mod dns;
mod gateway;
mod quota;
pub mod resilience;
mod store;
mod traffic;
mod units;

pub use cidr::Cidr;
pub use database::Database;
pub use dns::Dns;
pub use gateway::{DEFAULT_DEADLINE, Gateway, Limits};
pub use quota::Quota;
pub use resilience::{Resilience, ResilienceKeys};
pub use store::{Engine, Store};
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
    /// The store that Tenet runs while a service `keeps` something. Default: the embedded engine.
    // Not in the bundle of a fleet that keeps nothing: what knows no store can still read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<Store>,
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
    /// Full names of the messages it keeps in the store, each with the option `tenet.policy.v1.collection`; the service's name is their
    /// namespace. A message has one keeper. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keeps: Vec<String>,
    /// What it may take of the store with what it keeps. Default: as much as there is.
    #[serde(skip_serializing_if = "Quota::is_none")]
    pub quota: Quota,
    /// Databases of its own, beside the store, on which whoever else is there is an alarm. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<Database>,
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
