//! Who is to be checked, and by which rules.

use super::CheckCounts;
use super::rules::{HealthCheck, HealthRules};
use crate::Shared;
use crate::instance::InstanceState;
use std::net::SocketAddr;
use std::sync::Arc;

/// An instance and how it is checked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) state: Arc<InstanceState>,
    pub(super) rules: HealthRules,
    /// Where the checks of its service are counted.
    pub(super) checks: Arc<CheckCounts>,
}

impl Target {
    pub(super) fn address(&self) -> SocketAddr {
        self.state.instance.address
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
        let rules = service.live().rules.health.clone().over(service.protocol);
        if rules.check == HealthCheck::Off {
            continue;
        }
        let instances = service.instances();
        targets.extend(instances.iter().map(|state| Target {
            state: state.clone(),
            rules: rules.clone(),
            checks: service.checks.clone(),
        }));
    }
    targets
}
