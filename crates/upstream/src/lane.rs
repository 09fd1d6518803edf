//! One service in one pool: its instances' slots as of the last roster, its rules, and what this thread learnt of it.

use crate::counters::LaneCounters;
use crate::instance::InstanceState;
use crate::lineup::{Lineup, View};
use crate::local::Local;
use crate::service::{Live, MethodHandle, ServiceState};
use crate::slot::Slot;
use crate::{Protocol, ServiceHandle};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_resilience::Moment;
use tenet_resilience::balance::{Balancer, Pick};
use tenet_resilience::delay::DelayEstimate;
use tenet_resilience::ewma::{Load, Observation};
use tokio::time::Instant;

/// Slots by the address of their shared state, which each of them keeps alive.
pub(crate) type Slots = RefCell<HashMap<*const InstanceState, Rc<Slot>>>;

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) protocol: Protocol,
    pub(crate) local: Rc<Local>,
    pub(crate) counters: Arc<LaneCounters>,
    service: Weak<ServiceState>,
    generation: Cell<u64>,
    lineup: RefCell<Rc<Lineup>>,
    live: RefCell<Rc<Live>>,
    balancer: RefCell<Balancer>,
    /// By the number of the method.
    delays: RefCell<Vec<Option<DelayEstimate>>>,
}

impl Lane {
    pub(crate) fn new(service: &ServiceHandle, local: &Rc<Local>) -> Lane {
        let live = service.0.live();
        Lane {
            protocol: service.protocol(),
            local: local.clone(),
            counters: service.0.attach(),
            service: Arc::downgrade(&service.0),
            // Differs from every generation, so that the first refresh fills the slots.
            generation: Cell::new(u64::MAX),
            lineup: RefCell::default(),
            balancer: RefCell::new(Balancer::new(live.rules.balance)),
            live: RefCell::new(Rc::new((*live).clone())),
            delays: RefCell::default(),
        }
    }

    /// Whether any program still knows the service.
    pub(crate) fn is_wanted(&self) -> bool {
        self.service.strong_count() > 0
    }

    /// Follows roster and rules; one load and a comparison when nothing changed.
    pub(crate) fn refresh(&self, service: &ServiceState, all: &Slots) {
        let generation = service.generation();
        if self.generation.replace(generation) == generation {
            return;
        }
        let live = service.live();
        if live.rules.balance != self.live.borrow().rules.balance {
            *self.balancer.borrow_mut() = Balancer::new(live.rules.balance);
        }
        *self.live.borrow_mut() = Rc::new((*live).clone());
        let options = Rc::new(live.rules.pool.of_part(self.local.part));
        let mut all = all.borrow_mut();
        let slot = |state: &Arc<InstanceState>| {
            let slot = all.entry(Arc::as_ptr(state)).or_insert_with(|| {
                Rc::new(Slot::new(self.local.clone(), state.clone(), self.protocol, options.clone()))
            });
            slot.set_options(&options);
            slot.load.borrow_mut().set_weight(state.weight());
            slot.clone()
        };
        let slots = service.instances().iter().map(slot).collect();
        *self.lineup.borrow_mut() = Rc::new(Lineup::new(slots, self.local.shared.zone()));
    }

    /// [`refresh`](Self::refresh) for the upkeep, which has no handle.
    pub(crate) fn refresh_if_wanted(&self, all: &Slots) {
        if let Some(service) = self.service.upgrade() {
            self.refresh(&service, all);
        }
    }

    /// The service as the process knows it, while any program does.
    pub(crate) fn service(&self) -> Option<Arc<ServiceState>> {
        self.service.upgrade()
    }

    pub(crate) fn lineup(&self) -> Rc<Lineup> {
        self.lineup.borrow().clone()
    }

    pub(crate) fn live(&self) -> Rc<Live> {
        self.live.borrow().clone()
    }

    pub(crate) fn now(&self) -> Moment {
        self.local.shared.now()
    }

    pub(crate) fn moment(&self, at: Instant) -> Moment {
        self.local.shared.moment(at)
    }

    pub(crate) fn instant(&self, at: Moment) -> Instant {
        self.local.shared.instant(at)
    }

    /// The instance for the next attempt of a call that has `tried` some: the key's own where there is one, else the best of few.
    pub(crate) fn pick(
        &self,
        lineup: &Lineup,
        tried: &[usize],
        affinity: Option<u64>,
        now: Moment,
    ) -> Option<usize> {
        let live = self.live.borrow();
        let balancer = self.balancer.borrow();
        let view = View::new(lineup, tried, balancer.average(), live.panic.is_on(), now);
        if let Some(key) = affinity
            && let Some(index) = lineup.of_key(key, &view)
        {
            return Some(index);
        }
        let pick = Pick {
            prefer_other_zone_than: tried.last().map(|index| lineup.zone(*index)),
            random: self.local.random.next(),
        };
        let picked = balancer.pick(&view, &pick);
        if picked.is_some() || !tried.is_empty() || live.panic.is_on() {
            return picked;
        }
        // Everyone is left out, and the panic that this means has not been declared yet.
        balancer.pick(&View::new(lineup, tried, balancer.average(), true, now), &pick)
    }

    /// An attempt at `slot` ended; one whose answer `streams` goes on.
    pub(crate) fn ended(&self, slot: &Slot, now: Moment, observation: Observation, streams: bool) {
        let zone = self.local.shared.zone();
        let local = zone == 0 || slot.state.instance.zone == zone;
        let (mut balancer, mut load) = (self.balancer.borrow_mut(), slot.load.borrow_mut());
        if streams {
            balancer.streaming(&mut load, local, now, observation);
        } else {
            balancer.ended(&mut load, local, now, observation);
        }
    }

    /// An instance reported which share of its capacity is used.
    pub(crate) fn reported(&self, slot: &Slot, now: Moment, utilisation: f64) {
        slot.state.set_utilisation(utilisation);
        self.balancer.borrow_mut().reported(&mut slot.load.borrow_mut(), now, utilisation);
    }

    /// What an attempt at a method took until it was `answered`, or that it was over without an answer.
    pub(crate) fn learn(&self, method: Option<MethodHandle>, now: Moment, latency: Duration, answered: bool) {
        let Some(MethodHandle(number)) = method else { return };
        let mut delays = self.delays.borrow_mut();
        if delays.len() <= number {
            delays.resize_with(number + 1, || None);
        }
        let delay = delays[number].get_or_insert_with(|| DelayEstimate::new(&self.live.borrow().rules.hedge));
        let latency_ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if answered {
            delay.record(now, latency_ns);
        } else {
            delay.cut_short(now, latency_ns);
        }
    }

    /// After what time a second attempt of the method should begin, once that is known.
    pub(crate) fn hedge_after(&self, MethodHandle(number): MethodHandle) -> Option<Duration> {
        let now = self.now();
        self.delays.borrow_mut().get_mut(number)?.as_mut()?.quantile(now)
    }

    /// What an attempt usually takes.
    pub(crate) fn typical(&self) -> Duration {
        Duration::from_nanos(self.balancer.borrow().average().latency() as u64)
    }

    pub(crate) fn no_instance(&self, lineup: &Lineup) -> Failure {
        let slots = lineup.slots();
        let cause = match slots.len() {
            0 => "the roster has no instance".into(),
            count => format!("all {count} instances are failing"),
        };
        let failure = Failure::new(Code::NoInstance, "").with_cause(cause);
        match slots.iter().map(|slot| slot.retry_after()).min() {
            // Told in whole seconds where it is told; never zero, which would invite a hot loop.
            Some(after) => failure.with_retry_after(after.max(Duration::from_secs(1))),
            None => failure,
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(service) = self.service.upgrade() {
            service.detach(&self.counters);
        }
    }
}

/// What a thread begins with about an instance.
pub(crate) fn new_load(state: &InstanceState) -> Load {
    let warming = Some(state.warm_from()).filter(|from| *from > Moment::START);
    Load::new(state.weight(), warming)
}
