//! What all pools of a process share: the services' instance sets and each instance's standing.

use crate::{Protocol, Roster};
use std::net::SocketAddr;
use std::sync::Arc;

/// The process-wide side of the pools. Made once, given to every thread's [`Pool`](crate::Pool).
#[derive(Debug, Default)]
pub struct Shared {}

/// A service as the request path knows it: resolved once, when a program is compiled; cloning is cheap.
///
/// The handle follows the roster: after [`Shared::apply`] the same handle leads to the new instances.
#[derive(Clone, Debug)]
pub struct ServiceHandle {}

/// How an instance stands with this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// No connection was tried yet.
    Untried,
    /// The last connect succeeded.
    Up,
    /// The last connect failed; no call goes there until a connect succeeds again.
    Failing,
}

impl Health {
    /// The word used in metrics and on the console.
    pub fn word(self) -> &'static str {
        match self {
            Health::Untried => "untried",
            Health::Up => "up",
            Health::Failing => "failing",
        }
    }
}

/// One instance as telemetry sees it, summed over all threads.
#[derive(Clone, Debug)]
pub struct InstanceView {
    /// The service's name.
    pub service: Arc<str>,
    /// The instance's id.
    pub id: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its zone's number.
    pub zone: u16,
    /// Its zone's name.
    pub zone_name: Arc<str>,
    /// How it stands.
    pub health: Health,
    /// Connections open now.
    pub open_connections: u64,
    /// Calls whose answer is not complete.
    pub in_flight: u64,
    /// Calls sent since the process began.
    pub calls: u64,
    /// Connects that succeeded since the process began.
    pub connects: u64,
    /// Connects that failed since the process began.
    pub connect_failures: u64,
}

impl Shared {
    /// An empty roster.
    pub fn new() -> Shared {
        Shared::default()
    }

    /// Takes a roster over and returns a handle for each of its services, in its order.
    ///
    /// A service is known by name and protocol: one that was there before keeps its handle, its instances that stay keep
    /// their connections and their standing, and those that went get no new call, finish what they have and are closed.
    /// A service missing in `roster` keeps its instances until its last handle is dropped, so that requests which
    /// began under the old program end under it. Never blocks a data-plane thread.
    pub fn apply(&self, roster: &Roster) -> Vec<ServiceHandle> {
        let _ = roster;
        todo!()
    }

    /// Every instance that is in a service's set now or still has connections, in roster order.
    pub fn view(&self) -> Vec<InstanceView> {
        todo!()
    }
}

impl ServiceHandle {
    /// The service's name.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// What its instances speak.
    pub fn protocol(&self) -> Protocol {
        todo!()
    }
}
