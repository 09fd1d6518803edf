//! What all pools of a process share: the services' instance sets and each instance's standing.

use crate::instance::InstanceState;
use crate::{Instance, Protocol, Roster};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::time::Instant;

/// The process-wide side of the pools. Made once, given to every thread's [`Pool`](crate::Pool).
#[derive(Debug)]
pub struct Shared {
    /// The zero of the clock in which back-off times are shared.
    started: Instant,
    /// Written only when a roster is applied, read only for views: never on the request path.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    services: Vec<Weak<ServiceState>>,
    instances: Vec<Weak<InstanceState>>,
    next_number: usize,
}

/// A service as the request path knows it: resolved once, when a program is compiled; cloning is cheap.
///
/// The handle follows the roster: after [`Shared::apply`] the same handle leads to the new instances.
#[derive(Clone, Debug)]
pub struct ServiceHandle(pub(crate) Arc<ServiceState>);

#[derive(Debug)]
pub(crate) struct ServiceState {
    pub(crate) name: Arc<str>,
    pub(crate) protocol: Protocol,
    /// Where a pool keeps its side of the service. Never used twice in a process.
    pub(crate) number: usize,
    instances: ArcSwap<Vec<Arc<InstanceState>>>,
    /// Raised after each change of `instances`, so that a call can tell with one load that nothing changed.
    generation: AtomicU64,
}

impl ServiceState {
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Acquire)
    }

    pub(crate) fn instances(&self) -> Arc<Vec<Arc<InstanceState>>> {
        self.instances.load_full()
    }

    /// Takes new instances over, keeping the state of those that stay, and marks those that went.
    fn replace(&self, instances: &[Instance], known: &mut Vec<Weak<InstanceState>>) {
        let old = self.instances();
        let mut stayed: HashMap<&Instance, &Arc<InstanceState>> =
            old.iter().map(|state| (&state.instance, state)).collect();
        let new = instances
            .iter()
            .map(|instance| match stayed.remove(instance) {
                Some(state) => state.clone(),
                None => {
                    let state = Arc::new(InstanceState::new(self.name.clone(), instance.clone()));
                    known.push(Arc::downgrade(&state));
                    state
                }
            })
            .collect();
        self.instances.store(Arc::new(new));
        self.generation.fetch_add(1, Release);
        stayed.values().for_each(|gone| gone.remove());
    }
}

impl Drop for ServiceState {
    fn drop(&mut self) {
        self.instances.load().iter().for_each(|state| state.remove());
    }
}

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

impl Default for Shared {
    fn default() -> Shared {
        Shared { started: Instant::now(), known: Mutex::default() }
    }
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
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut *known;
        known.services.retain(|service| service.strong_count() > 0);
        known.instances.retain(|instance| instance.strong_count() > 0);
        let alive: Vec<_> = known.services.iter().filter_map(Weak::upgrade).collect();
        let by_name: HashMap<_, _> =
            alive.iter().map(|service| ((&*service.name, service.protocol), service)).collect();
        let mut handles = Vec::with_capacity(roster.services.len());
        for row in &roster.services {
            let service = match by_name.get(&(row.name.as_str(), row.protocol)) {
                Some(service) => Arc::clone(service),
                None => {
                    known.next_number += 1;
                    let service = Arc::new(ServiceState {
                        name: row.name.as_str().into(),
                        protocol: row.protocol,
                        number: known.next_number - 1,
                        instances: ArcSwap::default(),
                        generation: AtomicU64::new(0),
                    });
                    known.services.push(Arc::downgrade(&service));
                    service
                }
            };
            service.replace(&row.instances, &mut known.instances);
            handles.push(ServiceHandle(service));
        }
        handles
    }

    /// Every instance that is in a service's set now or still has connections or calls, oldest first.
    pub fn view(&self) -> Vec<InstanceView> {
        let alive: Vec<_> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.instances.iter().filter_map(Weak::upgrade).collect()
        };
        let views = alive.iter().map(|state| (state.is_removed(), state.view()));
        views
            .filter(|(gone, view)| !gone || view.open_connections + view.in_flight > 0)
            .map(|(_, view)| view)
            .collect()
    }

    pub(crate) fn services(&self) -> Vec<Arc<ServiceState>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.services.iter().filter_map(Weak::upgrade).collect()
    }

    /// `at` on the process's pool clock, in milliseconds.
    pub(crate) fn clock_ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.started).as_millis() as u64
    }
}

impl ServiceHandle {
    /// The service's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What its instances speak.
    pub fn protocol(&self) -> Protocol {
        self.0.protocol
    }
}
