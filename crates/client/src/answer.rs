//! The body of an answer on its way from the client's thread to whoever reads it.

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::{Code, Status};

/// Pieces that may wait for their reader. A piece is the data of one HTTP/2 frame, at most 16 KiB since no larger frames are asked
/// for (RFC 9113 §4.2), so a reader that stalls holds 128 KiB here beside the stream's window, and stalls the instance with it.
pub(crate) const PIECES_MAX: usize = 8;

/// What crosses of an answer that is not read whole.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    /// The last of an answer that ended well.
    Trailers(HeaderMap),
    /// The last of one that broke off.
    Failed(Status),
    /// The last of one without trailers.
    End,
}

/// An answer's body. Dropped before its end it cancels the call at its instance at once.
#[derive(Debug, Default)]
pub struct AnswerBody {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// All of it is here.
    Whole {
        data: Bytes,
        trailers: Option<HeaderMap>,
    },
    Pieces {
        pieces: mpsc::Receiver<Piece>,
        deadline: Option<Instant>,
    },
    #[default]
    Done,
}

impl AnswerBody {
    pub(crate) fn whole(data: Bytes, trailers: Option<HeaderMap>) -> AnswerBody {
        AnswerBody { state: State::Whole { data, trailers } }
    }

    pub(crate) fn pieces(pieces: mpsc::Receiver<Piece>, deadline: Option<Instant>) -> AnswerBody {
        AnswerBody { state: State::Pieces { pieces, deadline } }
    }
}

/// Why an answer broke off without a last word: its reader was slower than its time, or the client's thread has ended.
fn cut(deadline: Option<Instant>) -> Status {
    match deadline {
        Some(deadline) if deadline <= Instant::now() => {
            Status::new(Code::DeadlineExceeded, "The deadline passed before the answer was read.")
        }
        _ => Status::new(Code::Unavailable, "The client ended before the answer was complete."),
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let state = &mut self.state;
        match state {
            State::Done => Poll::Ready(None),
            State::Whole { data, trailers } => {
                if !data.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(std::mem::take(data)))));
                }
                let trailers = trailers.take();
                *state = State::Done;
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            State::Pieces { pieces, deadline } => {
                let last = match ready!(pieces.poll_recv(cx)) {
                    Some(Piece::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Some(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
                    Some(Piece::Failed(status)) => Some(Err(status)),
                    Some(Piece::End) => None,
                    None => Some(Err(cut(*deadline))),
                };
                *state = State::Done;
                Poll::Ready(last)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Whole { data, trailers } => data.is_empty() && trailers.is_none(),
            State::Pieces { .. } => false,
            State::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Whole { data, .. } => SizeHint::with_exact(data.len() as u64),
            State::Pieces { .. } => SizeHint::default(),
            State::Done => SizeHint::with_exact(0),
        }
    }
}
