//! The service that comes with Tenet: the store, in every release in which a service keeps something.
//!
//! It is a service like any other from there on: gateways route it at their private door, and `tenet explain`, the metrics and the roster
//! have it. Only its instances come neither from a `command` nor from anywhere else: Tenet starts them.

use crate::config::{Service, Store};
use crate::{Config, Release};
use tenet_contract::{Collection, Schema};

/// The name of the built-in service, which no service of a project can have while something is kept.
pub const STORE: &str = "store";

/// What it serves.
pub const STORE_SERVES: &str = "tenet.store.v1.Store";

impl Config {
    /// Whether a service keeps something in the store.
    pub fn keeps_anything(&self) -> bool {
        self.services.values().any(|service| !service.keeps.is_empty())
    }

    /// The store that Tenet runs, its defaults applied; `None` where nothing is kept.
    pub fn store(&self) -> Option<Store> {
        self.keeps_anything().then(|| self.store.clone().unwrap_or_default())
    }

    /// The service that keeps the message of this full name.
    pub fn keeper_of(&self, message: &str) -> Option<&str> {
        let keeps = |service: &Service| service.keeps.iter().any(|kept| kept == message);
        self.services.iter().find(|(_, service)| keeps(service)).map(|(name, _)| name.as_str())
    }

    /// Adds the built-in service and writes down what `[store]` leaves open, where something is kept; a service of the project that has its
    /// name, or serves the same, stays: it was reported.
    pub(crate) fn with_builtin(mut self) -> Config {
        self.store = self.store();
        if self.store.is_some()
            && !self.services.values().any(|service| service.serves.iter().any(|s| s == STORE_SERVES))
        {
            let store = || Service { serves: vec![STORE_SERVES.to_owned()], ..Service::default() };
            self.services.entry(STORE.to_owned()).or_insert_with(store);
        }
        self
    }
}

impl Release {
    /// Every collection that is kept: the service whose namespace it is in, and its schema; ordered by service, then as `keeps` has them.
    pub fn collections(&self) -> Vec<(&str, &Schema)> {
        self.kept().map(|(service, collection)| (service, &collection.schema)).collect()
    }

    /// Every collection that is kept, as the contract has it.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (&str, &Collection)> {
        self.config.services.iter().flat_map(|(name, service)| {
            let kept = service.keeps.iter().filter_map(|message| self.contract.collection(message));
            kept.map(move |collection| (name.as_str(), collection))
        })
    }
}
