//! The request's body with the length prefix of every message checked before its bytes are read, so that one setting
//! bounds the messages of all services in the process.

use crate::Fault;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::Status;
use tonic::codegen::StdError as BoxError;

/// Bytes before each message: one of flags, four of length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: u8 = 5;

/// A request body whose messages are bounded.
pub(crate) struct RequestBody {
    inner: Incoming,
    prefix: Prefix,
}

impl RequestBody {
    /// Bounds each message of `inner` to `most` bytes.
    pub(crate) fn new(inner: Incoming, most: u32) -> RequestBody {
        RequestBody { inner, prefix: Prefix { most, read: 0, length: 0, left: 0 } }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Some(Ok(frame)) => frame,
        };
        if let Some(Err(length)) = frame.data_ref().map(|data| self.prefix.advance(data)) {
            return Poll::Ready(Some(Err(too_long(length, self.prefix.most).into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn too_long(length: u32, most: u32) -> Status {
    Fault::resource_exhausted(format!("A request message has {length} bytes; at most {most} are accepted."))
        .into()
}

/// Where in the sequence of prefixes and messages the stream is.
struct Prefix {
    most: u32,
    /// Bytes of the prefix that were read.
    read: u8,
    /// The length as far as it was read.
    length: u32,
    /// Bytes of the message still to come.
    left: u32,
}

impl Prefix {
    /// Moves over `data`; the error is the length of a message that is too long.
    fn advance(&mut self, mut data: &[u8]) -> Result<(), u32> {
        while let Some((&byte, rest)) = data.split_first() {
            if self.left > 0 {
                let skip = data.len().min(self.left as usize);
                // `skip` is at most `left`, so it fits.
                self.left -= skip as u32;
                data = &data[skip..];
                continue;
            }
            if self.read > 0 {
                self.length = self.length << 8 | u32::from(byte);
            }
            self.read += 1;
            data = rest;
            if self.read == PREFIX_BYTES {
                if self.length > self.most {
                    return Err(self.length);
                }
                self.left = self.length;
                (self.read, self.length) = (0, 0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(lengths: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        for &length in lengths {
            out.push(0);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend(std::iter::repeat_n(0xff, length as usize));
        }
        out
    }

    proptest! {
        #[test]
        fn the_first_message_over_the_bound_is_found_however_it_is_cut(
            lengths in proptest::collection::vec(0u32..40, 0..8),
            piece in 1usize..17,
        ) {
            let mut prefix = Prefix { most: 30, read: 0, length: 0, left: 0 };
            let bytes = framed(&lengths);
            let found = bytes.chunks(piece).try_for_each(|data| prefix.advance(data));
            prop_assert_eq!(found.err(), lengths.iter().copied().find(|length| *length > 30));
        }
    }
}
