//! Who the instances are: given once, read from a roster file, or found in DNS; what was known last stays while nobody tells.

mod roster_file;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tenet_upstream::{
    Discovery, DnsEvent, DnsSource, Instance, Protocol, Roster, ServiceHandle, ServiceRoster, ServiceRules,
    Shared,
};
use tokio::sync::watch;

/// Names of zones a client remembers; instances in further ones count as in none. A fleet has a handful.
const ZONES_MAX: usize = 1024;

/// Where the instances are found.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Addresses(Vec<SocketAddr>),
    RosterFile(PathBuf),
    Dns(DnsSource),
}

/// An instance as a source tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: Arc<str>,
    pub(crate) address: SocketAddr,
    pub(crate) zone: Arc<str>,
    pub(crate) weight_percent: u32,
}

/// Tells upstream who is there, in its own terms.
#[derive(Debug)]
pub(crate) struct Teller {
    shared: Arc<Shared>,
    service: String,
    rules: Arc<ServiceRules>,
    /// Zones by number; 0 is none, and our own is the first where we have one.
    zones: Vec<Arc<str>>,
}

impl Teller {
    pub(crate) fn new(shared: &Arc<Shared>, service: &str, rules: ServiceRules, zone: &str) -> Teller {
        let mut zones = vec![Arc::from("")];
        if !zone.is_empty() {
            zones.push(zone.into());
            shared.set_zone(1);
        }
        Teller { shared: shared.clone(), service: service.to_owned(), rules: Arc::new(rules), zones }
    }

    /// Replaces the instances.
    pub(crate) fn tell(&mut self, found: Vec<Found>) -> Option<ServiceHandle> {
        let instances = found.into_iter().map(|one| Instance {
            zone: self.zone(&one.zone),
            id: one.id,
            address: one.address,
            zone_name: one.zone,
            weight_percent: one.weight_percent,
        });
        let instances = instances.collect();
        let row = ServiceRoster {
            name: self.service.clone(),
            protocol: Protocol::H2,
            instances,
            rules: self.rules.clone(),
        };
        self.shared.apply(&Roster { services: vec![row] }).pop()
    }

    fn zone(&mut self, name: &Arc<str>) -> u16 {
        let number = self.zones.iter().position(|zone| zone == name).unwrap_or_else(|| {
            if self.zones.len() >= ZONES_MAX {
                return 0;
            }
            self.zones.push(name.clone());
            self.zones.len() - 1
        });
        u16::try_from(number).unwrap_or(0)
    }
}

/// The instances that are given once.
pub(crate) fn given(service: &str, addresses: &[SocketAddr]) -> Vec<Found> {
    let found = addresses.iter().map(|address| Found {
        id: format!("{service}-{address}").into(),
        address: *address,
        zone: "".into(),
        weight_percent: 100,
    });
    found.collect()
}

/// Follows a source for as long as it runs.
#[derive(Debug)]
pub(crate) struct Following {
    pub(crate) source: Source,
    pub(crate) teller: Teller,
    /// Set once it is known who the instances are.
    pub(crate) known: watch::Sender<bool>,
}

impl Following {
    /// Runs until it is dropped.
    pub(crate) async fn run(mut self) {
        match self.source.clone() {
            Source::Addresses(_) => std::future::pending().await,
            Source::RosterFile(path) => roster_file::follow(path, &mut self).await,
            Source::Dns(source) => self.dns(source).await,
        }
    }

    fn tell(&mut self, found: Vec<Found>) {
        self.teller.tell(found);
        self.known.send_replace(true);
    }

    async fn dns(&mut self, source: DnsSource) {
        let log = |event: DnsEvent| tracing::info!(?event, "discovery");
        let discovery = match Discovery::start(source, log) {
            Ok(discovery) => discovery,
            // It was checked when the client was made.
            Err(error) => return tracing::error!(%error, "discovery does not start"),
        };
        let mut instances = discovery.instances();
        while instances.changed().await.is_ok() {
            let discovered = instances.borrow_and_update().clone();
            let found = discovered.into_iter().map(|one| Found {
                id: one.id,
                address: one.address,
                zone: one.zone,
                weight_percent: one.weight_percent,
            });
            let found = found.collect();
            self.tell(found);
        }
    }
}
