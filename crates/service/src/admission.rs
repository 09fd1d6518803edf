//! Who may call now: an adaptive limit of calls at a time, a short waiting room before it, and refusals that cost little and
//! are known not to have run.
//!
//! ```text
//!             place free, nobody waits
//!   call ──▶ limit ───────────────────────────────────────────▶ faults ▶ handler ──▶ place back, latency learnt
//!              │ none                          place given          ▲                      │
//!              └──▶ waiting room ──────────────────────────────────┘ ◀─────── next ────────┘
//!                       │ full, waited too long, made way for a higher priority
//!                       └──▶ UNAVAILABLE, tenet-not-run: 1
//! ```
//!
//! *What counts.* Unary calls hold a place until their handler has answered, and their time teaches the limit. A call that
//! streams out holds one until its stream begins, one that streams in only while it is let in: how long a stream lasts is its
//! caller's business, so it says nothing about how busy the service is, and a few idle streams would fill the limit. Both can be
//! refused, since the work behind them shows in the time of the unary calls beside them. A method no descriptor set
//! describes could be either, and counts like a stream in. Health and reflection are exempt.

mod metrics;
mod place;
mod refusal;
#[cfg(test)]
mod tests;

pub(crate) use place::Place;
pub use refusal::NOT_RUN;
pub(crate) use refusal::{NOT_RUN_TRAILER, refusal};

use crate::Limits;
use metrics::Counts;
use place::Waiter;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tenet_resilience::Moment;
use tenet_resilience::limit::{LimitRules, Limiter, Outcome, Priority, Sample};
use tenet_resilience::queue::{Key, QueueRules, WaitQueue};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a call shows that says nothing of the load.
const NOTHING: Sample = Sample { latency: Duration::ZERO, outcome: Outcome::Ignore };

/// Those who wait: each knows its priority, because a place may only be taken for the one that will get it, and has the means to be
/// given that. Who is refused learns it from the end of its channel.
type Room = WaitQueue<(Priority, oneshot::Sender<()>)>;

/// A call was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Admission to one process.
#[derive(Debug)]
pub(crate) struct Admission {
    start: Instant,
    limiter: Limiter,
    // Held for a few instructions, and only when calls wait.
    room: Mutex<Room>,
    /// How many are in the room; whoever finds 0 need not lock it.
    waiting: AtomicUsize,
    patience: Duration,
    counts: Counts,
}

impl Admission {
    /// Admission within these limits.
    pub(crate) fn new(limits: &Limits) -> Admission {
        let rules = LimitRules { min: limits.calls_min, max: limits.calls_max, ..LimitRules::default() };
        let room =
            QueueRules { capacity: limits.waiting, longest: limits.waiting_time, ..QueueRules::default() };
        Admission {
            start: Instant::now(),
            limiter: Limiter::new(&rules),
            room: Mutex::new(Room::new(room)),
            waiting: AtomicUsize::new(0),
            patience: limits.waiting_time,
            counts: Counts::default(),
        }
    }

    /// A place for a call of this priority, after a wait where there must be one.
    ///
    /// # Errors
    /// There is none within the time a call may wait. The call has had no effect.
    pub(crate) async fn place(&self, priority: Priority) -> Result<Place<'_>, Refused> {
        if priority == Priority::Exempt {
            return Ok(Place::exempt(self));
        }
        // Nobody overtakes those who wait.
        if self.waiting.load(Ordering::Relaxed) == 0 && self.limiter.try_acquire(priority).is_ok() {
            return Ok(Place::taken(self));
        }
        let placed = self.wait(priority).await;
        if placed.is_err() {
            self.counts.refused(priority);
        }
        placed
    }

    async fn wait(&self, priority: Priority) -> Result<Place<'_>, Refused> {
        let (give, given) = oneshot::channel();
        let key = {
            let mut room = self.lock();
            // Who has to make room is refused by being dropped.
            let pushed = room.push(self.now(), priority, (priority, give)).map_err(|_| Refused)?;
            self.waiting.store(room.len(), Ordering::Relaxed);
            pushed.key
        };
        let mut waiter = Waiter::new(self, key, given);
        // A place may have come free between the first look and the push, with nobody left to pass it on.
        self.pass_on();
        match tokio::time::timeout(self.patience, waiter.given()).await {
            Ok(true) => Ok(waiter.take()),
            Ok(false) | Err(_) => Err(Refused),
        }
    }

    /// Gives free places to those who wait. Called after every release and every push: of a releaser that sees nobody
    /// waiting and a newcomer that sees no place, the fence makes one see the other.
    fn pass_on(&self) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut room = self.lock();
        let now = self.now();
        while room.expired(now).is_some() {}
        while let Some(priority) = room.first(|(priority, _)| *priority) {
            if self.limiter.try_acquire(priority).is_err() {
                break;
            }
            let next = room.pop(now).map(|((_, give), waited)| give.send(()).map(|()| waited));
            match next {
                Some(Ok(waited)) => self.counts.waited(waited),
                // It has just gone away; the place is for the next.
                Some(Err(())) => self.limiter.release(now, NOTHING),
                None => {
                    self.limiter.release(now, NOTHING);
                    break;
                }
            }
        }
        self.waiting.store(room.len(), Ordering::Relaxed);
    }

    fn release(&self, sample: Sample) {
        self.limiter.release(self.now(), sample);
        self.pass_on();
    }

    /// Takes a waiter out of the room that has gone away.
    fn leave(&self, key: Key) {
        let mut room = self.lock();
        room.remove(key);
        self.waiting.store(room.len(), Ordering::Relaxed);
    }

    /// Share of the limit that is in use.
    pub(crate) fn utilization(&self) -> f64 {
        self.limiter.in_flight() as f64 / self.limiter.limit().max(1) as f64
    }

    fn now(&self) -> Moment {
        Moment::from_start(self.start.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        // Nothing in there panics half-way.
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
