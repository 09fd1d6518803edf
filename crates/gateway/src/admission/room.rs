//! The waiting room of one service on one thread.

use super::{Counts, Permit};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_resilience::Moment;
use tenet_resilience::limit::{Limiter, Outcome, Priority, Sample};
use tenet_resilience::queue::{Full, Key, QueueRules, WaitQueue};
use tenet_sketch::Sketch;
use tenet_upstream::{Part, ServiceHandle, Shared};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::sleep;

/// How often a room looks for permits that other threads gave back, and for those whose time is over, while somebody waits.
const TICK: Duration = Duration::from_millis(2);

/// What a call that waits is told.
pub enum Word {
    /// It may go on.
    Come(Permit),
    /// Its time is over, or somebody more important took its place.
    Refused(Failure),
}

/// The waiting room of one service on one thread.
pub struct Room {
    shared: Arc<Shared>,
    generation: Cell<u64>,
    limiter: RefCell<Arc<Limiter>>,
    queue: RefCell<WaitQueue<Waiter>>,
    /// Whether the tick runs.
    ticks: Cell<bool>,
    counts: Arc<Counts>,
    /// How long those that were let in had waited, in nanoseconds, until it is handed in.
    waited: RefCell<Sketch>,
    /// Which part of the places of the process are this room's.
    part: Part,
    itself: Weak<Room>,
}

/// The rules with the thread's part of the places.
fn rules(service: &ServiceHandle, part: Part) -> QueueRules {
    let rules = service.queue_rules();
    QueueRules { capacity: part.of(rules.capacity), ..rules }
}

struct Waiter {
    priority: Priority,
    tell: oneshot::Sender<Word>,
}

/// A place in a room. Dropped, it is given up, and a permit that was on its way to it goes to the next.
pub struct Place {
    room: Rc<Room>,
    key: Key,
    word: oneshot::Receiver<Word>,
}

impl Room {
    pub fn new(shared: &Arc<Shared>, service: &ServiceHandle, counts: Arc<Counts>, part: Part) -> Rc<Room> {
        Rc::new_cyclic(|itself| Room {
            shared: shared.clone(),
            generation: Cell::new(service.generation()),
            limiter: RefCell::new(service.limiter()),
            queue: RefCell::new(WaitQueue::new(rules(service, part))),
            ticks: Cell::new(false),
            counts,
            waited: RefCell::default(),
            part,
            itself: itself.clone(),
        })
    }

    /// Follows the rules of the service; one load and a comparison when nothing changed.
    pub fn follow(&self, service: &ServiceHandle) {
        let generation = service.generation();
        if self.generation.replace(generation) != generation {
            *self.limiter.borrow_mut() = service.limiter();
            self.queue.borrow_mut().set_rules(rules(service, self.part));
        }
    }

    pub fn now(&self) -> Moment {
        self.shared.now()
    }

    /// A permit, if there is one and nobody waits who is as important.
    pub fn enter(&self, priority: Priority) -> Option<Permit> {
        if priority != Priority::Exempt && self.queue.borrow().has_before(priority) {
            return None;
        }
        self.permit(priority)
    }

    fn permit(&self, priority: Priority) -> Option<Permit> {
        let limiter = self.limiter.borrow();
        limiter.try_acquire(priority).ok()?;
        Some(Permit {
            // A room is always held by its thread while a call asks it.
            room: self.itself.upgrade()?,
            limiter: limiter.clone(),
            sample: Sample { latency: Duration::ZERO, outcome: Outcome::Ignore },
        })
    }

    /// A place in the room.
    ///
    /// # Errors
    /// `Overloaded`: the room is full.
    pub fn queue(self: &Rc<Self>, priority: Priority) -> Result<Place, Failure> {
        let now = self.now();
        if self.queue.borrow().is_full(priority) {
            return Err(self.refusal(now, priority));
        }
        let (tell, word) = oneshot::channel();
        let pushed = self.queue.borrow_mut().push(now, priority, Waiter { priority, tell });
        let pushed = match pushed {
            Ok(pushed) => pushed,
            Err(Full(_)) => return Err(self.refusal(now, priority)),
        };
        self.counts.joined();
        if let Some(evicted) = pushed.evicted {
            self.refuse(now, evicted);
        }
        if !self.ticks.replace(true) {
            self.tick();
        }
        Ok(Place { room: self.clone(), key: pushed.key, word })
    }

    /// Lets in whom there are permits for, and refuses those whose time is over.
    pub fn advance(&self) {
        if self.queue.borrow().is_empty() {
            return;
        }
        let now = self.now();
        loop {
            let Some(waiter) = self.queue.borrow_mut().expired(now) else { break };
            self.refuse(now, waiter);
        }
        loop {
            let Some(priority) = self.queue.borrow().first(|waiter| waiter.priority) else { return };
            let Some(permit) = self.permit(priority) else { return };
            let Some((waiter, waited)) = self.queue.borrow_mut().pop(now) else { return };
            self.counts.left();
            self.waited.borrow_mut().record(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX));
            // Somebody who just went away gives the permit back by dropping it, which advances again.
            let _ = waiter.tell.send(Word::Come(permit));
        }
    }

    /// Hands in how long calls have waited. Called once a second.
    pub fn flush(&self) {
        let mut waited = self.waited.borrow_mut();
        if waited.count() > 0 {
            self.counts.add_waited(&waited);
            waited.clear();
        }
    }

    fn refuse(&self, now: Moment, waiter: Waiter) {
        self.counts.left();
        let failure = self.refusal(now, waiter.priority);
        let _ = waiter.tell.send(Word::Refused(failure));
    }

    fn refusal(&self, now: Moment, priority: Priority) -> Failure {
        self.counts.refused(priority);
        let after = self.queue.borrow().retry_after(now, now.nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Failure::new(Code::Overloaded, "the service has more to do than it can").with_retry_after(after)
    }

    fn tick(&self) {
        let room = self.itself.clone();
        spawn_local(async move {
            loop {
                sleep(TICK).await;
                let Some(room) = room.upgrade() else { return };
                room.advance();
                if room.queue.borrow().is_empty() {
                    room.ticks.set(false);
                    return;
                }
            }
        });
    }
}

impl Future for Place {
    type Output = Word;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Word> {
        Pin::new(&mut self.word).poll(cx).map(|word| {
            // A room that is gone has nobody to let in.
            word.unwrap_or_else(|_| Word::Refused(Failure::from(Code::Overloaded)))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.room.queue.borrow_mut().remove(self.key).is_some() {
            self.room.counts.left();
        }
    }
}
