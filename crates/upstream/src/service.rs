//! One service as the whole process knows it: its instances, its rules, what its calls share, and what was counted of them.

use crate::counters::{LaneCounters, ServiceView};
use crate::health::CheckCounts;
use crate::instance::InstanceState;
use crate::shared::{Happening, Known, Shared};
use crate::{Instance, Protocol, ServiceRules};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenet_resilience::Moment;
use tenet_resilience::balance::is_panic;
use tenet_resilience::budget::RetryBudget;
use tenet_resilience::eject::{Cause, Ejection};
use tenet_resilience::limit::Limiter;
use tenet_resilience::queue::QueueRules;

/// A service as the request path knows it: resolved once, when a program is compiled; cloning is cheap.
///
/// The handle follows the roster: after [`Shared::apply`](crate::Shared::apply) the same handle leads to the new instances.
#[derive(Clone, Debug)]
pub struct ServiceHandle(pub(crate) Arc<ServiceState>);

/// A method of a service whose latency is followed, so that a second attempt knows when to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodHandle(pub(crate) usize);

#[derive(Debug)]
pub(crate) struct ServiceState {
    pub(crate) name: Arc<str>,
    pub(crate) protocol: Protocol,
    /// Where a pool keeps its side of the service. Never used twice in a process.
    pub(crate) number: usize,
    instances: ArcSwap<Vec<Arc<InstanceState>>>,
    live: ArcSwap<Live>,
    ejection: Ejection,
    ejections: AtomicU64,
    /// Raised after each change of `instances` or `live`, so that a call can tell with one load that nothing changed.
    generation: AtomicU64,
    /// Names of followed methods; a method keeps its number.
    methods: Mutex<Vec<String>>,
    /// How the health checks of its instances ended.
    pub(crate) checks: Arc<CheckCounts>,
    threads: Mutex<Vec<Arc<LaneCounters>>>,
    /// What threads that ended had counted.
    past: LaneCounters,
}

/// The rules in force, and what all threads share under them.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) rules: Arc<ServiceRules>,
    pub(crate) budget: Arc<RetryBudget>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) panic: Arc<Panic>,
}

/// Whether so few instances are usable that those that were left out are used again.
#[derive(Debug, Default)]
pub(crate) struct Panic(AtomicBool);

impl Panic {
    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// True where that is a change.
    pub(crate) fn set(&self, on: bool) -> bool {
        self.0.swap(on, Relaxed) != on
    }
}

impl Live {
    fn new(rules: &ServiceRules) -> Live {
        Live {
            rules: Arc::new(rules.clone()),
            budget: Arc::new(RetryBudget::new(&rules.budget)),
            limiter: Arc::new(Limiter::new(&rules.limit)),
            panic: Arc::default(),
        }
    }

    /// The same under other rules: what their change does not touch goes on as it is.
    fn under(&self, rules: &ServiceRules) -> Live {
        let mut live = Live { panic: self.panic.clone(), ..Live::new(rules) };
        if self.rules.budget == rules.budget {
            live.budget = self.budget.clone();
        }
        if self.rules.limit == rules.limit {
            live.limiter = self.limiter.clone();
        }
        live
    }
}

impl ServiceState {
    pub(crate) fn new(name: &str, protocol: Protocol, number: usize, rules: &ServiceRules) -> ServiceState {
        ServiceState {
            name: name.into(),
            protocol,
            number,
            instances: ArcSwap::default(),
            live: ArcSwap::from_pointee(Live::new(rules)),
            ejection: Ejection::new(),
            ejections: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            methods: Mutex::default(),
            checks: Arc::default(),
            threads: Mutex::default(),
            past: LaneCounters::default(),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Acquire)
    }

    pub(crate) fn instances(&self) -> Arc<Vec<Arc<InstanceState>>> {
        self.instances.load_full()
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Takes rules over.
    pub(crate) fn rule(&self, rules: &ServiceRules) {
        let live = self.live();
        if *live.rules != *rules {
            self.live.store(Arc::new(live.under(rules)));
            self.generation.fetch_add(1, Release);
        }
    }

    /// Takes new instances over, keeping the state of those that stay, and marks those that went.
    pub(crate) fn replace(&self, instances: &[Instance], now: Moment, known: &mut Known) {
        let old = self.instances();
        let mut stayed: HashMap<&str, &Arc<InstanceState>> =
            old.iter().map(|state| (&*state.instance.id, state)).collect();
        // Where nobody is warm, nobody has to be spared.
        let warm_from = if old.is_empty() { Moment::START } else { now };
        let new: Vec<_> = instances
            .iter()
            .map(|instance| match stayed.get(&*instance.id).filter(|state| state.instance.is(instance)) {
                Some(state) => {
                    let state = Arc::clone(state);
                    stayed.remove(&*instance.id);
                    state.set_weight(instance.weight_percent);
                    state
                }
                None => {
                    let state = Arc::new(InstanceState::new(
                        known.next_number(),
                        self.name.clone(),
                        instance.clone(),
                        warm_from,
                        self.ejection.join(),
                    ));
                    known.instances.push(Arc::downgrade(&state));
                    state
                }
            })
            .collect();
        stayed.values().for_each(|gone| {
            gone.remove();
            self.ejection.leave(&gone.vote);
        });
        self.instances.store(Arc::new(new));
        self.generation.fetch_add(1, Release);
    }

    /// Leaves an instance out for a while, where the cap lets it.
    pub(crate) fn eject(&self, state: &InstanceState, cause: Cause, shared: &Shared) {
        let live = self.live();
        let now = shared.now();
        let Some(until) = self.ejection.try_eject(&state.vote, now, &live.rules.ejection) else { return };
        state.ejections.fetch_add(1, Relaxed);
        self.ejections.fetch_add(1, Relaxed);
        state.set_cause(&cause.to_string());
        let (id, pause) = (&state.instance.id, until.since(now));
        shared.tell(Happening::Ejected, &self.name, id, format!("{id} {cause}; left out for {pause:.1?}"));
        self.reckon(now, shared);
    }

    /// Gives those back whose time is over.
    pub(crate) fn keep_up_ejection(&self, now: Moment, shared: &Shared) {
        let instances = self.instances();
        let votes: Vec<_> = instances.iter().map(|state| &state.vote).collect();
        self.ejection.upkeep(&votes, now, &self.live().rules.ejection, |index| {
            let id = &instances[index].instance.id;
            shared.tell(
                Happening::Returned,
                &self.name,
                id,
                format!("{id} is called again after its ejection"),
            );
        });
        self.reckon(now, shared);
    }

    /// Finds out whether so few are usable that all are used.
    pub(crate) fn reckon(&self, now: Moment, shared: &Shared) {
        let instances = self.instances();
        let usable = instances.iter().filter(|state| state.is_usable(now)).count();
        let live = self.live();
        let on = is_panic(usable, instances.len(), live.rules.ejection.panic_percent);
        if live.panic.set(on) {
            let (name, all) = (&self.name, instances.len());
            let text = if on {
                format!(
                    "only {usable} of {all} instances of {name} are usable: those that were left out are called again"
                )
            } else {
                format!(
                    "{usable} of {all} instances of {name} are usable: those that are left out are not called"
                )
            };
            shared.tell(Happening::Panic, &self.name, &self.name, text);
        }
    }

    /// Counters for one thread, part of the sums until [`detach`](Self::detach).
    pub(crate) fn attach(&self) -> Arc<LaneCounters> {
        let counters = Arc::new(LaneCounters::default());
        self.threads().push(counters.clone());
        counters
    }

    pub(crate) fn detach(&self, counters: &Arc<LaneCounters>) {
        let mut threads = self.threads();
        self.past.add(counters);
        threads.retain(|other| !Arc::ptr_eq(other, counters));
    }

    pub(crate) fn view(&self, now: Moment) -> ServiceView {
        let sum = LaneCounters::default();
        {
            let threads = self.threads();
            sum.add(&self.past);
            threads.iter().for_each(|thread| sum.add(thread));
        }
        let live = self.live();
        let ejections = self.ejections.load(Relaxed);
        let (_, ejected) = self.ejection.counts();
        let panic = live.panic.is_on();
        ServiceView::new(self, &sum, live.budget.left(now)).with_ejections(ejections, ejected.into(), panic)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Arc<LaneCounters>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn method(&self, name: &str) -> MethodHandle {
        let mut methods = self.methods.lock().unwrap_or_else(PoisonError::into_inner);
        let known = methods.iter().position(|known| known == name);
        MethodHandle(known.unwrap_or_else(|| {
            methods.push(name.to_owned());
            methods.len() - 1
        }))
    }
}

impl Drop for ServiceState {
    fn drop(&mut self) {
        self.instances.load().iter().for_each(|state| state.remove());
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

    /// A method whose latency is to be followed; the same name is the same method, whatever program asks.
    pub fn method(&self, name: &str) -> MethodHandle {
        self.0.method(name)
    }

    /// What bounds the calls to it at one time.
    pub fn limiter(&self) -> Arc<Limiter> {
        self.0.live().limiter.clone()
    }

    /// How calls wait that the limiter does not let in.
    pub fn queue_rules(&self) -> QueueRules {
        self.0.live().rules.queue
    }

    /// A number of the service that no other service of the process has or had.
    pub fn number(&self) -> usize {
        self.0.number
    }

    /// Changes with its rules and instances.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Acquire)
    }
}
