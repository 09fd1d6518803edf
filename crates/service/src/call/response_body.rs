//! The response's body while it streams: polled with the call's context, cut at its deadline, ended with a status when
//! it panics, and recorded by the status in its trailers.

use super::{grpc_code, out_of_time, panicked};
use crate::context::GRPC_STATUS;
use crate::metrics::InFlight;
use crate::shared::Shared;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tenet_error::GrpcCode;
use tokio::time::{Sleep, sleep_until};
use tonic::Status;

/// A response body with the guards of its call.
pub(crate) struct ResponseBody {
    /// `None` once a guard has ended the stream: what the handler still holds is dropped at that moment.
    inner: Option<axum::body::Body>,
    context: crate::Context,
    expiry: Option<Pin<Box<Sleep>>>,
    record: InFlight,
    shared: Arc<Shared>,
}

impl ResponseBody {
    /// Guards `inner` until its end.
    pub(crate) fn new(
        inner: axum::body::Body,
        context: crate::Context,
        record: InFlight,
        shared: Arc<Shared>,
    ) -> ResponseBody {
        let streams = !inner.is_end_stream();
        let expiry = context.deadline.filter(|_| streams).map(|at| Box::pin(sleep_until(at)));
        ResponseBody { inner: Some(inner), context, expiry, record, shared }
    }

    /// Ends the stream with a status of our own.
    fn cut(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.inner = None;
        self.record.finish(grpc_code(status));
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(match status.add_header(&mut trailers) {
            Ok(()) => {
                self.shared.end(&self.context, self.record.method(), &mut trailers);
                Ok(Frame::trailers(trailers))
            }
            Err(broken) => Err(broken),
        }))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(inner) = this.inner.as_mut() else { return Poll::Ready(None) };
        if this.expiry.as_mut().is_some_and(|expiry| expiry.as_mut().poll(cx).is_ready()) {
            return this.cut(&out_of_time());
        }
        let poll = || this.context.sync_scope(|| Pin::new(inner).poll_frame(cx));
        match catch_unwind(AssertUnwindSafe(poll)) {
            Err(panic) => {
                let status = panicked(&this.shared, &this.context, panic.as_ref());
                this.cut(&status)
            }
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(None)) => {
                // A gRPC answer without a status is one its caller reads as UNKNOWN.
                this.record.finish(GrpcCode::Unknown);
                Poll::Ready(None)
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                let status = Status::from_error(error.into_inner());
                this.cut(&status)
            }
            Ok(Poll::Ready(Some(Ok(mut frame)))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    if let Some(status) = trailers.get(GRPC_STATUS) {
                        this.record.finish(GrpcCode::from_header(status.as_bytes()));
                    }
                    this.shared.end(&this.context, this.record.method(), trailers);
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::new, Body::size_hint)
    }
}
