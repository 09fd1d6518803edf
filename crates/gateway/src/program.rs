//! A release compiled for the request path.
//!
//! Everything a phase needs to decide is resolved here, when the release is loaded: routes to plans, methods to paths and
//! handles, messages to tables, labels to indices. A request finds its plan by one walk of a router and never looks
//! anything up by name again.

mod build;
mod plan;
mod rules;

pub use build::{BuildError, build, check, upstream_roster, zones};
pub use plan::{Grpc, Http, Plan, Policy, Rest};

use crate::reference::Reference;
use std::collections::HashMap;
use std::sync::Arc;
use tenet_contract::Router;
use tenet_release::config::{Gateway, Limits};
use tenet_release::{Release, ReleaseHash};
use tenet_telemetry::Names;
use tenet_transcode::Codec;

/// Through which listener a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Strangers: only what is public.
    Public,
    /// Services of the fleet: INTERNAL methods too.
    Private,
}

/// A compiled release.
pub struct Program {
    /// The release's content hash.
    pub hash: ReleaseHash,
    /// The number the fleet gave it.
    pub epoch: u64,
    /// Label tables of its records.
    pub names: Arc<Names>,
    /// Message tables.
    pub codec: Codec,
    plans: Vec<Plan>,
    public: Router<u32>,
    private: Router<u32>,
    /// gRPC method path (`/pkg.Service/Method`) to plan.
    grpc: HashMap<Box<str>, u32>,
    /// Prefixes of plain HTTP upstreams, longest first.
    prefixes: Vec<(Box<str>, u32)>,
    /// `/openapi.json`, `/docs`, `/errors`.
    pub reference: Reference,
    /// The endpoint that reference pages are measured under.
    pub reference_endpoint: u32,
    /// Extra attempts that one call at the public door may cause in its whole tree.
    pub allowance: u32,
    config: Gateway,
    head_limits: tenet_http1::Limits,
    trusted: Vec<tenet_release::config::Cidr>,
    /// The release itself, for `/-/status` and the keeper on disk.
    pub release: Arc<Release>,
}

impl Program {
    /// The gateway's settings.
    pub fn config(&self) -> &Gateway {
        &self.config
    }

    /// The bounds on what a stranger may send.
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// The same bounds as the HTTP/1 codec takes them.
    pub fn head_limits(&self) -> &tenet_http1::Limits {
        &self.head_limits
    }

    /// The router of a door.
    pub fn router(&self, door: Door) -> &Router<u32> {
        match door {
            Door::Public => &self.public,
            Door::Private => &self.private,
        }
    }

    /// A plan by the number a router gave.
    pub fn plan(&self, index: u32) -> &Plan {
        &self.plans[index as usize]
    }

    /// The plan of a gRPC method path, if this door serves it.
    pub fn grpc(&self, path: &str, door: Door) -> Option<u32> {
        let index = *self.grpc.get(path)?;
        match &self.plans[index as usize] {
            Plan::Grpc(plan) if plan.public || door == Door::Private => Some(index),
            _ => None,
        }
    }

    /// The plain HTTP upstream with the longest prefix of `path`, in whole segments.
    pub fn prefix(&self, path: &str) -> Option<u32> {
        self.prefixes
            .iter()
            .find(|(prefix, _)| {
                path.strip_prefix(&**prefix)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
            })
            .map(|(_, index)| *index)
    }

    /// Whether a hop at `ip` may speak for others.
    pub fn trusts(&self, ip: std::net::IpAddr) -> bool {
        self.trusted.iter().any(|block| block.contains(ip))
    }
}
