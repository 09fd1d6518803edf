//! A request's body, whatever protocol brings it.

use crate::listen::h1::H1Body;
use crate::listen::h2::H2Body;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tenet_error::{Code, Failure};
use tenet_upstream::Outgoing;

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
    let mut held = Pieces::default();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        // Trailers of a request have no meaning to a unary call.
        let Ok(data) = frame?.into_data() else { continue };
        if held.length + data.len() > limit {
            return Err(too_large(limit));
        }
        held.push(data);
    }
    Ok(held.into_bytes())
}

/// The refusal of a body that is longer than `limit` bytes.
pub fn too_large(limit: usize) -> Failure {
    Failure::new(Code::BodyTooLarge, format!("the body is longer than the {limit} bytes accepted here"))
}

/// Bytes of a body that are held so that it can be sent a second time. Most bodies are smaller; more would be memory spent on every
/// large upload for the sake of the few that are repeated.
const REPEATABLE_MAX: usize = 64 << 10;

/// A body that can be sent a second time where it is small, and streams where it is not; at most `limit` bytes.
///
/// # Errors
/// `BodyTooLarge` past the limit, else what the body failed with while its beginning was read.
pub async fn repeatable(mut body: RequestBody, limit: u64) -> Result<Outgoing<Bounded>, Failure> {
    let mut held = Pieces::default();
    loop {
        let frame = match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            None => return Ok(whole(held)),
            Some(frame) => frame?,
        };
        // Trailers would be lost by a repetition, and mean nothing to the calls that are repeated.
        let Ok(data) = frame.into_data() else { return Ok(whole(held)) };
        held.push(data);
        if held.length as u64 > limit {
            return Err(too_large(limit as usize));
        }
        if body.is_end_stream() {
            return Ok(whole(held));
        }
        if held.length > REPEATABLE_MAX {
            let left = limit - held.length as u64;
            return Ok(Outgoing::Stream(Bounded { first: Some(held.into_bytes()), body, left, limit }));
        }
    }
}

fn whole(held: Pieces) -> Outgoing<Bounded> {
    if held.length == 0 { Outgoing::Empty } else { Outgoing::Full(held.into_bytes()) }
}

/// Pieces put together; a single one is passed on without copying.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    all: Option<BytesMut>,
    length: usize,
}

impl Pieces {
    fn push(&mut self, data: Bytes) {
        self.length += data.len();
        match &mut self.all {
            Some(all) => all.extend_from_slice(&data),
            None if self.first.is_empty() => self.first = data,
            None => {
                let mut all = BytesMut::with_capacity(self.length.next_power_of_two());
                all.extend_from_slice(&self.first);
                all.extend_from_slice(&data);
                self.all = Some(all);
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        self.all.map_or(self.first, BytesMut::freeze)
    }
}

/// A streamed body held to a bound of bytes.
pub struct Bounded {
    /// What was read before it was decided to stream.
    first: Option<Bytes>,
    body: RequestBody,
    left: u64,
    limit: u64,
}

impl Bounded {
    /// At most `limit` bytes of `body`.
    pub fn new(body: RequestBody, limit: u64) -> Bounded {
        Bounded { first: None, body, left: limit, limit }
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
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
        self.first.is_none() && self.body.is_end_stream()
    }
}
