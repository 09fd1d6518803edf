//! What all pools of a process share: the services' instance sets and each instance's standing.

use crate::Roster;
use crate::counters::ServiceView;
use crate::instance::InstanceState;
use crate::service::{ServiceHandle, ServiceState};
use crate::view::InstanceView;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tenet_resilience::Moment;
use tenet_resilience::allowance::Ledger;
use tokio::time::Instant;

/// The process-wide side of the pools. Made once, given to every thread's [`Pool`](crate::Pool).
#[derive(Debug)]
pub struct Shared {
    /// The zero of the clock in which moments are shared.
    started: Instant,
    /// The zone this process lives in, as instances count zones; 0 for none.
    zone: AtomicU16,
    /// Whether each attempt's share of the allowance is for its instance alone, rather than kept in the ledger.
    divides: bool,
    /// What attempts under way may still spend, for the calls that come back through the private door.
    pub(crate) ledger: Arc<Ledger>,
    /// Written only when a roster is applied, read only for views: never on the request path.
    known: Mutex<Known>,
    told: Mutex<Vec<Told>>,
}

#[derive(Debug, Default)]
pub(crate) struct Known {
    services: Vec<Weak<ServiceState>>,
    pub(crate) instances: Vec<Weak<InstanceState>>,
    next_service: usize,
    next_instance: u64,
}

impl Known {
    /// A number for an instance.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.next_instance += 1;
        self.next_instance
    }
}

/// What significant thing happened to an instance or a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// An instance was left out because of how it answered.
    Ejected,
    /// An instance is called again after its ejection.
    Returned,
    /// An instance cannot be connected to. What health checks find is told by the [`Checker`](crate::Checker).
    Down,
    /// It can be connected to again.
    Up,
    /// So few instances are usable that all are used, or no longer so.
    Panic,
}

/// Something that happened, for the time line.
#[derive(Clone, Debug)]
pub struct Told {
    /// What kind of thing.
    pub what: Happening,
    /// When.
    pub at: SystemTime,
    /// The service.
    pub service: Arc<str>,
    /// The instance, or the service again.
    pub subject: String,
    /// One sentence for people.
    pub text: String,
}

/// Happenings kept until somebody asks; a storm of them tells no more than its start.
const TOLD_MAX: usize = 256;

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            started: Instant::now(),
            zone: AtomicU16::new(0),
            divides: false,
            ledger: Arc::new(Ledger::new()),
            known: Mutex::default(),
            told: Mutex::default(),
        }
    }
}

impl Shared {
    /// An empty roster.
    pub fn new() -> Shared {
        Shared::default()
    }

    /// An empty roster of a process that nobody calls back through a private door: what an attempt may spend goes along with it
    /// and is its instance's alone to divide. An answer that does not say what was spent has then spent all of it, since who
    /// does not report may have copied its share to all its calls.
    pub fn dividing() -> Shared {
        Shared { divides: true, ..Shared::default() }
    }

    /// Takes a roster over and returns a handle for each of its services, in its order.
    ///
    /// A service is known by name and protocol: one that was there before keeps its handle, its instances that stay keep
    /// their connections and their standing, and those that went get no new call, finish what they have and are closed.
    /// A service missing in `roster` keeps its instances until its last handle is dropped, so that requests which
    /// began under the old program end under it. Never blocks a data-plane thread.
    pub fn apply(&self, roster: &Roster) -> Vec<ServiceHandle> {
        let now = self.now();
        let mut known = self.known();
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
                    known.next_service += 1;
                    let number = known.next_service - 1;
                    let service = Arc::new(ServiceState::new(&row.name, row.protocol, number, &row.rules));
                    known.services.push(Arc::downgrade(&service));
                    service
                }
            };
            service.rule(&row.rules);
            service.replace(&row.instances, now, known);
            service.keep_up_ejection(now, self);
            handles.push(ServiceHandle(service));
        }
        handles
    }

    /// Every instance that is in a service's set now or still has connections or calls, oldest first.
    pub fn view(&self) -> Vec<InstanceView> {
        let now = self.now();
        let alive: Vec<_> = self.known().instances.iter().filter_map(Weak::upgrade).collect();
        let slow_start: HashMap<Arc<str>, Duration> = self
            .services()
            .into_iter()
            .map(|service| (service.name.clone(), service.live().rules.balance.load.slow_start))
            .collect();
        let views = alive.iter().map(|state| {
            let slow_start = slow_start.get(&state.service).copied().unwrap_or_default();
            (state.is_removed(), state.view(now, slow_start))
        });
        views
            .filter(|(gone, view)| !gone || view.open_connections + view.in_flight > 0)
            .map(|(_, view)| view)
            .collect()
    }

    /// Every service that a program knows, oldest first.
    pub fn service_views(&self) -> Vec<ServiceView> {
        let now = self.now();
        self.services().iter().map(|service| service.view(now)).collect()
    }

    /// Says which zone this process lives in, by the number instances have it by; 0 for none.
    pub fn set_zone(&self, zone: u16) {
        self.zone.store(zone, Relaxed);
    }

    pub(crate) fn divides(&self) -> bool {
        self.divides
    }

    pub(crate) fn zone(&self) -> u16 {
        self.zone.load(Relaxed)
    }

    /// Delays every attempt at instances of a zone, or at the one instance of that name, by `delay`; zero ends it. For drills.
    /// The number of instances that this reached.
    pub fn inject_delay(&self, target: &str, delay: Duration) -> usize {
        let alive: Vec<_> = self.known().instances.iter().filter_map(Weak::upgrade).collect();
        let hit = alive
            .iter()
            .filter(|state| *state.instance.zone_name == *target || *state.instance.id == *target);
        hit.map(|state| state.inject_delay(delay)).count()
    }

    /// Puts something on the list of what happened.
    pub(crate) fn tell(&self, what: Happening, service: &Arc<str>, subject: &str, text: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD_MAX {
            let (service, subject) = (service.clone(), subject.to_owned());
            told.push(Told { what, at: SystemTime::now(), service, subject, text });
        }
    }

    /// What happened since this was last asked, in order.
    pub fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What attempts under way may still spend: where calls that come back through the private door take their share.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub(crate) fn services(&self) -> Vec<Arc<ServiceState>> {
        self.known().services.iter().filter_map(Weak::upgrade).collect()
    }

    /// The present on the clock that all policies of the process share.
    pub fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    /// `at` on the clock that all policies of the process share.
    pub fn moment(&self, at: Instant) -> Moment {
        Moment::from_start(at.saturating_duration_since(self.started))
    }

    /// A moment as an instant.
    pub fn instant(&self, at: Moment) -> Instant {
        self.started + Duration::from_nanos(at.nanos())
    }

    /// `at` on the process's pool clock, in milliseconds.
    pub(crate) fn clock_ms(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.started).as_millis() as u64
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
