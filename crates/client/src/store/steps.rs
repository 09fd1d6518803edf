//! A stream of what an asynchronous step gives, over and over: polled by hand, so that the stream can be held by value and asked what it
//! knows between two steps.

use std::pin::Pin;
use std::task::{Context, Poll};

/// What is done again and again.
pub(super) trait Step: Sized + Send + Unpin + 'static {
    /// What one step gives.
    type Given: Send;

    /// Does it once, and comes back for the next.
    fn step(self) -> impl Future<Output = (Self, Self::Given)> + Send;
}

type Running<S> = Pin<Box<dyn Future<Output = (S, <S as Step>::Given)> + Send>>;

/// The steps, one at a time.
pub(super) enum Steps<S: Step> {
    Between(S),
    Running(Running<S>),
    /// It was dropped out of the middle of a poll that panicked.
    Lost,
}

impl<S: Step> Steps<S> {
    /// Takes a step, or goes on with it; `None` after one has panicked.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Given>> {
        let mut running = match std::mem::replace(self, Steps::Lost) {
            Steps::Between(step) => Box::pin(step.step()) as Running<S>,
            Steps::Running(running) => running,
            Steps::Lost => return Poll::Ready(None),
        };
        match running.as_mut().poll(cx) {
            Poll::Pending => {
                *self = Steps::Running(running);
                Poll::Pending
            }
            Poll::Ready((step, given)) => {
                *self = Steps::Between(step);
                Poll::Ready(Some(given))
            }
        }
    }
}
