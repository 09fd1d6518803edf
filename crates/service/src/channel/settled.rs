//! The answer of a call below, watched for what its tree spent of the allowance it was granted.

use crate::context::GRPC_STATUS;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use tenet_resilience::allowance::{Grant, SPENT, read_spent};

/// Answers that reported more extra attempts than they were granted. Of the whole process, because channels are made
/// outside of any service.
pub(crate) static OVERSPENT: AtomicU64 = AtomicU64::new(0);

/// The body of an answer. When its trailers come, what was granted and not spent goes back to the call that granted it; a
/// body that is dropped or breaks before has spent all.
#[derive(Debug)]
pub struct Settled<B> {
    inner: B,
    grant: Option<Grant>,
}

impl<B> Settled<B> {
    /// Watches an answer to a call that was granted this. An answer that is all head is settled by its head.
    pub(super) fn watch(response: Response<B>, mut grant: Option<Grant>) -> Response<Settled<B>> {
        let headers = response.headers();
        if grant.is_some() && (headers.contains_key(GRPC_STATUS) || headers.contains_key(SPENT)) {
            settle(&mut grant, headers);
        }
        response.map(|inner| Settled { inner, grant })
    }
}

/// A report that is missing counts like one of everything: whoever does not report may have copied its allowance to all
/// its calls, and then the ceiling holds only if nothing comes back.
fn settle(grant: &mut Option<Grant>, headers: &HeaderMap) {
    let Some(grant) = grant.take() else { return };
    let spent = headers.get(SPENT).and_then(|value| read_spent(value.as_bytes()));
    if let Err(overspent) = grant.settle(spent) {
        OVERSPENT.fetch_add(1, Relaxed);
        tracing::debug!(%overspent, "a call below broke the ceiling of retries");
    }
}

impl<B: Body + Unpin> Body for Settled<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            settle(&mut self.grant, trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
