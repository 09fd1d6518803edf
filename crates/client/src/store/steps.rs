//! A stream of what an asynchronous step gives, over and over: polled by hand, so that the stream can be held by value and asked what it
//! knows between two steps.

use std::pin::Pin;
use std::task::{Context, Poll};

/// What is done again and again.
pub(super) trait Step: Sized + Send + 'static {
    /// What one step gives.
    type Given: Send;

    /// Does it once, and comes back for the next.
    fn step(self) -> impl Future<Output = (Self, Self::Given)> + Send;
}

type Running<S, G> = Pin<Box<dyn Future<Output = (S, G)> + Send>>;

/// The steps, one at a time.
pub(super) enum Steps<S, G> {
    Between(S),
    Running(Running<S, G>),
    /// It was lost in a step that panicked.
    Lost,
}

impl<S: Step<Given = G>, G> Steps<S, G> {
    /// Takes a step, or goes on with it; `None` after one has panicked.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<G>> {
        let mut running = match std::mem::replace(self, Steps::Lost) {
            Steps::Between(step) => Box::pin(step.step()) as Running<S, G>,
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
