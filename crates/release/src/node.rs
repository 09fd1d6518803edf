//! Node facts: what is true of one process and may differ from its neighbour. Nothing else may differ.
//!
//! ```text
//!   node.toml  <  TENET_* environment  <  flags  ──▶  NodeFacts, and for each fact where it came from
//! ```
//!
//! One table ([`FACTS`]) declares every fact: its key in `node.toml`, its variable, its flag, its meaning and default.

mod facts;
mod resolve;

pub use facts::{FACTS, Fact};
pub use resolve::{Given, Resolved, Source, resolve};

use std::net::SocketAddr;
use std::path::PathBuf;

/// Variables that Tenet sets for the services it runs; they are node facts of the service, not of a Tenet process.
pub const SERVICE_VARIABLES: [&str; 7] = [
    "TENET_LISTEN",
    "TENET_ZONE",
    "TENET_INSTANCE",
    "TENET_SERVICE",
    "TENET_VERSION",
    "TENET_PRIVATE_URL",
    "TENET_ROSTER",
];

/// What is true of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Unique in the fleet (`gateway-1`); a label in metrics.
    pub name: String,
    /// The failure domain the process lives in; empty is a zone of its own.
    pub zone: String,
    /// Public addresses.
    pub listen: Vec<SocketAddr>,
    /// Private addresses: services call each other here, INTERNAL methods included.
    pub private_listen: Vec<SocketAddr>,
    /// Readiness, status, metrics, releases. Never public.
    pub admin_listen: SocketAddr,
    /// Releases and the current epoch are kept here, so that a restart needs nobody else.
    pub state_dir: PathBuf,
    /// Data-plane threads; at least 1.
    pub threads: usize,
    /// TLS on the public addresses.
    pub tls: Option<TlsFiles>,
    /// Whether public connections begin with a PROXY protocol v2 header; then one without it is refused.
    pub proxy_protocol: bool,
    /// The file that says which instances there are. Default: `run/roster.json` in the state folder.
    pub roster: PathBuf,
    /// Whether requests may ask for failures; see `tenet-gateway`'s fault phase.
    pub fault_points: bool,
}

/// A certificate and its key, PEM. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
}
