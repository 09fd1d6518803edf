//! A streamed request body on its way out, never read faster than the instance takes it.
//!
//! Until the answer's head, the call itself drives it. An upload that goes on beside the answer becomes a task of its own: the
//! two directions are independent, and a caller that stops reading the answer for a while must not thereby stop its own
//! upload. Most uploads are over before the answer begins and never need the task.

use super::sender::Sender;
use crate::outgoing::Source;
use bytes::Bytes;
use http_body::Frame;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tenet_error::{Code, Failure};
use tokio::task::{AbortHandle, spawn_local};

/// Why a body could not be sent whole.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The caller's stream failed.
    Source(Failure),
    /// The connection took no more. The peer may have answered all the same.
    Wire(io::Error),
}

#[derive(Debug)]
pub(crate) struct Upload {
    /// None where the sender holds all of the request.
    source: Option<Rc<Source>>,
    /// Bytes still promised by the head's length; none where chunks are sent.
    left: Option<u64>,
    ended: bool,
}

impl Upload {
    /// The body behind a head that said `length`, or said that chunks follow.
    pub(crate) fn new(source: Rc<Source>, length: Option<u64>) -> Upload {
        Upload { source: Some(source), left: length, ended: false }
    }

    /// What was pushed already, and nothing more.
    pub(crate) fn held() -> Upload {
        Upload { source: None, left: None, ended: true }
    }

    /// Sends what there is; ready when all of it has left.
    pub(crate) fn poll(&mut self, sender: &mut Sender, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            let mut waits = false;
            while !self.ended
                && !waits
                && sender.takes_more()
                && let Some(source) = &self.source
            {
                match source.poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        let last = source.is_finished();
                        self.push(frame, last, sender)?;
                    }
                    Poll::Ready(Some(Err(failure))) => return Poll::Ready(Err(Broken::Source(failure))),
                    Poll::Ready(None) => self.end(sender)?,
                    Poll::Pending => waits = true,
                }
            }
            ready!(sender.poll_flush(cx)).map_err(Broken::Wire)?;
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
        }
    }

    fn push(&mut self, frame: Frame<Bytes>, last: bool, sender: &mut Sender) -> Result<(), Broken> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) if self.left.is_none() => {
                sender.push_last_chunk(frame.trailers_ref());
                self.ended = true;
                return Ok(());
            }
            // A body of known length has no place for trailers (RFC 9112 §7.1.2).
            Err(_) => return self.end(sender),
        };
        match &mut self.left {
            None if data.is_empty() && last => self.end(sender)?,
            None if data.is_empty() => {}
            None => {
                sender.push_chunk(data, last);
                self.ended = last;
            }
            Some(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or_else(|| mismatch("longer"))?;
                sender.push(data);
                if last {
                    self.end(sender)?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, sender: &mut Sender) -> Result<(), Broken> {
        match self.left {
            None => sender.push_last_chunk(None),
            Some(0) => {}
            Some(_) => return Err(mismatch("shorter")),
        }
        self.ended = true;
        Ok(())
    }
}

fn mismatch(how: &str) -> Broken {
    let cause = format!("the request's body is {how} than its Content-Length");
    Broken::Source(Failure::new(Code::Internal, "").with_cause(cause))
}

/// An upload that goes on beside its answer; dropping it stops the upload.
#[derive(Debug)]
pub(crate) struct Beside {
    task: AbortHandle,
    shared: Rc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    outcome: RefCell<Option<Result<Sender, Broken>>>,
    reader: RefCell<Option<Waker>>,
}

impl Beside {
    pub(crate) fn start(mut upload: Upload, mut sender: Sender) -> Beside {
        let shared = Rc::new(Shared::default());
        let ends = shared.clone();
        let task = spawn_local(async move {
            let outcome = poll_fn(|cx| upload.poll(&mut sender, cx)).await;
            *ends.outcome.borrow_mut() = Some(outcome.map(|()| sender));
            if let Some(reader) = ends.reader.take() {
                reader.wake();
            }
        });
        Beside { task: task.abort_handle(), shared }
    }

    /// What the caller's stream failed with, if it did; else the reader is woken when it does.
    pub(crate) fn poll_failure(&self, cx: &mut Context<'_>) -> Option<Failure> {
        match &*self.shared.outcome.borrow() {
            Some(Err(Broken::Source(failure))) => Some(failure.clone()),
            Some(Ok(_) | Err(Broken::Wire(_))) => None,
            None => {
                let mut reader = self.shared.reader.borrow_mut();
                if !reader.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                    *reader = Some(cx.waker().clone());
                }
                None
            }
        }
    }

    /// The writing half, when all was sent.
    pub(crate) fn finish(self) -> Option<Sender> {
        self.shared.outcome.take()?.ok()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.task.abort();
    }
}
