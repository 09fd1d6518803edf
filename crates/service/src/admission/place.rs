//! A place among the calls that run, and the wait for one. Both are given back when dropped: a call that is cancelled anywhere
//! leaves nothing behind.

use super::{Admission, NOTHING};
use crate::methods::Shape;
use tenet_error::GrpcCode;
use tenet_resilience::limit::{Outcome, Sample};
use tenet_resilience::queue::Key;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A place of one call.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    admission: &'a Admission,
    /// When it was given; `None` once it is given back, and for calls that need none.
    since: Option<Instant>,
    shape: Shape,
    deadline: Option<Instant>,
}

impl<'a> Place<'a> {
    pub(super) fn taken(admission: &'a Admission) -> Place<'a> {
        Place { admission, since: Some(Instant::now()), shape: Shape::Unknown, deadline: None }
    }

    /// The place of a call that is always admitted and not counted.
    pub(super) fn exempt(admission: &'a Admission) -> Place<'a> {
        Place { admission, since: None, shape: Shape::Unknown, deadline: None }
    }

    /// Says what the call is and when it must be over, so that running out of time can be told from being cancelled: both
    /// drop the place, and only the first says that there is too much to do.
    #[must_use]
    pub(crate) fn of(mut self, shape: Shape, deadline: Option<Instant>) -> Place<'a> {
        (self.shape, self.deadline) = (shape, deadline);
        self
    }

    /// The handler is about to run. Calls that may last as long as their caller likes give their place back here.
    pub(crate) fn begin(&mut self) {
        if matches!(self.shape, Shape::ClientStream | Shape::Unknown) {
            self.give_back(None);
        }
    }

    /// The handler has answered: with this code, or with a message where it is `None`.
    pub(crate) fn answered(mut self, code: Option<GrpcCode>) {
        self.give_back(match code {
            None | Some(GrpcCode::Ok) => Some(Outcome::Ok),
            Some(GrpcCode::DeadlineExceeded) => Some(Outcome::Dropped),
            // Errors are often found without the work; were their time learnt, a service that fails fast would seem fast.
            Some(_) => None,
        });
    }

    /// Gives the place back with what a unary call showed; other calls show nothing.
    fn give_back(&mut self, outcome: Option<Outcome>) {
        let Some(since) = self.since.take() else { return };
        let sample = match outcome {
            Some(outcome) if self.shape == Shape::Unary => Sample { latency: since.elapsed(), outcome },
            _ => NOTHING,
        };
        self.admission.release(sample);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.since.is_some() {
            let late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
            self.give_back(late.then_some(Outcome::Dropped));
        }
    }
}

/// One who is in the waiting room.
pub(super) struct Waiter<'a> {
    admission: &'a Admission,
    key: Key,
    given: oneshot::Receiver<()>,
    /// It was given a place, or knows that it will not be.
    settled: bool,
}

impl<'a> Waiter<'a> {
    pub(super) fn new(admission: &'a Admission, key: Key, given: oneshot::Receiver<()>) -> Waiter<'a> {
        Waiter { admission, key, given, settled: false }
    }

    /// Waits for a place; false when there will be none. [`Waiter::take`] comes next, without a pause in between.
    pub(super) async fn given(&mut self) -> bool {
        let given = (&mut self.given).await.is_ok();
        self.settled = true;
        given
    }

    pub(super) fn take(self) -> Place<'a> {
        Place::taken(self.admission)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        // Closed first: after that either the place was given already, or nobody can give it.
        self.given.close();
        match self.given.try_recv() {
            Ok(()) => self.admission.release(NOTHING),
            Err(_) => self.admission.leave(self.key),
        }
    }
}
