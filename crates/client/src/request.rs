//! The body of a request on its way to the client's thread.

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tenet_error::{Code, Failure};
use tenet_upstream::Outgoing;
use tonic::body::Body;

/// Bytes of a body that are held beyond its first piece so that it can be sent a second time; what the gateway holds, too.
const REPEATABLE_MAX: usize = 64 << 10;

/// A request body that crosses to the client's thread and is read there, no faster than the instance takes it.
#[derive(Debug)]
pub(crate) struct Upload {
    first: Option<Bytes>,
    rest: Body,
}

/// A body as it crosses. One message is ready when its call begins: it is encoded here, on the caller's thread, and held whole so
/// that it can be sent a second time. What is not ready is read by the thread, and sent once.
pub(crate) fn outgoing(mut body: Body, one_in: bool) -> Outgoing<Upload> {
    if body.is_end_stream() {
        return Outgoing::Empty;
    }
    if !one_in {
        return Outgoing::Stream(Upload { first: None, rest: body });
    }
    // Nobody has to be woken: the thread asks again.
    let mut context = Context::from_waker(Waker::noop());
    let mut held = Bytes::new();
    loop {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(None) => return whole(held),
            Poll::Ready(Some(Ok(frame))) => {
                // Trailers of a request mean nothing in gRPC.
                let Ok(data) = frame.into_data() else { return whole(held) };
                let full = !held.is_empty() && held.len() + data.len() > REPEATABLE_MAX;
                held = joined(&held, data);
                if full {
                    break;
                }
            }
            // A body that failed fails again when it is asked again, and then with its own status.
            Poll::Ready(Some(Err(status))) => {
                body = Body::new(Broken(Some(status)));
                break;
            }
            Poll::Pending => break,
        }
    }
    let first = Some(held).filter(|held| !held.is_empty());
    Outgoing::Stream(Upload { first, rest: body })
}

fn whole(held: Bytes) -> Outgoing<Upload> {
    if held.is_empty() { Outgoing::Empty } else { Outgoing::Full(held) }
}

fn joined(first: &Bytes, second: Bytes) -> Bytes {
    if first.is_empty() {
        return second;
    }
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(&second);
    both.freeze()
}

/// A body that ends with an error.
struct Broken(Option<tonic::Status>);

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let frame = ready!(Pin::new(&mut self.rest).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(|status| failed(&status))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The caller's own stream failed: that is the caller's to know, and no instance is to blame.
fn failed(status: &tonic::Status) -> Failure {
    let text = status.message().to_owned();
    Failure::new(Code::Cancelled, "The request's own stream failed.").with_cause(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Pieces, and at the end nothing or silence.
    struct Pieces(VecDeque<Bytes>, bool);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = tonic::Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
            match self.0.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None if self.1 => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    #[test]
    fn one_message_is_held_and_what_is_not_ready_streams() {
        let big = REPEATABLE_MAX + 1;
        for (pieces, ends, one_in, expected) in [
            (&[3usize][..], true, true, "full 3"),
            (&[3, 4], true, true, "full 7"),
            (&[], true, true, "empty"),
            (&[big], true, true, "full 65537"),
            (&[3, big], true, true, "stream"),
            (&[3], false, true, "stream"),
            (&[3], true, false, "stream"),
        ] {
            let body = pieces.iter().map(|length| Bytes::from(vec![0; *length])).collect();
            let found = match outgoing(Body::new(Pieces(body, ends)), one_in) {
                Outgoing::Empty => "empty".to_owned(),
                Outgoing::Full(bytes) => format!("full {}", bytes.len()),
                Outgoing::Stream(mut upload) => {
                    let mut context = Context::from_waker(Waker::noop());
                    let mut sum = 0;
                    while let Poll::Ready(Some(Ok(frame))) =
                        http_body::Body::poll_frame(Pin::new(&mut upload), &mut context)
                    {
                        sum += frame.into_data().unwrap().len();
                    }
                    assert_eq!(sum, pieces.iter().sum::<usize>(), "nothing is lost");
                    "stream".to_owned()
                }
            };
            assert_eq!(found, expected, "{pieces:?} {ends} {one_in}");
        }
    }
}
