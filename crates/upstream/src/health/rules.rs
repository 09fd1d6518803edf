//! How the instances of a service are asked whether they serve.

use crate::Protocol;
use http::uri::PathAndQuery;
use std::time::Duration;

/// Active checks of one service's instances: `[resilience.health]` of `tenet.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthRules {
    /// What is asked. Default: [`HealthCheck::Grpc`], which over HTTP/1.1 is a [`HealthCheck::Connect`].
    pub check: HealthCheck,
    /// Time between two checks of an instance whose standing is settled. Default: 2 s, so that an instance that is back is
    /// used again soon, at half a request a second.
    pub interval: Duration,
    /// A check that has no answer by then has failed. Default: 1 s.
    pub timeout: Duration,
    /// Failed checks in a row after which an instance is unhealthy; 0 counts as 1. Default: 2, since one may be lost.
    pub unhealthy_after: u32,
    /// Passed checks in a row after which it is healthy again; 0 counts as 1. Default: 1.
    pub healthy_after: u32,
}

/// What an instance is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthCheck {
    /// `grpc.health.v1.Health/Check` for the whole server, over a connection that is kept. A server without that service
    /// passes by answering at all.
    Grpc,
    /// `GET` over HTTP/1.1; 2xx and 3xx pass.
    Http {
        /// What to get, such as `/healthz`.
        path: PathAndQuery,
    },
    /// Whether it takes a TCP connection.
    Connect,
    /// Nothing: only calls show how it is.
    Off,
}

impl Default for HealthRules {
    fn default() -> HealthRules {
        HealthRules {
            check: HealthCheck::Grpc,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            unhealthy_after: 2,
            healthy_after: 1,
        }
    }
}

impl HealthRules {
    /// The same for instances that speak `protocol`: HTTP/1.1 carries no gRPC.
    pub(super) fn over(mut self, protocol: Protocol) -> HealthRules {
        if protocol == Protocol::H1 && self.check == HealthCheck::Grpc {
            self.check = HealthCheck::Connect;
        }
        self
    }
}
