//! An HTTP/1 connection's state, shared between its driver and the body being read from it.

use crate::listen::io::{self, Io};
use crate::watch::Watch;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tenet_error::{Code, Failure};
use tenet_http1::{BodyDecoder, BodyLength, Decoded, Limits, encode};
use tokio::io::AsyncWrite;

/// Requests sent ahead that are read while an earlier one is served; beyond it, the peer waits.
const PIPELINE_BYTES: usize = 64 << 10;
/// Body bytes read at a time.
const BODY_READ: usize = 64 << 10;
/// A body that nobody wanted is read to its end if no more than this is left of it; else the connection closes.
const PASS_OVER: u64 = 64 << 10;

/// Shared by the tasks of one thread only; borrowed within one poll, never across an await.
pub type Shared = Rc<RefCell<Wire>>;

/// One connection.
pub struct Wire {
    io: Io,
    /// Bytes read and not yet taken.
    pub input: BytesMut,
    /// Bytes to be written.
    pub output: BytesMut,
    /// The timer of whoever drives the connection: heads, answers, idleness.
    pub watch: Watch,
    /// The timer of the request's body, which another task may read while an answer is written.
    pub body_watch: Watch,
    decoder: BodyDecoder,
    length: BodyLength,
    body_done: bool,
    owes_continue: bool,
    /// A `100 Continue` is in `output` and not yet written.
    continuing: bool,
    taken: u64,
}

impl Wire {
    /// A connection that has no request yet.
    pub fn new(io: Io, input: BytesMut, watch: Watch, body_watch: Watch) -> Wire {
        Wire {
            io,
            input,
            output: BytesMut::new(),
            watch,
            body_watch,
            decoder: BodyDecoder::new(BodyLength::None, &Limits::default()),
            length: BodyLength::None,
            body_done: true,
            owes_continue: false,
            continuing: false,
            taken: 0,
        }
    }

    /// A request's head was taken; its body follows.
    pub fn begin_body(&mut self, length: BodyLength, limits: &Limits, expects_continue: bool) {
        self.body_done = matches!(length, BodyLength::None | BodyLength::Exact(0));
        self.decoder = BodyDecoder::new(length, limits);
        self.length = length;
        self.owes_continue = expects_continue && !self.body_done;
        self.continuing = false;
        self.taken = 0;
        self.body_watch.disarm();
    }

    /// An answer follows. No `100 Continue` may be written from here on: it would stand in the middle of the answer.
    pub fn begin_answer(&mut self) {
        self.owes_continue = false;
        self.continuing = false;
    }

    /// Whether the request's body has been read to its end.
    pub fn body_complete(&self) -> bool {
        self.body_done
    }

    /// Whether what is left of the body is worth reading for the sake of the connection (RFC 9112 §9.3).
    pub fn body_can_be_passed_over(&mut self) -> bool {
        if self.body_done {
            return true;
        }
        // The caller was never told to go on, and whether it will send the body is unknown (RFC 9110 §10.1.1).
        if self.owes_continue {
            return false;
        }
        match self.length {
            BodyLength::Exact(total) => total - self.taken <= PASS_OVER,
            _ => true,
        }
    }

    /// Reads more input, at most `limit` bytes beyond what is there.
    pub fn poll_fill(&mut self, limit: usize, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        io::poll_read_more(&mut self.io, &mut self.input, limit.max(1), cx)
    }

    /// The body's next piece: data, trailers, or `None` at its end.
    pub fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Failure>>> {
        if self.body_done {
            return Poll::Ready(None);
        }
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Decoded::Data(data)) => {
                    self.taken += data.len() as u64;
                    return Poll::Ready(Some(Ok(Piece::Data(data))));
                }
                Ok(Decoded::Trailers(trailers)) => return Poll::Ready(Some(Ok(Piece::Trailers(trailers)))),
                Ok(Decoded::End) => {
                    self.body_done = true;
                    return Poll::Ready(None);
                }
                Ok(Decoded::NeedMore) => {}
                Err(refusal) => {
                    // Where the next request begins is unknown: nothing more is read from this connection.
                    self.length = BodyLength::Exact(u64::MAX);
                    return Poll::Ready(Some(Err(refusal.into())));
                }
            }
            if self.owes_continue {
                self.owes_continue = false;
                self.continuing = true;
                encode::continue_100(&mut self.output);
            }
            // Nothing else is written from here: a socket wakes only the last who tried to write, and while an answer is
            // under way that must be its own task.
            if self.continuing {
                match self.poll_flush(cx) {
                    Poll::Ready(Ok(())) => self.continuing = false,
                    Poll::Ready(Err(_)) => return Poll::Ready(Some(Err(Code::Cancelled.into()))),
                    Poll::Pending => {}
                }
            }
            match ready!(self.poll_fill(BODY_READ, cx)) {
                Ok(0) => {
                    let gone =
                        Failure::new(Code::Cancelled, "").with_cause("the connection ended within the body");
                    return Poll::Ready(Some(Err(gone)));
                }
                Ok(_) => {}
                Err(_) => return Poll::Ready(Some(Err(Code::Cancelled.into()))),
            }
        }
    }

    /// Ready when the peer has gone away. Input is read ahead only once the request's body is complete.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.body_done {
            return Poll::Pending;
        }
        while self.input.len() < PIPELINE_BYTES {
            match ready!(self.poll_fill(PIPELINE_BYTES - self.input.len(), cx)) {
                // An end of input counts as gone, as with nginx: a caller that half-closes and still reads is rarer than
                // one that died, and its call would otherwise run for nobody.
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }

    /// Writes out everything in `output`.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(io::poll_write_out(&mut self.io, &mut self.output, cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Writes out `output` and then `data`, consuming both.
    pub fn poll_flush_with(
        &mut self,
        data: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        ready!(io::poll_write_out(&mut self.io, &mut self.output, cx))?;
        ready!(io::poll_write_out(&mut self.io, data, cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Ends our side of the connection.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Reads and drops until the peer ends, or the watch passes.
    pub fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.input.clear();
            match self.poll_fill(BODY_READ, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(_)) if self.watch.poll_passed(cx).is_ready() => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return self.watch.poll_passed(cx),
            }
        }
    }

    /// Reads the body to its end and drops it; whether that succeeded within bound and time.
    pub fn poll_pass_over(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let start = self.taken;
        loop {
            match self.poll_body(cx) {
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Ready(Some(Ok(_))) if self.taken - start <= PASS_OVER => {}
                Poll::Ready(Some(_)) => return Poll::Ready(false),
                Poll::Pending => return self.watch.poll_passed(cx).map(|()| false),
            }
        }
    }
}

/// A piece of a body.
pub enum Piece {
    /// Bytes of content.
    Data(Bytes),
    /// The trailer section.
    Trailers(HeaderMap),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Reaper;
    use std::future::poll_fn;
    use std::task::Waker;
    use tokio::net::{TcpListener, TcpStream};

    async fn wire(expects_continue: bool) -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let reaper = Reaper::new();
        let mut wire = Wire::new(Io::Plain(stream), BytesMut::new(), reaper.watch(), reaper.watch());
        wire.begin_body(BodyLength::Exact(4), &Limits::default(), expects_continue);
        (wire, caller)
    }

    #[tokio::test]
    async fn a_body_never_writes_into_an_answer() {
        let mut cx = Context::from_waker(Waker::noop());
        for expects_continue in [true, false] {
            let (mut wire, _caller) = wire(expects_continue).await;
            wire.begin_answer();
            wire.output.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
            assert!(wire.poll_body(&mut cx).is_pending());
            assert_eq!(&wire.output[..], b"HTTP/1.1 200 OK\r\n", "it is left to who answers");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_wanted_is_asked_for_once() {
        let (mut wire, caller) = wire(true).await;
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            // The socket may first have to be found writable.
            caller.writable().await.unwrap();
            tokio::task::yield_now().await;
            assert!(wire.poll_body(&mut cx).is_pending());
        }
        poll_fn(|cx| wire.poll_flush(cx)).await.unwrap();
        drop(wire);
        let mut heard = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut { caller }, &mut heard).await.unwrap();
        assert_eq!(heard, b"HTTP/1.1 100 Continue\r\n\r\n");
    }
}
