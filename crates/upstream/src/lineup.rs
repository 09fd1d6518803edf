//! The instances of a service as one thread sees them: those of its own zone first, each with its standing now.

use crate::slot::Slot;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tenet_resilience::Moment;
use tenet_resilience::affinity::{Carried, Ring};
use tenet_resilience::balance::{Candidates, Standing};
use tenet_resilience::ewma::Average;

/// The slots of one roster.
#[derive(Debug, Default)]
pub(crate) struct Lineup {
    slots: Vec<Rc<Slot>>,
    /// How many of them, from the first on, are in our own zone.
    local: usize,
    heaviest: f64,
    /// Made when a call first asks for an instance by a key.
    ring: OnceCell<Ring>,
}

impl Lineup {
    /// `zone` is ours; without one all are local.
    pub(crate) fn new(mut slots: Vec<Rc<Slot>>, zone: u16) -> Lineup {
        let is_local = |slot: &Rc<Slot>| zone == 0 || slot.state.instance.zone == zone;
        slots.sort_by_key(|slot| !is_local(slot));
        let local = slots.iter().filter(|slot| is_local(slot)).count();
        let heaviest = slots.iter().map(|slot| slot.state.weight()).fold(0.01, f64::max);
        Lineup { slots, local, heaviest, ring: OnceCell::new() }
    }

    pub(crate) fn slots(&self) -> &[Rc<Slot>] {
        &self.slots
    }

    pub(crate) fn slot(&self, index: usize) -> &Rc<Slot> {
        &self.slots[index]
    }

    pub(crate) fn zone(&self, index: usize) -> u16 {
        self.slots[index].state.instance.zone
    }

    /// The instance that the key belongs to, or the next on the ring that is not overloaded.
    pub(crate) fn of_key(&self, key: u64, view: &View<'_>) -> Option<usize> {
        let ring = self.ring.get_or_init(|| {
            let ids = self.slots.iter().map(|slot| (slot.state.instance.id.as_bytes(), slot.state.weight()));
            Ring::new(ids)
        });
        ring.pick(key, &Keyed { lineup: self, ring, view })
    }
}

/// What the instances carry of calls that are sent by a key, over all threads.
struct Keyed<'a> {
    lineup: &'a Lineup,
    ring: &'a Ring,
    view: &'a View<'a>,
}

impl Keyed<'_> {
    fn usable_ones(&self) -> impl Iterator<Item = usize> {
        (0..self.lineup.slots.len()).filter(|index| self.usable(*index))
    }
}

impl Carried for Keyed<'_> {
    fn in_flight(&self, index: usize) -> u64 {
        self.lineup.slots[index].state.keyed.load(Relaxed)
    }

    fn usable(&self, index: usize) -> bool {
        self.view.standing(index) == Standing::Ready
    }

    fn total(&self) -> u64 {
        self.usable_ones().map(|index| self.in_flight(index)).sum()
    }

    fn usable_weight(&self) -> f64 {
        self.usable_ones().map(|index| self.ring.weight(index)).sum()
    }
}

/// A line-up at the moment of a choice.
pub(crate) struct View<'a> {
    lineup: &'a Lineup,
    tried: &'a [usize],
    average: &'a Average,
    now: Moment,
    slow_start: Duration,
    /// Whether so few are usable that those left out are used again.
    panic: bool,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        lineup: &'a Lineup,
        tried: &'a [usize],
        average: &'a Average,
        panic: bool,
        now: Moment,
    ) -> View<'a> {
        let slow_start = average.rules().slow_start;
        View { lineup, tried, average, now, slow_start, panic }
    }
}

impl Candidates for View<'_> {
    fn len(&self) -> usize {
        self.lineup.slots.len()
    }

    fn local(&self) -> usize {
        self.lineup.local
    }

    fn zone(&self, index: usize) -> u16 {
        self.lineup.zone(index)
    }

    fn standing(&self, index: usize) -> Standing {
        if self.tried.contains(&index) {
            return Standing::Down;
        }
        let slot = &self.lineup.slots[index];
        let standing = slot.standing(self.now, self.panic);
        if standing == Standing::Ready && slot.load.borrow().is_suspect(self.now, self.average) {
            return Standing::Busy;
        }
        standing
    }

    fn score(&self, index: usize) -> f64 {
        self.lineup.slots[index].load.borrow().score(self.now, self.average)
    }

    fn share(&self, index: usize) -> f64 {
        self.lineup.slots[index].load.borrow().share(self.now, self.lineup.heaviest, self.slow_start)
    }
}
