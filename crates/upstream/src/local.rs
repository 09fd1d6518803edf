//! What all of one pool's connections share: randomness, timers, and how many of them are alive.

use crate::random::Random;
use crate::timer::Timers;
use crate::{Part, Shared};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) shared: Arc<Shared>,
    pub(crate) part: Part,
    /// Where a field is written before it is one: kept, so that it grows once.
    pub(crate) text: RefCell<String>,
    pub(crate) random: Random,
    pub(crate) timers: Timers,
    /// Set once by a drain: no connection is kept for later any more.
    pub(crate) draining: Cell<bool>,
    /// Calls without a head yet, connects under way and open connections.
    alive: Cell<usize>,
    /// Calls without a head yet.
    calling: Cell<usize>,
    ended: Notify,
}

impl Local {
    pub(crate) fn new(part: Part, shared: Arc<Shared>) -> Local {
        Local {
            shared,
            part,
            text: RefCell::default(),
            random: Random::new(part.thread),
            timers: Timers::default(),
            draining: Cell::new(false),
            alive: Cell::new(0),
            calling: Cell::new(0),
            ended: Notify::new(),
        }
    }

    /// Waits until no call waits for a head any more.
    pub(crate) async fn no_calls(&self) {
        while self.calling.get() > 0 {
            self.ended.notified().await;
        }
    }

    /// Waits until nothing is open or being opened.
    pub(crate) async fn nothing_alive(&self) {
        while self.alive.get() > 0 {
            self.ended.notified().await;
        }
    }
}

/// Counts one connection, or connect, as alive while it exists.
#[derive(Debug)]
pub(crate) struct Alive(Rc<Local>);

impl Alive {
    pub(crate) fn new(local: &Rc<Local>) -> Alive {
        local.alive.set(local.alive.get() + 1);
        Alive(local.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.set(self.0.alive.get() - 1);
        if self.0.draining.get() {
            self.0.ended.notify_waiters();
        }
    }
}

/// Counts one call that waits for its head while it exists.
#[derive(Debug)]
pub(crate) struct Calling<'a>(&'a Local);

impl Calling<'_> {
    pub(crate) fn new(local: &Local) -> Calling<'_> {
        local.calling.set(local.calling.get() + 1);
        Calling(local)
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.calling.set(self.0.calling.get() - 1);
        if self.0.draining.get() {
            self.0.ended.notify_waiters();
        }
    }
}
