//! Instances that are found by DNS instead of listed.

use super::Millis;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// `[services.NAME.dns]`: where the instances of a service are looked up. Either `name` with `port`, or `srv`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// A host name whose A and AAAA records (RFC 1035 §3.4.1, RFC 3596) are the instances' addresses. Default: none.
    pub name: Option<String>,
    /// A name with SRV records (RFC 2782), which say host, port, priority and weight: `_grpc._tcp.accounts.example`. Default: none.
    pub srv: Option<String>,
    /// The port that goes with `name`; SRV records bring their own. Default: none.
    pub port: Option<u16>,
    /// The failure domain of all that is found. Default: empty, which is a zone of its own.
    pub zone: String,
    /// The resolver to ask. Default: the system's.
    pub resolver: Option<SocketAddr>,
    /// The shortest time an answer is used, whatever its TTL. Default: 1s, so that a TTL of 0 is no flood of questions.
    pub min_ttl: Millis,
    /// The longest time an answer is used before it is asked for again. Default: 60s.
    pub max_ttl: Millis,
}

impl Default for Dns {
    fn default() -> Self {
        Dns {
            name: None,
            srv: None,
            port: None,
            zone: String::new(),
            resolver: None,
            min_ttl: Millis(1_000),
            max_ttl: Millis(60_000),
        }
    }
}
