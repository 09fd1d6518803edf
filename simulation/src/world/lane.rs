//! How a thread sees the instances of a service at the moment of a choice.

use super::state::{Connection, InstanceState, Lane, Slot};
use std::cell::RefCell;
use std::time::Duration;
use tenet_resilience::Moment;
use tenet_resilience::balance::{Candidates, Standing};

/// A line-up at the moment of a choice.
pub struct View<'a> {
    pub lane: &'a Lane,
    pub states: &'a [InstanceState],
    pub tried: &'a [usize],
    pub now: Moment,
    pub panic: bool,
    pub slow_start: Duration,
    /// Places whose instance should be tried again in the background.
    pub wanted: RefCell<Vec<usize>>,
}

impl View<'_> {
    fn slot_standing(&self, place: usize) -> Standing {
        let (slot, state) = (&self.lane.slots[place], &self.states[self.lane.order[place]]);
        let left_out = state.vote.is_ejected(self.now) || state.unhealthy;
        if left_out && !self.panic {
            slot.was_out.set(true);
            return Standing::Down;
        }
        let standing = self.connectable(place, slot, state);
        if standing == Standing::Down {
            slot.was_out.set(true);
        } else if slot.was_out.replace(false) {
            slot.load.borrow_mut().returned(self.now);
        }
        standing
    }

    fn connectable(&self, place: usize, slot: &Slot, state: &InstanceState) -> Standing {
        if matches!(slot.connection, Connection::Open { .. }) {
            return Standing::Ready;
        }
        if state.failures != 0 {
            self.wanted.borrow_mut().push(place);
            return Standing::Down;
        }
        Standing::Ready
    }
}

impl Candidates for View<'_> {
    fn len(&self) -> usize {
        self.lane.order.len()
    }

    fn local(&self) -> usize {
        self.lane.local
    }

    fn zone(&self, index: usize) -> u16 {
        self.lane.zones[index]
    }

    fn standing(&self, index: usize) -> Standing {
        if self.tried.contains(&index) {
            return Standing::Down;
        }
        let standing = self.slot_standing(index);
        let suspect =
            || self.lane.slots[index].load.borrow().is_suspect(self.now, self.lane.balancer.average());
        if standing == Standing::Ready && suspect() { Standing::Busy } else { standing }
    }

    fn score(&self, index: usize) -> f64 {
        self.lane.slots[index].load.borrow().score(self.now, self.lane.balancer.average())
    }

    fn share(&self, index: usize) -> f64 {
        self.lane.slots[index].load.borrow().share(self.now, 1.0, self.slow_start)
    }
}
