//! The transport under h2, with a look at what passes (see `flood` and `rules`).

use super::flood::{self, Allowance};
use super::frames::{FrameScanner, HEADERS, Seen};
use super::rules::Rules;
use crate::listen::io::Io;
use bytes::{Buf, BytesMut};
use h2::Reason;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Length of the client's connection preface (RFC 9113 §3.4).
const PREFACE: u64 = 24;

/// What was seen on one connection, shared between its transport and its driver.
pub struct Guard {
    allowance: RefCell<Allowance>,
    rules: RefCell<Rules>,
    broken: Cell<Option<Reason>>,
    refilled: Cell<Instant>,
    inbound: RefCell<FrameScanner>,
    outbound: RefCell<FrameScanner>,
    serving: RefCell<HashSet<u32>>,
    flooded: Cell<bool>,
    calm: Cell<bool>,
    refusals: Cell<u32>,
    surplus: Cell<u32>,
    unseen_answers: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

impl Guard {
    /// Of a connection that has sent nothing yet.
    pub fn new() -> Guard {
        Guard {
            allowance: RefCell::default(),
            rules: RefCell::new(Rules::new()),
            broken: Cell::new(None),
            refilled: Cell::new(Instant::now()),
            inbound: RefCell::new(FrameScanner::after(PREFACE)),
            outbound: RefCell::default(),
            serving: RefCell::default(),
            flooded: Cell::new(false),
            calm: Cell::new(false),
            refusals: Cell::new(0),
            surplus: Cell::new(0),
            unseen_answers: Cell::new(0),
            waker: RefCell::new(None),
        }
    }

    /// Whether the allowance of control frames is used up.
    pub fn flooded(&self) -> bool {
        self.flooded.get()
    }

    /// The code with which the connection must end, where the peer broke a rule that h2 does not hold.
    pub fn broken(&self) -> Option<Reason> {
        self.broken.get()
    }

    /// Whether a header block was begun and not ended.
    pub fn in_headers(&self) -> bool {
        self.allowance.borrow().in_headers()
    }

    /// Whether h2 closed the connection for flooding; asked once.
    pub fn take_calm(&self) -> bool {
        self.calm.take() && !self.flooded.get()
    }

    /// How many protocol errors h2 answered by itself; asked once.
    pub fn take_refusals(&self) -> u32 {
        self.refusals.take()
    }

    /// How many streams beyond the agreed number h2 refused by itself; asked once.
    pub fn take_surplus(&self) -> u32 {
        self.surplus.take()
    }

    /// How many requests h2 answered by itself with 431, which nobody here ever saw; asked once.
    pub fn take_unseen_answers(&self) -> u32 {
        self.unseen_answers.take()
    }

    /// A stream was handed to us.
    pub fn accepted(&self, stream: u32) {
        self.serving.borrow_mut().insert(stream);
    }

    /// A stream is no longer served. Its last frames may still wait in h2, so it is forgotten only with the connection
    /// when few are open; the set is bounded by forgetting once it has grown.
    pub fn finished(&self, stream: u32) {
        let mut serving = self.serving.borrow_mut();
        const REMEMBERED: u32 = 4_096;
        if serving.len() as u32 > REMEMBERED {
            serving.retain(|id| id.saturating_add(REMEMBERED) > stream);
        }
    }

    /// Wakes the connection's driver: something it waits for has changed.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn remember(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match waker.as_ref() {
            Some(current) if current.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
    }

    fn inbound(&self, bytes: &[u8]) {
        let mut allowance = self.allowance.borrow_mut();
        let seconds = self.refilled.get().elapsed().as_secs();
        if seconds > 0 {
            self.refilled.set(Instant::now());
            allowance.refill(seconds);
        }
        let mut rules = self.rules.borrow_mut();
        self.inbound.borrow_mut().feed(bytes, |seen| {
            if let Seen::Frame(frame) = seen
                && !allowance.spend(frame)
            {
                self.flooded.set(true);
            }
            if self.broken.get().is_none() {
                self.broken.set(rules.judge(seen).err());
            }
        });
    }

    fn outbound(&self, bytes: &[u8]) {
        self.outbound.borrow_mut().feed(bytes, |seen| {
            let Seen::Frame(frame) = seen else { return };
            self.allowance.borrow_mut().earn(frame);
            // A stream that was handed to us leaves a record of its own, and what we found broken too.
            if flood::is_own_refusal(frame)
                && self.broken.get().is_none()
                && !self.serving.borrow().contains(&frame.stream)
            {
                self.refusals.set(self.refusals.get() + 1);
            }
            if flood::is_surplus(frame) && !self.serving.borrow().contains(&frame.stream) {
                self.surplus.set(self.surplus.get() + 1);
            }
            if flood::is_own_calm(frame) {
                self.calm.set(true);
            }
            if frame.kind == HEADERS && !self.serving.borrow().contains(&frame.stream) {
                self.unseen_answers.set(self.unseen_answers.get() + 1);
            }
        });
    }
}

/// The transport given to h2.
pub struct Guarded {
    io: Io,
    prefix: BytesMut,
    guard: Rc<Guard>,
}

impl Guarded {
    /// `prefix` holds bytes already read from `io`.
    pub fn new(io: Io, prefix: BytesMut, guard: Rc<Guard>) -> Guarded {
        Guarded { io, prefix, guard }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.guard.remember(cx);
        let before = buf.filled().len();
        if this.prefix.has_remaining() {
            let step = this.prefix.len().min(buf.remaining());
            buf.put_slice(&this.prefix[..step]);
            this.prefix.advance(step);
        } else {
            std::task::ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        }
        this.guard.inbound(&buf.filled()[before..]);
        if this.guard.flooded() || this.guard.broken().is_some() {
            // The driver says goodbye; h2 gets to see no more of it.
            cx.waker().wake_by_ref();
            buf.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let n = std::task::ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        this.guard.outbound(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let n = std::task::ready!(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))?;
        let mut left = n;
        for piece in bufs {
            let step = left.min(piece.len());
            this.guard.outbound(&piece[..step]);
            left -= step;
            if left == 0 {
                break;
            }
        }
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
