//! Who is let through to a service that has more to do than it can: a limit that follows its latency, a waiting room, and refusals
//! that cost nothing.
//!
//! ```text
//!   call ──▶ limit of the service (shared by the process) ──▶ Permit ── given back with the attempt's latency ──▶ limit
//!              │ full                                            ▲
//!              ▼                                                 │ a permit became free
//!            room of this thread: by importance; the newest first under overload ──▶ refused: OVERLOADED, Retry-After
//! ```
//!
//! The limit counts calls of all threads; a room belongs to one, and the places of all rooms are together those of the process. A permit that this thread gives back lets the next of its own room in at
//! once; those of other threads are found by a tick, which runs only while somebody waits.

mod counts;
mod room;

pub use counts::Counts;

use crate::exchange::Exchange;
use crate::program::Policy;
use room::{Room, Word};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_resilience::limit::{Limiter, Outcome, Priority, Sample};
use tenet_upstream::{Said, ServiceHandle};
use tokio::time::{Instant, timeout_at};

/// The rooms of one thread, by the number of their service.
#[derive(Default)]
pub struct Admission {
    rooms: RefCell<Vec<Option<Rc<Room>>>>,
}

impl Admission {
    fn room(&self, exchange: &Exchange, service: &ServiceHandle) -> Rc<Room> {
        let number = service.number();
        if let Some(Some(room)) = self.rooms.borrow().get(number) {
            room.follow(service);
            return room.clone();
        }
        let process = &exchange.worker.process;
        let part = exchange.worker.pool.part();
        let room = Room::new(&process.upstream, service, process.admission(number), part);
        let mut rooms = self.rooms.borrow_mut();
        if rooms.len() <= number {
            rooms.resize(number + 1, None);
        }
        rooms[number] = Some(room.clone());
        room
    }

    /// Hands in what this thread has seen of those who wait. Called once a second.
    pub fn flush(&self) {
        self.rooms.borrow().iter().flatten().for_each(|room| room.flush());
    }
}

/// The right to have one call under way at a service. Dropped without a word, it was given up.
pub struct Permit {
    room: Rc<Room>,
    limiter: Arc<Limiter>,
    sample: Sample,
}

impl Permit {
    /// Gives it back with what the call showed.
    pub fn release(mut self, sample: Sample) {
        self.sample = sample;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.release(self.room.now(), self.sample);
        self.room.advance();
    }
}

/// Lets a call through to its service: at once, or after waiting for a place at most until `deadline`.
///
/// # Errors
/// `Overloaded`, with when to come back; `DeadlineExceeded` where there was no place before the deadline.
pub async fn admit(exchange: &Exchange, policy: &Policy, deadline: Instant) -> Result<Permit, Failure> {
    let room = exchange.worker.admission.room(exchange, &policy.service);
    if let Some(permit) = room.enter(policy.priority) {
        return Ok(permit);
    }
    wait(room, policy.priority, deadline).await
}

async fn wait(room: Rc<Room>, priority: Priority, deadline: Instant) -> Result<Permit, Failure> {
    let place = match room.queue(priority) {
        Ok(place) => place,
        Err(refused) => return Err(refused),
    };
    match timeout_at(deadline, place).await {
        Ok(Word::Come(permit)) => Ok(permit),
        Ok(Word::Refused(failure)) => Err(failure),
        Err(_) => Err(Failure::from(Code::DeadlineExceeded).with_cause("while waiting to be let through")),
    }
}

/// What an answered call shows of the service's load.
pub fn of_answer(said: Said, latency: Duration) -> Sample {
    let outcome = match said {
        Said::Ok => Outcome::Ok,
        // Errors are often found without the work: learnt, they would make a service that fails fast seem fast, and what is well slow
        // beside it.
        Said::Error => Outcome::Ignore,
        // It was refused by every instance that was asked, so the service as a whole has more to do than it can.
        Said::Refused => Outcome::Dropped,
    };
    Sample { latency, outcome }
}

/// What a failed call shows of the service's load.
pub fn of_failure(failure: &Failure, took: Duration) -> Sample {
    let outcome = match failure.code() {
        // A call that ran out of time is none of these: an instance that hangs would lower the limit of all those that do not, and in
        // an overload the calls that are answered show it as well.
        Code::Overloaded => Outcome::Dropped,
        _ => Outcome::Ignore,
    };
    Sample { latency: took, outcome }
}
