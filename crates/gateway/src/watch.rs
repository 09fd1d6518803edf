//! Coarse timers: one armed moment per connection or stream, checked ten times a second by the thread's reaper.
//!
//! Header, body, idle and write times are bounds against slow or absent peers, and nearly every one of them is armed and
//! disarmed without ever firing. A timer wheel entry for each would cost more than the parsing it guards, so arming here is
//! one store to a cell. The price is resolution: a bound fires up to two [`TICK`]s late.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How often armed moments are checked.
pub const TICK: Duration = Duration::from_millis(100);

/// A thread's armed moments.
pub struct Reaper {
    started: Instant,
    now_ms: Cell<u64>,
    slots: RefCell<Vec<Option<Rc<Slot>>>>,
    free: RefCell<Vec<usize>>,
}

struct Slot {
    /// Milliseconds since the reaper started; 0 is not armed.
    at_ms: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

/// One armed moment; dropping it gives the slot back.
pub struct Watch {
    reaper: Rc<Reaper>,
    slot: Rc<Slot>,
    index: usize,
}

impl Reaper {
    /// A reaper whose clock starts now. [`Reaper::run`] must be spawned on the same thread.
    pub fn new() -> Rc<Reaper> {
        Rc::new(Reaper {
            started: Instant::now(),
            now_ms: Cell::new(1),
            slots: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
        })
    }

    /// A new, unarmed moment.
    pub fn watch(self: &Rc<Self>) -> Watch {
        let slot = Rc::new(Slot { at_ms: Cell::new(0), waker: RefCell::new(None) });
        let index = match self.free.borrow_mut().pop() {
            Some(index) => {
                self.slots.borrow_mut()[index] = Some(slot.clone());
                index
            }
            None => {
                self.slots.borrow_mut().push(Some(slot.clone()));
                self.slots.borrow().len() - 1
            }
        };
        Watch { reaper: self.clone(), slot, index }
    }

    /// Checks all moments every [`TICK`], for as long as the thread lives.
    pub async fn run(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.tick();
        }
    }

    /// Wakes everybody who waits here: something all of them look at has changed.
    pub fn wake_all(&self) {
        for slot in self.slots.borrow().iter().flatten() {
            if let Some(waker) = slot.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    fn tick(&self) {
        let now = self.started.elapsed().as_millis() as u64 + 1;
        self.now_ms.set(now);
        for slot in self.slots.borrow().iter().flatten() {
            let at = slot.at_ms.get();
            if at != 0
                && at <= now
                && let Some(waker) = slot.waker.borrow_mut().take()
            {
                waker.wake();
            }
        }
    }
}

impl Watch {
    /// Arms the moment `after` from now, replacing what was armed. It never fires early, and at most two ticks late.
    pub fn arm(&self, after: Duration) {
        // The clock read here is up to a tick old.
        let after = after.saturating_add(TICK).as_millis() as u64;
        self.slot.at_ms.set(self.reaper.now_ms.get().saturating_add(after));
    }

    /// Nothing is awaited now.
    pub fn disarm(&self) {
        self.slot.at_ms.set(0);
    }

    /// Ready once the armed moment has passed; stays ready until armed again.
    pub fn poll_passed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.slot.at_ms.get();
        if at != 0 && at <= self.reaper.now_ms.get() {
            return Poll::Ready(());
        }
        let mut waker = self.slot.waker.borrow_mut();
        match waker.as_ref() {
            Some(current) if current.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reaper.slots.borrow_mut()[self.index] = None;
        self.reaper.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_moment_fires_once_armed_and_passed_and_its_slot_is_reused() {
        let reaper = Reaper::new();
        let watch = reaper.watch();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(watch.poll_passed(&mut cx).is_pending());
        watch.arm(Duration::from_millis(50));
        reaper.now_ms.set(150);
        assert!(watch.poll_passed(&mut cx).is_pending());
        reaper.now_ms.set(151);
        assert!(watch.poll_passed(&mut cx).is_ready());
        watch.disarm();
        assert!(watch.poll_passed(&mut cx).is_pending());
        drop(watch);
        let again = reaper.watch();
        assert_eq!(again.index, 0);
    }
}
