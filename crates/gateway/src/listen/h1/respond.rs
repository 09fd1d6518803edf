//! Writes an answer to an HTTP/1 connection, within the write time.

use super::wire::Shared;
use crate::answer::{Answer, Body};
use crate::exchange::Exchange;
use crate::phase::record;
use crate::worker::Worker;
use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use tenet_error::{Code, Failure};
use tenet_http1::Version;
use tenet_http1::encode::{self, Connection, Framing};

/// Streamed data is gathered up to this size before it is written, when more of it is there already.
const GATHER: usize = 32 << 10;

/// Writes the answer and records the exchange; whether the connection is still good.
pub async fn write(
    exchange: Exchange,
    wire: &Shared,
    answer: Answer,
    version: Version,
    head_request: bool,
    close: bool,
) -> bool {
    let Answer { status, headers, body, code } = answer;
    let length = match &body {
        Body::Full(bytes) => Some(bytes.len() as u64),
        Body::Head { length } | Body::Stream { length, .. } => *length,
        Body::Empty if head_request || status == StatusCode::NOT_MODIFIED => None,
        Body::Empty => Some(0),
    };
    let framing =
        Framing::choose(version, if head_request { &Method::HEAD } else { &Method::GET }, status, length);
    let close = close || framing == Framing::Close;
    let connection = if close { Connection::Close } else { Connection::KeepAlive };
    {
        let mut wire = wire.borrow_mut();
        wire.begin_answer();
        encode::response_head(
            &mut wire.output,
            version,
            status,
            &headers,
            framing,
            connection,
            &exchange.worker.date(),
        );
    }
    let delivered = match body {
        Body::Full(bytes) if framing.has_body() => {
            exchange.response_bytes.set(bytes.len() as u64);
            full(&exchange.worker, wire, bytes).await.map(|()| code)
        }
        Body::Stream { incoming, .. } if framing.has_body() => {
            stream_out(&exchange, wire, incoming, framing).await.map(|()| code)
        }
        _ => flush(&exchange.worker, wire).await.map(|()| code),
    };
    match delivered {
        Ok(code) => {
            exchange.finish(code);
            framing != Framing::Close
        }
        Err(failure) => {
            record::failed_midway(&exchange, &failure);
            false
        }
    }
}

/// Writes the answer to what never became a request; whether it was written.
pub async fn refusal(worker: &Worker, wire: &Shared, answer: Answer) -> bool {
    let Body::Full(body) = answer.body else { return false };
    encode::response_head(
        &mut wire.borrow_mut().output,
        Version::Http11,
        answer.status,
        &answer.headers,
        Framing::Length(body.len() as u64),
        Connection::Close,
        &worker.date(),
    );
    full(worker, wire, body).await.is_ok()
}

/// Bytes up to this length are copied behind the head, so that both leave in one write.
const COPY: usize = 8 << 10;

async fn full(worker: &Worker, wire: &Shared, bytes: Bytes) -> Result<(), Failure> {
    if bytes.len() <= COPY {
        wire.borrow_mut().output.extend_from_slice(&bytes);
        return flush(worker, wire).await;
    }
    // `try_into_mut` succeeds for bodies made here, which nobody else holds.
    let mut data = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    within_write_time(worker, wire, |wire, cx| wire.poll_flush_with(&mut data, cx)).await
}

async fn flush(worker: &Worker, wire: &Shared) -> Result<(), Failure> {
    within_write_time(worker, wire, super::wire::Wire::poll_flush).await
}

/// Polls a write; the write time begins anew whenever the peer took something.
async fn within_write_time(
    worker: &Worker,
    wire: &Shared,
    mut write: impl FnMut(&mut super::wire::Wire, &mut std::task::Context<'_>) -> Poll<std::io::Result<()>>,
) -> Result<(), Failure> {
    let mut armed = false;
    poll_fn(|cx| {
        let mut wire = wire.borrow_mut();
        match write(&mut wire, cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(_)) => Poll::Ready(Err(Failure::from(Code::Cancelled))),
            Poll::Pending => {
                // Woken by a socket that took something, or by the watch: only the first arms it again.
                if !armed || wire.watch.poll_passed(cx).is_pending() {
                    wire.watch.arm(worker.program().limits().write_time.duration());
                    armed = true;
                }
                wire.watch.poll_passed(cx).map(|()| {
                    Err(Failure::from(Code::Cancelled)
                        .with_cause("the caller took no data for the whole write time"))
                })
            }
        }
    })
    .await
    .inspect(|()| wire.borrow().watch.disarm())
}

/// Passes an upstream body on. More is taken from upstream only when what was taken is written.
async fn stream_out(
    exchange: &Exchange,
    wire: &Shared,
    mut incoming: tenet_upstream::Incoming,
    framing: Framing,
) -> Result<(), Failure> {
    let chunked = framing == Framing::Chunked;
    let longest = exchange.silence(false);
    loop {
        wire.borrow().watch.arm(longest);
        let mut idle = false;
        let frame = poll_fn(|cx| match Pin::new(&mut incoming).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(frame),
            Poll::Pending => {
                if wire.borrow_mut().poll_gone(cx).is_ready() {
                    return Poll::Ready(Some(Err(Code::Cancelled.into())));
                }
                if wire.borrow().watch.poll_passed(cx).is_ready() {
                    return Poll::Ready(Some(Err(crate::answer::silent(longest))));
                }
                // Nothing more is there now: what was gathered leaves.
                if wire.borrow().output.is_empty() || idle {
                    return Poll::Pending;
                }
                match wire.borrow_mut().poll_flush(cx) {
                    Poll::Ready(Ok(())) => {
                        idle = true;
                        Poll::Pending
                    }
                    Poll::Ready(Err(_)) => Poll::Ready(Some(Err(Code::Cancelled.into()))),
                    Poll::Pending => Poll::Pending,
                }
            }
        })
        .await;
        let Some(frame) = frame else {
            if chunked {
                encode::last_chunk(&mut wire.borrow_mut().output, None);
            }
            return flush(&exchange.worker, wire).await;
        };
        match frame?.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                exchange.response_bytes.set(exchange.response_bytes.get() + data.len() as u64);
                {
                    let output = &mut wire.borrow_mut().output;
                    if chunked {
                        encode::chunk(output, &data);
                    } else {
                        output.extend_from_slice(&data);
                    }
                }
                if wire.borrow().output.len() >= GATHER {
                    flush(&exchange.worker, wire).await?;
                }
            }
            Err(frame) => {
                if chunked {
                    encode::last_chunk(&mut wire.borrow_mut().output, frame.trailers_ref());
                }
                return flush(&exchange.worker, wire).await;
            }
        }
    }
}
