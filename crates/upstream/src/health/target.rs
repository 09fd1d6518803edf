//! Who is to be checked, and by which rules.

use super::CheckCounts;
use super::rules::{HealthCheck, HealthChecks};
use crate::Shared;
use crate::instance::InstanceState;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// An instance and how it is checked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) state: Arc<InstanceState>,
    pub(super) terms: HealthChecks,
    /// Where the checks of its service are counted.
    pub(super) checks: Arc<CheckCounts>,
}

impl Target {
    pub(super) fn address(&self) -> SocketAddr {
        self.state.instance.address
    }

    /// A check that has no answer by then has failed.
    pub(super) fn timeout(&self) -> Duration {
        self.terms.rules.timeout
    }

    /// What tells the instance from all others, for as long as it is held.
    pub(super) fn key(&self) -> usize {
        Arc::as_ptr(&self.state) as usize
    }
}

/// All instances of `shared` that are to be checked now.
pub(super) fn all(shared: &Shared) -> Vec<Target> {
    let mut targets = Vec::new();
    for service in shared.services() {
        let terms = service.live().rules.health.clone().over(service.protocol);
        if terms.check == HealthCheck::Off {
            continue;
        }
        let instances = service.instances();
        targets.extend(instances.iter().map(|state| Target {
            state: state.clone(),
            terms: terms.clone(),
            checks: service.checks.clone(),
        }));
    }
    targets
}
