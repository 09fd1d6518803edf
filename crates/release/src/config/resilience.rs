//! `[resilience]` for the fleet and `[services.NAME.resilience]` for one service: what the calls to a service do when things fail.
//!
//! The two have the same keys. A key given for the service wins, else the fleet's, else the default. What a contract promises (whether a
//! method may be repeated or hedged, its deadline) is not written here and can only be tightened.

mod section;
mod sections;

pub use section::{Entry, Origin};
pub use sections::{
    Admission, AdmissionKeys, AdmissionLimit, Balance, BalanceKeys, Bulkhead, BulkheadKeys, Ejection,
    EjectionKeys, Health, HealthCheck, HealthKeys, Hedge, HedgeKeys, Retry, RetryKeys,
};

use super::{Config, Protocol};
use serde::{Deserialize, Serialize};

/// What holds for the calls to one service; see the sections for units and defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resilience {
    /// Repeating a failed attempt.
    pub retry: Retry,
    /// A second attempt while the first is still silent.
    pub hedge: Hedge,
    /// Which instance gets the next attempt.
    pub balance: Balance,
    /// Asking instances whether they are well.
    pub health: Health,
    /// Leaving out instances by what calls saw of them.
    pub ejection: Ejection,
    /// Bounds that keep one upstream's trouble from becoming everybody's.
    pub bulkhead: Bulkhead,
    /// How many calls at a time are let through.
    pub admission: Admission,
}

/// `[resilience]` or `[services.NAME.resilience]` as written: any key may be missing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ResilienceKeys {
    /// Repeating a failed attempt.
    pub retry: RetryKeys,
    /// A second attempt while the first is still silent.
    pub hedge: HedgeKeys,
    /// Which instance gets the next attempt.
    pub balance: BalanceKeys,
    /// Asking instances whether they are well.
    pub health: HealthKeys,
    /// Leaving out instances by what calls saw of them.
    pub ejection: EjectionKeys,
    /// Bounds that keep one upstream's trouble from becoming everybody's.
    pub bulkhead: BulkheadKeys,
    /// How many calls at a time are let through.
    pub admission: AdmissionKeys,
}

impl ResilienceKeys {
    /// The same with every default written down, so that a bundle says what it does whatever a later version's defaults are. How
    /// health is checked stays open: its default depends on what a service speaks.
    pub(crate) fn filled(&self) -> ResilienceKeys {
        ResilienceKeys {
            retry: self.retry.filled(),
            hedge: self.hedge.filled(),
            balance: self.balance.filled(),
            health: HealthKeys { check: self.health.check, ..self.health.filled() },
            ejection: self.ejection.filled(),
            bulkhead: self.bulkhead.filled(),
            admission: self.admission.filled(),
        }
    }
}

impl Config {
    /// What holds for the calls to `service`; the fleet's values where there is no such service.
    pub fn resilience(&self, service: &str) -> Resilience {
        let fleet = &self.resilience;
        let own = self.services.get(service).map(|service| &service.resilience);
        let default = self.resilience_defaults(service);
        Resilience {
            retry: fleet.retry.resolve(own.map(|keys| &keys.retry), &default.retry),
            hedge: fleet.hedge.resolve(own.map(|keys| &keys.hedge), &default.hedge),
            balance: fleet.balance.resolve(own.map(|keys| &keys.balance), &default.balance),
            health: fleet.health.resolve(own.map(|keys| &keys.health), &default.health),
            ejection: fleet.ejection.resolve(own.map(|keys| &keys.ejection), &default.ejection),
            bulkhead: fleet.bulkhead.resolve(own.map(|keys| &keys.bulkhead), &default.bulkhead),
            admission: fleet.admission.resolve(own.map(|keys| &keys.admission), &default.admission),
        }
    }

    /// Every key of [`Config::resilience`] with who said its value, in the order of the documentation.
    pub fn explain_resilience(&self, service: &str) -> Vec<Entry> {
        let fleet = &self.resilience;
        let own = self.services.get(service).map(|service| &service.resilience);
        let default = self.resilience_defaults(service);
        let sections = [
            fleet.retry.explain(own.map(|keys| &keys.retry), &default.retry),
            fleet.hedge.explain(own.map(|keys| &keys.hedge), &default.hedge),
            fleet.balance.explain(own.map(|keys| &keys.balance), &default.balance),
            fleet.health.explain(own.map(|keys| &keys.health), &default.health),
            fleet.ejection.explain(own.map(|keys| &keys.ejection), &default.ejection),
            fleet.bulkhead.explain(own.map(|keys| &keys.bulkhead), &default.bulkhead),
            fleet.admission.explain(own.map(|keys| &keys.admission), &default.admission),
        ];
        sections.concat()
    }

    fn resilience_defaults(&self, service: &str) -> Resilience {
        let mut default = Resilience::default();
        if self.services.get(service).is_some_and(|service| service.protocol() == Protocol::Grpc) {
            default.health.check = HealthCheck::Grpc;
        }
        default
    }
}
