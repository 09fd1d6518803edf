//! One HTTP/1.1 connection, driven by whoever calls over it: no task, no channel, no second wake between.

use super::sender::Sender;
use crate::slot::{Open, Slot};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tenet_error::{Code, Failure};
use tenet_http1::{
    BodyDecoder, BodyLength, Decoded, Limits, Refusal, ResponseBody, ResponseHead, ResponseParser,
};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

/// Room for an answer's head, and with it for the whole of a small answer.
const HEAD_READ: usize = 8 << 10;

/// Most bytes of a body read at once.
const BODY_READ: usize = 64 << 10;

/// A buffer that has grown beyond this is not kept for the next call.
const KEPT_MAX: usize = 16 << 10;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    read: OwnedReadHalf,
    /// Absent while an upload goes on beside its answer.
    pub(crate) sender: Option<Sender>,
    input: BytesMut,
    limits: Limits,
    parser: ResponseParser,
    rest: Rest,
    /// Bytes the next read of a body of unknown length makes room for; doubled by each read that fills it.
    next_read: usize,
    /// Whether any byte of the answer has come.
    answered: bool,
    /// Whether it has carried a call: only then can it have gone stale unnoticed.
    pub(crate) used: bool,
    /// Whether no further request may follow this one.
    pub(crate) closes: bool,
    /// When the upkeep first saw it without a call.
    idle_since: Option<Instant>,
    _open: Open,
}

/// What is still to be read of an answer's body.
#[derive(Debug)]
enum Rest {
    Framed(BodyDecoder),
    UntilClose,
}

/// Why an answer cannot be read further.
#[derive(Debug)]
pub(crate) enum Lost {
    Ended(&'static str),
    Io(io::Error),
    Malformed(Refusal),
}

impl Lost {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Lost::Ended(place) => Failure::new(Code::ConnectionLost, "").with_cause(place),
            Lost::Io(error) => Failure::new(Code::ConnectionLost, "").with_cause(error.to_string()),
            Lost::Malformed(refusal) => Failure::new(Code::UpstreamProtocol, "").with_cause(refusal.detail),
        }
    }
}

/// A step through an answer's body.
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl Connection {
    pub(crate) fn new(slot: &Rc<Slot>, stream: TcpStream) -> Connection {
        let options = slot.options();
        let (read, write) = stream.into_split();
        let limits = Limits {
            head: options.max_header_list as usize,
            headers: options.max_headers,
            ..Limits::default()
        };
        Connection {
            read,
            sender: Some(Sender::new(write)),
            input: BytesMut::new(),
            rest: Rest::Framed(BodyDecoder::new(BodyLength::None, &limits)),
            limits,
            parser: ResponseParser::new(),
            next_read: HEAD_READ,
            answered: false,
            used: false,
            closes: false,
            idle_since: None,
            _open: Open::new(slot),
        }
    }

    /// Whether the peer has neither closed nor said anything unasked. Needs no system call where the runtime has seen
    /// nothing happen.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        // Whoever calls next registers for the wake; what happens until then is remembered by the runtime.
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.read).poll_read(&mut cx, &mut buf).is_pending()
    }

    /// Whether it should be kept without a call.
    pub(crate) fn keep(&mut self, slot: &Slot, now: Instant) -> bool {
        let since = *self.idle_since.get_or_insert(now);
        now - since < slot.options().idle_timeout && self.is_quiet()
    }

    /// Before a new request.
    pub(crate) fn begin(&mut self) {
        self.answered = false;
        self.next_read = HEAD_READ;
    }

    /// Whether it can carry another call, made ready for the time until then.
    pub(crate) fn rests(&mut self) -> bool {
        let Some(sender) = self.sender.as_mut().filter(|_| !self.closes && self.input.is_empty()) else {
            return false;
        };
        sender.rest();
        if self.input.capacity() > KEPT_MAX {
            self.input = BytesMut::new();
        }
        self.used = true;
        self.idle_since = None;
        true
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    pub(crate) fn has_written(&self) -> bool {
        // A sender is away only after an answer has begun.
        self.sender.as_ref().is_none_or(Sender::has_written)
    }

    /// The answer's head; its body is read with [`poll_body`](Self::poll_body).
    pub(crate) fn poll_head(
        &mut self,
        to_head: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ResponseHead, Lost>> {
        loop {
            if !self.input.is_empty()
                && let Some(head) =
                    self.parser.parse(&mut self.input, &self.limits, to_head).map_err(Lost::Malformed)?
            {
                self.closes |= !head.keep_alive;
                self.rest = match head.body {
                    ResponseBody::Framed(length) => Rest::Framed(BodyDecoder::new(length, &self.limits)),
                    ResponseBody::UntilClose => Rest::UntilClose,
                };
                return Poll::Ready(Ok(head));
            }
            if ready!(self.poll_fill(HEAD_READ, cx)).map_err(Lost::Io)? == 0 {
                let place =
                    if self.answered { "closed within the answer's head" } else { "closed before an answer" };
                return Poll::Ready(Err(Lost::Ended(place)));
            }
            self.answered = true;
        }
    }

    /// The body's next piece.
    pub(crate) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Lost>> {
        loop {
            let room = match &mut self.rest {
                Rest::UntilClose if !self.input.is_empty() => {
                    return Poll::Ready(Ok(Piece::Data(self.input.split().freeze())));
                }
                Rest::UntilClose => self.next_read,
                Rest::Framed(decoder) => match decoder.decode(&mut self.input).map_err(Lost::Malformed)? {
                    Decoded::Data(data) => return Poll::Ready(Ok(Piece::Data(data))),
                    Decoded::Trailers(trailers) => return Poll::Ready(Ok(Piece::Trailers(trailers))),
                    Decoded::End => return Poll::Ready(Ok(Piece::End)),
                    Decoded::NeedMore => match decoder.left().and_then(|left| usize::try_from(left).ok()) {
                        Some(left) => left.min(BODY_READ),
                        None => self.next_read,
                    },
                },
            };
            let read = ready!(self.poll_fill(room, cx)).map_err(Lost::Io)?;
            if read >= self.next_read {
                self.next_read = (self.next_read * 2).min(BODY_READ);
            }
            if read == 0 {
                return Poll::Ready(match self.rest {
                    Rest::UntilClose => Ok(Piece::End),
                    Rest::Framed(_) => Err(Lost::Ended("closed within the answer's body")),
                });
            }
        }
    }

    /// Whether the answer is complete without another read.
    pub(crate) fn is_end(&self) -> bool {
        matches!(&self.rest, Rest::Framed(decoder) if decoder.is_end())
    }

    /// Bytes of the body still to come, where they are known.
    pub(crate) fn left(&self) -> Option<u64> {
        match &self.rest {
            Rest::Framed(decoder) => decoder.left(),
            Rest::UntilClose => None,
        }
    }

    /// Reads once, with room for about `room` bytes; 0 is the end.
    fn poll_fill(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Half of it will do: where answers that are still held share the buffer, reserving means a new one.
        if self.input.capacity() - self.input.len() < room.div_ceil(2) {
            self.input.reserve(room);
        }
        poll_read_buf(Pin::new(&mut self.read), cx, &mut self.input)
    }
}
