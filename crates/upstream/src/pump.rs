//! Sends a streamed request body over HTTP/2, never reading ahead of the instance's window.
//!
//! A task of its own, and not part of the answer's future: the two directions of a call are independent, and a caller that
//! stops reading the answer for a while must not thereby stop its own upload (a bidirectional stream could wait for itself).
//! The task ends with the [`Pump`], which belongs to whoever owns the answer.

use crate::outgoing::Source;
use ::h2::{Reason, SendStream};
use bytes::Bytes;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::task::{AbortHandle, spawn_local};

/// A body being sent; dropping it stops the sending, which resets the stream unless all was sent.
#[derive(Debug)]
pub(crate) struct Pump(AbortHandle);

impl Pump {
    pub(crate) fn start(mut stream: SendStream<Bytes>, source: Rc<Source>) -> Pump {
        let task = spawn_local(poll_fn(move |cx| poll_send(&mut stream, &source, cx)));
        Pump(task.abort_handle())
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn poll_send(stream: &mut SendStream<Bytes>, source: &Source, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        // The peer's reset, or the connection's end, reaches whoever waits for the answer; here it only ends the body.
        if stream.poll_reset(cx).is_ready() {
            return Poll::Ready(());
        }
        while stream.capacity() == 0 {
            stream.reserve_capacity(1);
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(()),
            }
        }
        let sent = match ready!(source.poll_frame(cx)) {
            None => {
                let _ = stream.send_data(Bytes::new(), true);
                return Poll::Ready(());
            }
            Some(Err(_)) => {
                stream.send_reset(Reason::CANCEL);
                return Poll::Ready(());
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() && !source.is_finished() => Ok(()),
                Ok(data) => stream.send_data(data, source.is_finished()),
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        let _ = stream.send_trailers(trailers);
                    }
                    return Poll::Ready(());
                }
            },
        };
        if sent.is_err() || source.is_finished() {
            return Poll::Ready(());
        }
    }
}
