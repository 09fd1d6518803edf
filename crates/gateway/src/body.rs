//! A request's body, whatever protocol brings it.

use crate::listen::h1::H1Body;
use crate::listen::h2::H2Body;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tenet_error::{Code, Failure};

/// A body that is still arriving. A request without one has `None` instead.
pub enum RequestBody {
    /// Over HTTP/1.1.
    H1(H1Body),
    /// Over HTTP/2.
    H2(H2Body),
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self.get_mut() {
            RequestBody::H1(body) => Pin::new(body).poll_frame(cx),
            RequestBody::H2(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::H1(body) => body.is_end_stream(),
            RequestBody::H2(body) => body.is_end_stream(),
        }
    }
}

/// Reads a body whole, at most `limit` bytes. One piece is passed on without copying.
///
/// # Errors
/// `BodyTooLarge` past the limit, before the memory is spent; else what the body failed with.
pub async fn collect(mut body: RequestBody, limit: usize) -> Result<Bytes, Failure> {
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    let mut length = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        // Trailers of a request have no meaning to a unary call.
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if length > limit {
            return Err(too_large(limit));
        }
        match &mut rest {
            Some(rest) => rest.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let mut both = BytesMut::with_capacity(length.next_power_of_two().min(limit.max(length)));
                both.extend_from_slice(&first);
                both.extend_from_slice(&data);
                rest = Some(both);
            }
        }
    }
    Ok(rest.map_or(first, BytesMut::freeze))
}

/// The refusal of a body that is longer than `limit` bytes.
pub fn too_large(limit: usize) -> Failure {
    Failure::new(Code::BodyTooLarge, format!("the body is longer than the {limit} bytes accepted here"))
}

/// A streamed body held to a bound of bytes.
pub struct Bounded {
    body: RequestBody,
    left: u64,
    limit: u64,
}

impl Bounded {
    /// At most `limit` bytes of `body`.
    pub fn new(body: RequestBody, limit: u64) -> Bounded {
        Bounded { body, left: limit, limit }
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            match this.left.checked_sub(data.len() as u64) {
                Some(left) => this.left = left,
                None => return Poll::Ready(Some(Err(too_large(this.limit as usize)))),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
