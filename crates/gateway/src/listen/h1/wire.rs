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
    /// The connection's one timer.
    pub watch: Watch,
    decoder: BodyDecoder,
    length: BodyLength,
    body_done: bool,
    owes_continue: bool,
    taken: u64,
}

impl Wire {
    /// A connection that has no request yet.
    pub fn new(io: Io, input: BytesMut, watch: Watch) -> Wire {
        Wire {
            io,
            input,
            output: BytesMut::new(),
            watch,
            decoder: BodyDecoder::new(BodyLength::None, &Limits::default()),
            length: BodyLength::None,
            body_done: true,
            owes_continue: false,
            taken: 0,
        }
    }

    /// A request's head was taken; its body follows.
    pub fn begin_body(&mut self, length: BodyLength, limits: &Limits, expects_continue: bool) {
        self.body_done = matches!(length, BodyLength::None | BodyLength::Exact(0));
        self.decoder = BodyDecoder::new(length, limits);
        self.length = length;
        self.owes_continue = expects_continue && !self.body_done;
        self.taken = 0;
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
                encode::continue_100(&mut self.output);
            }
            if let Poll::Ready(Err(_)) = self.poll_flush(cx) {
                return Poll::Ready(Some(Err(Code::Cancelled.into())));
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
