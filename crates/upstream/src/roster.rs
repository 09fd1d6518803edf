//! Who is there now: the instances of every service, as the control side or `tenet.toml` names them.

use crate::ServiceRules;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the instances of a service speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/2 in the clear with prior knowledge (RFC 9113 §3.3): gRPC, or plain HTTP/2.
    H2,
    /// HTTP/1.1 (RFC 9112).
    H1,
}

/// All services and where their instances are, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roster {
    /// One row a service; the position of a service is its index in what [`Shared::apply`](crate::Shared::apply) returns.
    pub services: Vec<ServiceRoster>,
}

/// One service of a roster.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRoster {
    /// The service's name, unique in its roster.
    pub name: String,
    /// What its instances speak.
    pub protocol: Protocol,
    /// Its instances; empty when nothing runs.
    pub instances: Vec<Instance>,
    /// How its calls are treated.
    pub rules: Arc<ServiceRules>,
}

/// One running copy of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    /// A name unique in its service.
    pub id: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The number of its zone, as the caller counts zones in metrics.
    pub zone: u16,
    /// The name of its zone.
    pub zone_name: Arc<str>,
    /// Its share of calls beside the others, in percent of one that has the usual share.
    pub weight_percent: u32,
}

impl Instance {
    /// Whether `other` is the same running copy, whatever its share.
    pub(crate) fn is(&self, other: &Instance) -> bool {
        let key = |one: &Instance| (one.address, one.zone);
        key(self) == key(other) && self.id == other.id && self.zone_name == other.zone_name
    }
}
