//! The body of a request on its way out.

use bytes::Bytes;
use http_body::{Body, Frame};
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tenet_error::Failure;

/// A request body. `Empty` and `Full` can be sent again when an attempt provably never ran; of `Stream` only what has not
/// been read yet can.
#[derive(Debug)]
pub enum Outgoing<B> {
    /// No body: the head ends the request.
    Empty,
    /// A body held whole.
    Full(Bytes),
    /// A body read piece by piece, never faster than the instance takes it.
    Stream(B),
}

/// A body without the caller's type, so that all behind the door is compiled once. Cheap to clone; clones of a stream are
/// the same stream.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Empty,
    Full(Bytes),
    Stream(Rc<Source>),
}

impl Payload {
    pub(crate) fn new<B>(outgoing: Outgoing<B>) -> Payload
    where
        B: Body<Data = Bytes, Error = Failure> + 'static,
    {
        match outgoing {
            Outgoing::Full(bytes) if !bytes.is_empty() => Payload::Full(bytes),
            Outgoing::Empty | Outgoing::Full(_) => Payload::Empty,
            Outgoing::Stream(body) if body.is_end_stream() => Payload::Empty,
            Outgoing::Stream(body) => Payload::Stream(Rc::new(Source {
                body: RefCell::new(Box::pin(body)),
                consumed: Cell::new(false),
                finished: Cell::new(false),
                failure: RefCell::new(None),
            })),
        }
    }

    /// What the answer still has to know of the request: a stream that may not be finished. Bytes held whole are let go.
    pub(crate) fn rest(&self) -> Payload {
        match self {
            Payload::Empty | Payload::Full(_) => Payload::Empty,
            Payload::Stream(source) => Payload::Stream(source.clone()),
        }
    }

    /// Whether the very same bytes can be sent again.
    pub(crate) fn is_replayable(&self) -> bool {
        match self {
            Payload::Empty | Payload::Full(_) => true,
            Payload::Stream(source) => !source.consumed.get(),
        }
    }

    /// Whether all of it has been handed to the connection.
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Payload::Empty | Payload::Full(_) => true,
            Payload::Stream(source) => source.finished.get(),
        }
    }

    /// What the caller's own stream failed with, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Payload::Empty | Payload::Full(_) => None,
            Payload::Stream(source) => source.failure.borrow().clone(),
        }
    }
}

/// The caller's stream, and how far it has been read.
pub(crate) struct Source {
    body: RefCell<Pin<Box<dyn Body<Data = Bytes, Error = Failure>>>>,
    consumed: Cell<bool>,
    finished: Cell<bool>,
    failure: RefCell<Option<Failure>>,
}

impl Source {
    pub(crate) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut body = self.body.borrow_mut();
        let frame = ready!(body.as_mut().poll_frame(cx));
        self.consumed.set(true);
        match &frame {
            Some(Ok(_)) => self.finished.set(body.is_end_stream()),
            Some(Err(failure)) => *self.failure.borrow_mut() = Some(failure.clone()),
            None => self.finished.set(true),
        }
        Poll::Ready(frame)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// The length of what is left, where the caller's stream knows it.
    pub(crate) fn exact_length(&self) -> Option<u64> {
        self.body.borrow().size_hint().exact()
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("consumed", &self.consumed).field("finished", &self.finished).finish()
    }
}
