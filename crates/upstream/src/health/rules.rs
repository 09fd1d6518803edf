//! How the instances of a service are asked whether they serve.

use crate::Protocol;
use http::uri::PathAndQuery;
use tenet_resilience::health::HealthRules;

/// Active checks of one service's instances: `[resilience.health]` of `tenet.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthChecks {
    /// What is asked. Default: [`HealthCheck::Grpc`], which over HTTP/1.1 is a [`HealthCheck::Connect`].
    pub check: HealthCheck,
    /// How often, and what the answers lead to.
    pub rules: HealthRules,
}

/// What an instance is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HealthCheck {
    /// `grpc.health.v1.Health/Check` for the whole server, over a connection that is kept. A server without that service
    /// passes by answering at all.
    #[default]
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

impl HealthChecks {
    /// The same for instances that speak `protocol`: HTTP/1.1 carries no gRPC.
    pub(super) fn over(mut self, protocol: Protocol) -> HealthChecks {
        if protocol == Protocol::H1 && self.check == HealthCheck::Grpc {
            self.check = HealthCheck::Connect;
        }
        self
    }
}
