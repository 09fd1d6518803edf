//! A call's deadline for next to nothing: timers are kept between calls and armed only by those that really wait.
//!
//! Putting a timer into the runtime's wheel and taking it out again costs as much as parsing a head, and nearly every call is
//! over long before its deadline. A kept timer stays in the wheel: where it is due before the next call's deadline, that
//! call leaves it alone, is woken once too early at worst, and then sets it to its own time.

use crate::local::Local;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// Timers kept without a call: as many as a thread's calls that wait at one moment in ordinary times.
const KEPT_MAX: usize = 1024;

/// Timers between calls.
#[derive(Debug, Default)]
pub(crate) struct Timers(std::cell::RefCell<Vec<Pin<Box<Sleep>>>>);

/// A deadline's timer, taken when first waited for and given back when dropped.
#[derive(Debug)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    local: Rc<Local>,
}

impl Timer {
    pub(crate) fn new(local: &Rc<Local>) -> Timer {
        Timer { sleep: None, local: local.clone() }
    }

    /// Ready once `deadline` has passed, which may differ from poll to poll.
    pub(crate) fn poll_passed(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let kept = || self.local.timers.0.borrow_mut().pop();
        let sleep =
            self.sleep.get_or_insert_with(|| kept().unwrap_or_else(|| Box::pin(sleep_until(deadline))));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        // Ends: the second turn's timer is the deadline's own.
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(sleep) = self.sleep.take() else { return };
        let mut kept = self.local.timers.0.borrow_mut();
        if kept.len() < KEPT_MAX {
            kept.push(sleep);
        }
    }
}
