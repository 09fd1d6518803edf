//! One service in one pool: its instances' slots as of the last roster, and the place in the round.

use crate::balancer::{Balancer, Standing};
use crate::instance::InstanceState;
use crate::local::Local;
use crate::shared::ServiceState;
use crate::slot::Slot;
use crate::{Protocol, ServiceHandle};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tenet_error::{Code, Failure};

/// Slots by the address of their shared state, which each of them keeps alive.
pub(crate) type Slots = RefCell<HashMap<*const InstanceState, Rc<Slot>>>;

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) protocol: Protocol,
    service: Weak<ServiceState>,
    generation: Cell<u64>,
    slots: RefCell<Rc<[Rc<Slot>]>>,
    balancer: RefCell<Balancer>,
}

impl Lane {
    pub(crate) fn new(service: &ServiceHandle, seed: u64) -> Lane {
        Lane {
            protocol: service.protocol(),
            service: Arc::downgrade(&service.0),
            // Differs from every generation, so that the first refresh fills the slots.
            generation: Cell::new(u64::MAX),
            slots: RefCell::new(Rc::new([])),
            balancer: RefCell::new(Balancer::new(seed)),
        }
    }

    /// Whether any program still knows the service.
    pub(crate) fn is_wanted(&self) -> bool {
        self.service.strong_count() > 0
    }

    /// Follows the roster; one load and a comparison when nothing changed.
    pub(crate) fn refresh(&self, service: &ServiceState, all: &Slots, local: &Rc<Local>) {
        let generation = service.generation();
        if self.generation.replace(generation) == generation {
            return;
        }
        let mut all = all.borrow_mut();
        let slot = |state: &Arc<InstanceState>| {
            let new = || Rc::new(Slot::new(local.clone(), state.clone(), service.protocol));
            all.entry(Arc::as_ptr(state)).or_insert_with(new).clone()
        };
        *self.slots.borrow_mut() = service.instances().iter().map(slot).collect();
    }

    /// [`refresh`](Self::refresh) for the upkeep, which has no handle.
    pub(crate) fn refresh_if_wanted(&self, all: &Slots, local: &Rc<Local>) {
        if let Some(service) = self.service.upgrade() {
            self.refresh(&service, all, local);
        }
    }

    pub(crate) fn slots(&self) -> Rc<[Rc<Slot>]> {
        self.slots.borrow().clone()
    }

    /// The instance for the next attempt of a call that has `tried` some.
    pub(crate) fn pick(&self, slots: &[Rc<Slot>], tried: &[usize]) -> Option<usize> {
        let standing = |index| if tried.contains(&index) { Standing::Down } else { slots[index].standing() };
        self.balancer.borrow_mut().pick(slots.len(), standing)
    }

    pub(crate) fn no_instance(&self, slots: &[Rc<Slot>]) -> Failure {
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
