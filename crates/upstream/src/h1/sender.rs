//! The writing half of a connection: a request's head and body, in as few writes as the peer takes.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use std::io::{self, IoSlice};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tenet_http1::encode;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

/// Pieces up to this many bytes are copied behind the head: cheaper than a write of several parts.
const COPIED_MAX: usize = 4 << 10;

/// Bytes gathered before they are written, when the source has as many at once.
const GATHERED: usize = 16 << 10;

/// A buffer that has grown beyond this is not kept for the next call.
const KEPT_MAX: usize = 16 << 10;

/// Ends a chunk's data and, without trailers, the body.
const LAST_CHUNK_END: &[u8] = b"\r\n0\r\n\r\n";

#[derive(Debug)]
pub(crate) struct Sender {
    half: OwnedWriteHalf,
    /// The head, the lines around chunks, and small pieces.
    out: BytesMut,
    /// A large piece that follows `out`, and what ends its chunk.
    piece: Bytes,
    piece_end: &'static [u8],
    /// Bytes of this request that have left.
    written: u64,
}

impl Sender {
    pub(crate) fn new(half: OwnedWriteHalf) -> Sender {
        Sender { half, out: BytesMut::new(), piece: Bytes::new(), piece_end: b"", written: 0 }
    }

    /// Where a new request's head goes.
    pub(crate) fn begin(&mut self) -> &mut BytesMut {
        self.written = 0;
        &mut self.out
    }

    /// Whether any byte of this request may have reached the peer.
    pub(crate) fn has_written(&self) -> bool {
        self.written > 0
    }

    /// Whether another piece may be pushed before what is here has left.
    pub(crate) fn takes_more(&self) -> bool {
        self.piece.is_empty() && self.piece_end.is_empty() && self.out.len() < GATHERED
    }

    /// Adds content as it is.
    pub(crate) fn push(&mut self, data: Bytes) {
        if data.len() <= COPIED_MAX {
            self.out.extend_from_slice(&data);
        } else {
            self.piece = data;
        }
    }

    /// Adds content, which is not empty, as one chunk; `last` ends the body with it.
    pub(crate) fn push_chunk(&mut self, data: Bytes, last: bool) {
        match NonZeroUsize::new(data.len()) {
            Some(length) if data.len() > COPIED_MAX => {
                encode::chunk_head(&mut self.out, length);
                self.piece = data;
                self.piece_end = if last { LAST_CHUNK_END } else { encode::CHUNK_END };
            }
            _ => {
                encode::chunk(&mut self.out, &data);
                if last {
                    self.push_last_chunk(None);
                }
            }
        }
    }

    /// Ends a chunked body, when [`takes_more`](Self::takes_more) says so.
    pub(crate) fn push_last_chunk(&mut self, trailers: Option<&HeaderMap>) {
        encode::last_chunk(&mut self.out, trailers);
    }

    /// Writes all that was pushed.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() || !self.piece.is_empty() || !self.piece_end.is_empty() {
            let half = Pin::new(&mut self.half);
            let wrote = if self.piece.is_empty() && self.piece_end.is_empty() {
                ready!(half.poll_write(cx, &self.out))?
            } else {
                let parts =
                    [IoSlice::new(&self.out), IoSlice::new(&self.piece), IoSlice::new(self.piece_end)];
                ready!(half.poll_write_vectored(cx, &parts))?
            };
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += wrote as u64;
            self.took(wrote);
        }
        Poll::Ready(Ok(()))
    }

    fn took(&mut self, wrote: usize) {
        let of_out = wrote.min(self.out.len());
        if of_out == self.out.len() {
            // Unlike advancing, this leaves all of the buffer to the next head.
            self.out.clear();
        } else {
            self.out.advance(of_out);
        }
        let of_piece = (wrote - of_out).min(self.piece.len());
        self.piece.advance(of_piece);
        if self.piece.is_empty() {
            // Lets go of the source's buffer.
            self.piece = Bytes::new();
        }
        self.piece_end = &self.piece_end[wrote - of_out - of_piece..];
    }

    /// Made small for the time without a call.
    pub(crate) fn rest(&mut self) {
        if self.out.capacity() > KEPT_MAX {
            self.out = BytesMut::new();
        }
    }
}
