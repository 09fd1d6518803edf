//! One instance in one pool: its connections, who waits for one, and how new ones come to be.
//!
//! A connect is a task of its own, so that a call that gives up does not undo what others wait for and what the next
//! call needs. Waiting calls re-check after every wake; whoever finds a free connection first takes it.

use crate::fault::Fault;
use crate::h1;
use crate::h2::{self, H2Connection};
use crate::instance::{Counters, InstanceState, lower, raise, raise_by};
use crate::lane::{Lane, new_load};
use crate::local::{Alive, Local};
use crate::shared::Happening;
use crate::wire::{self, Wire};
use crate::{PoolOptions, Protocol};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_resilience::Moment;
use tenet_resilience::backoff::Backoff;
use tenet_resilience::balance::Standing;
use tenet_resilience::eject::{Cause, latency_log2};
use tenet_resilience::ewma::{self, Load};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) state: Arc<InstanceState>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) local: Rc<Local>,
    protocol: Protocol,
    options: RefCell<Rc<PoolOptions>>,
    /// What this thread observes of it.
    pub(crate) load: RefCell<Load>,
    /// Whether it was left out when it was last looked at.
    was_out: Cell<bool>,
    /// [`InstanceState::lapses`] when its connections were last known to lead somewhere.
    lapses: Cell<u32>,
    pub(crate) h2: RefCell<Vec<Rc<H2Connection>>>,
    #[expect(
        clippy::vec_box,
        reason = "a connection goes from call to call: as a pointer, not as its hundreds of bytes"
    )]
    pub(crate) h1: RefCell<Vec<Box<h1::Connection>>>,
    connecting: Cell<usize>,
    waiting: Cell<usize>,
    wake: Notify,
    /// Connects that failed, and why the last one did: tells those who wait that theirs failed.
    failed: Cell<u64>,
    cause: RefCell<String>,
}

impl Slot {
    pub(crate) fn new(
        local: Rc<Local>,
        state: Arc<InstanceState>,
        protocol: Protocol,
        options: Rc<PoolOptions>,
    ) -> Slot {
        Slot {
            load: RefCell::new(new_load(&state)),
            counters: state.attach(),
            lapses: Cell::new(state.lapses()),
            state,
            local,
            protocol,
            options: RefCell::new(options),
            was_out: Cell::new(false),
            h2: RefCell::default(),
            h1: RefCell::default(),
            connecting: Cell::new(0),
            waiting: Cell::new(0),
            wake: Notify::new(),
            failed: Cell::new(0),
            cause: RefCell::default(),
        }
    }

    /// Whether an attempt can be made here now. In a `panic` only what cannot be connected to is left out.
    pub(crate) fn standing(self: &Rc<Self>, now: Moment, panic: bool) -> Standing {
        let left_out = self.state.vote.is_ejected(now) || self.state.is_unhealthy();
        if left_out && !panic {
            self.was_out.set(true);
            return Standing::Down;
        }
        if self.lapses.get() != self.state.lapses() && !self.state.is_unhealthy() {
            self.renew();
        }
        let standing = self.connectable();
        if standing == Standing::Down {
            self.was_out.set(true);
        } else if self.was_out.replace(false) {
            // It may be cold, or not quite well yet.
            self.load.borrow_mut().returned(now);
        }
        standing
    }

    /// Lets go of connections without a call that are older than the instance's last lapse. A host that lost its power says nothing to its
    /// peers; back again, it answers the next call on what they take for a connection with a reset, and then nobody knows that
    /// nothing ran. What has calls is watched by its PINGs.
    fn renew(&self) {
        self.lapses.set(self.state.lapses());
        let idle: Vec<_> = self.h2.borrow_mut().extract_if(.., |one| one.is_idle()).collect();
        drop((idle, self.h1.take()));
    }

    fn connectable(self: &Rc<Self>) -> Standing {
        let (free, any) = match self.protocol {
            Protocol::H2 => {
                let connections = self.h2.borrow();
                let usable = || connections.iter().filter(|one| !one.is_retired());
                (usable().any(|one| one.is_free(self)), usable().next().is_some())
            }
            Protocol::H1 => (!self.h1.borrow().is_empty(), false),
        };
        if free {
            return Standing::Ready;
        }
        if self.state.is_failing() {
            // An instance that cannot be connected to may still answer on what is open.
            self.probe();
            return if any { Standing::Busy } else { Standing::Down };
        }
        if self.can_grow() { Standing::Ready } else { Standing::Busy }
    }

    /// An attempt that ended by itself, for the counts. One that was refused is none of those that judge its instance.
    pub(crate) fn finished(&self, latency: Duration, outcome: ewma::Outcome) {
        if outcome == ewma::Outcome::Refused {
            return raise(&self.counters.refusals);
        }
        raise(&self.counters.finished);
        let log2 = latency_log2(latency);
        raise_by(&self.counters.latency_log2, log2);
        raise_by(&self.counters.latency_log2_squared, log2 * log2);
        if outcome == ewma::Outcome::Failed {
            raise(&self.counters.failures);
        } else {
            raise_by(&self.counters.answered_ns, u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// What the instance's answers say of it, for the whole process.
    pub(crate) fn vote(&self, lane: &Lane, outcome: ewma::Outcome) {
        match outcome {
            ewma::Outcome::Ok => return self.state.vote.succeeded(),
            ewma::Outcome::Failed => {}
            // That it is full says neither that it is well nor that it is not.
            ewma::Outcome::Refused | ewma::Outcome::Cancelled => return,
        }
        if let Some(failures) = self.state.vote.failed(&lane.live().rules.ejection)
            && let Some(service) = lane.service()
        {
            service.eject(&self.state, Cause::Consecutive { failures }, &self.local.shared);
        }
    }

    /// Writes down what only the view wants to know.
    pub(crate) fn report(&self) {
        let idle = match self.protocol {
            Protocol::H2 => self.h2.borrow().iter().filter(|one| one.is_idle()).count(),
            Protocol::H1 => self.h1.borrow().len(),
        };
        self.counters.idle.store(idle as u64, Relaxed);
        self.counters.pending.store(self.waiting.get() as u64, Relaxed);
        let latency = self.load.borrow().latency().map_or(0, |latency| latency.as_nanos() as u64);
        self.counters.latency_ns.store(latency, Relaxed);
    }

    /// The bounds and times of its connections.
    pub(crate) fn options(&self) -> Rc<PoolOptions> {
        self.options.borrow().clone()
    }

    pub(crate) fn set_options(&self, options: &Rc<PoolOptions>) {
        if !Rc::ptr_eq(&self.options.borrow(), options) {
            *self.options.borrow_mut() = options.clone();
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.local.shared.now()
    }

    fn can_grow(&self) -> bool {
        let options = &self.options.borrow();
        match self.protocol {
            Protocol::H2 => {
                let usable = self.h2.borrow().iter().filter(|one| !one.is_retired()).count();
                usable + self.connecting.get() < options.h2_max_connections_per_instance
            }
            Protocol::H1 => self.open() + self.connecting.get() < options.max_connections_per_instance,
        }
    }

    fn open(&self) -> usize {
        self.counters.open.load(Relaxed) as usize
    }

    /// A connection from `take`, opened or waited for where none is free. The caller bounds the wait.
    pub(crate) async fn acquire<T>(
        self: &Rc<Self>,
        take: impl Fn(&Rc<Slot>) -> Option<T>,
    ) -> Result<T, Fault> {
        if let Some(taken) = take(self) {
            return Ok(taken);
        }
        if self.waiting.get() >= self.options.borrow().max_pending {
            let failure = Failure::new(Code::Overloaded, "too many calls wait for the service").with_cause(
                format!("{} calls wait for instance {}", self.waiting.get(), self.state.instance.id),
            );
            return Err(Fault::Next(failure));
        }
        let _queued = Counted::new(&self.waiting);
        let seen = self.failed.get();
        loop {
            let woken = self.wake.notified();
            self.grow();
            woken.await;
            if let Some(taken) = take(self) {
                return Ok(taken);
            }
            if self.failed.get() != seen {
                let failure = Failure::new(Code::ConnectFailed, "").with_cause(self.cause.borrow().clone());
                return Err(Fault::Next(failure));
            }
        }
    }

    /// Opens another connection where those that wait need one and the bounds allow it.
    fn grow(self: &Rc<Self>) {
        let needed = match self.protocol {
            // One carries many streams: the next is opened only when it is known that this one was not enough.
            Protocol::H2 => 1,
            Protocol::H1 => self.waiting.get(),
        };
        if self.connecting.get() < needed && self.can_grow() {
            self.connect();
        }
    }

    /// Opens one connection in a task of its own.
    pub(crate) fn connect(self: &Rc<Self>) {
        let slot = self.clone();
        self.connecting.set(self.connecting.get() + 1);
        let alive = Alive::new(&self.local);
        spawn_local(async move {
            let _alive = alive;
            let opened = slot.open_one().await;
            slot.connecting.set(slot.connecting.get() - 1);
            match opened {
                Ok(()) => slot.connected(),
                Err(cause) => {
                    slot.note_failure(&cause);
                    slot.failed.set(slot.failed.get() + 1);
                    *slot.cause.borrow_mut() = cause;
                    slot.wake.notify_waiters();
                    slot.probe();
                }
            }
        });
    }

    fn connected(&self) {
        if self.state.succeed() {
            self.tell(Happening::Up, "can be connected to again");
        }
        match self.protocol {
            Protocol::H2 => self.wake.notify_waiters(),
            Protocol::H1 => self.wake.notify_one(),
        }
    }

    pub(crate) fn is_connecting(&self) -> bool {
        self.connecting.get() > 0
    }

    fn note_failure(&self, cause: &str) {
        let failures = self.state.fail();
        let options = self.options.borrow();
        let backoff = Backoff { base: options.backoff_base, max: options.backoff_max };
        let pause = backoff.equal_jitter(failures, self.local.random.next());
        self.state.set_retry_at(self.local.shared.clock_ms(Instant::now() + pause));
        if failures == 1 {
            self.state.set_cause(cause);
            self.tell(Happening::Down, &format!("cannot be connected to: {cause}"));
        }
        let (service, id) = (&*self.state.service, &*self.state.instance.id);
        tracing::warn!(service, id, cause, failures, pause_ms = pause.as_millis() as u64, "connect failed");
    }

    /// For the time line, unless the instance is leaving: then nobody wonders.
    fn tell(&self, what: Happening, text: &str) {
        if !self.state.is_removed() {
            let (service, id) = (&self.state.service, &*self.state.instance.id);
            self.local.shared.tell(what, service, id, format!("{id} {text}"));
        }
    }

    /// Tries a failing instance in the background after each pause until it answers, so that no call has to find out. One
    /// thread of the process does this for all.
    fn probe(self: &Rc<Self>) {
        let Some(claim) = self.state.claim_probe() else { return };
        let slot = Rc::downgrade(self);
        spawn_local(async move {
            let _claim = claim;
            loop {
                let Some(pause) = slot.upgrade().and_then(|slot| slot.next_probe()) else { return };
                sleep(pause).await;
                let Some(slot) = slot.upgrade().filter(|slot| slot.next_probe().is_some()) else { return };
                let _alive = Alive::new(&slot.local);
                match slot.open_one().await {
                    Ok(()) => return slot.connected(),
                    Err(cause) => slot.note_failure(&cause),
                }
            }
        });
    }

    /// How long until the next try; none when trying has no use any more.
    fn next_probe(&self) -> Option<Duration> {
        let wanted = self.state.is_failing() && !self.state.is_removed() && !self.local.draining.get();
        wanted.then(|| self.retry_after())
    }

    /// How long the instance is still left alone.
    pub(crate) fn retry_after(&self) -> Duration {
        let now = self.local.shared.clock_ms(Instant::now());
        Duration::from_millis(self.state.retry_at().saturating_sub(now))
    }

    /// Opens one connection and puts it where calls find it; the error is the log's text.
    async fn open_one(self: &Rc<Self>) -> Result<(), String> {
        let (address, limit) = (self.state.instance.address, self.options.borrow().connect_timeout);
        let opening = async {
            let stream = wire::open(address).await.map_err(|error| error.to_string())?;
            match self.protocol {
                Protocol::H2 => {
                    let (wire, traffic) = Wire::new(stream);
                    let connection = h2::establish(self, wire, traffic).await?;
                    if !self.local.draining.get() {
                        self.h2.borrow_mut().push(Rc::new(connection));
                    }
                }
                Protocol::H1 => {
                    if !self.local.draining.get() {
                        self.h1.borrow_mut().push(Box::new(h1::Connection::new(self, stream)));
                    }
                }
            }
            Ok::<(), String>(())
        };
        match timeout(limit, opening).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => Err(format!("connect to {address}: {cause}")),
            Err(_) => Err(format!("connect to {address}: no answer within {limit:?}")),
        }
    }

    /// A connection or a stream became free.
    pub(crate) fn released(&self) {
        if self.waiting.get() > 0 {
            self.wake.notify_one();
        }
    }

    /// Whether a connection that became free should be kept.
    pub(crate) fn keeps_idle(&self) -> bool {
        !self.state.is_removed()
            && !self.local.draining.get()
            && self.h1.borrow().len() < self.options.borrow().max_idle_per_instance
    }

    /// Lets go of every connection: those without a stream close now, the others after their last.
    pub(crate) fn let_go(&self) {
        let (h2, h1) = (self.h2.take(), self.h1.take());
        drop((h2, h1));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.state.detach(&self.counters);
    }
}

/// An open connection in the counts; owned by its driver, so that it is counted exactly as long as it is open.
#[derive(Debug)]
pub(crate) struct Open {
    slot: Weak<Slot>,
    counters: Arc<Counters>,
    _alive: Alive,
}

impl Open {
    pub(crate) fn new(slot: &Rc<Slot>) -> Open {
        raise(&slot.counters.open);
        Open { slot: Rc::downgrade(slot), counters: slot.counters.clone(), _alive: Alive::new(&slot.local) }
    }

    pub(crate) fn slot(&self) -> Option<Rc<Slot>> {
        self.slot.upgrade()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lower(&self.counters.open);
        if let Some(slot) = self.slot.upgrade() {
            slot.released();
        }
    }
}

/// Adds one to a cell while it exists.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(cell: &'a Cell<usize>) -> Counted<'a> {
        cell.set(cell.get() + 1);
        Counted(cell)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
