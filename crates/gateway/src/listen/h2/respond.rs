//! Writes an answer to an HTTP/2 stream, within the caller's windows and the write time.

use crate::answer::{Answer, Body};
use crate::exchange::Exchange;
use crate::phase::{record, respond};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, Response};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tenet_error::{Code, Failure};

/// A body up to this size is handed to h2 at once; a larger one follows the window, so that a reader that stalls is noticed.
const AT_ONCE: usize = 16 << 10;

/// Writes the answer and records the exchange.
pub async fn write(exchange: Exchange, mut respond: SendResponse<Bytes>, answer: Answer) {
    let Answer { status, headers, body, code } = answer;
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let length = match &body {
        Body::Full(bytes) => Some(bytes.len() as u64),
        Body::Stream { length, .. } | Body::Head { length } => *length,
        Body::Empty => None,
    };
    if let Some(length) = length {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    }
    let ends = matches!(body, Body::Empty | Body::Head { .. })
        || matches!(&body, Body::Full(bytes) if bytes.is_empty());
    let Ok(mut stream) = respond.send_response(response, ends) else {
        // Whose fault the stream's end was is known where its body said so.
        return exchange.finish(if code == Code::ProtocolViolation { code } else { Code::Cancelled });
    };
    let grpc = matches!(body, Body::Stream { grpc: true, .. });
    let delivered = match body {
        _ if ends => Ok(code),
        Body::Full(bytes) => {
            exchange.response_bytes.set(bytes.len() as u64);
            full(&exchange, &mut stream, bytes).await.map(|()| code)
        }
        Body::Stream { incoming, grpc, .. } => stream_out(&exchange, &mut stream, incoming, grpc, code).await,
        Body::Empty | Body::Head { .. } => Ok(code),
    };
    match delivered {
        Ok(code) => exchange.finish(code),
        Err(failure) => {
            break_off(&mut stream, &failure, grpc);
            record::failed_midway(&exchange, &failure);
        }
    }
}

/// Ends a stream whose body cannot be completed: a gRPC caller that is still there is told why, any other sees a reset, which
/// cannot be mistaken for the body's end.
fn break_off(stream: &mut SendStream<Bytes>, failure: &Failure, grpc: bool) {
    if failure.code() == Code::Cancelled {
        return stream.send_reset(Reason::CANCEL);
    }
    let mut trailers = HeaderMap::new();
    respond::grpc_status(failure, &mut trailers);
    if !grpc || stream.send_trailers(trailers).is_err() {
        stream.send_reset(Reason::INTERNAL_ERROR);
    }
}

async fn full(exchange: &Exchange, stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), Failure> {
    while bytes.len() > AT_ONCE {
        let granted = capacity(exchange, stream, AT_ONCE).await?;
        stream.send_data(bytes.split_to(granted.min(bytes.len())), false).map_err(|_| Code::Cancelled)?;
    }
    stream.send_data(bytes, true).map_err(|_| Failure::from(Code::Cancelled))
}

/// Passes an upstream body on. Data is only taken from upstream when the caller's window has room for more, so that a stalled
/// reader stalls the sender.
async fn stream_out(
    exchange: &Exchange,
    stream: &mut SendStream<Bytes>,
    mut incoming: tenet_upstream::Incoming,
    grpc: bool,
    mut code: Code,
) -> Result<Code, Failure> {
    let silence = exchange.worker.watch();
    let longest = exchange.silence(grpc);
    loop {
        silence.arm(longest);
        let frame = poll_fn(|cx| match poll_gone(stream, cx) {
            Poll::Ready(failure) => Poll::Ready(Some(Err(failure))),
            Poll::Pending => match Pin::new(&mut incoming).poll_frame(cx) {
                Poll::Pending => silence.poll_passed(cx).map(|()| Some(Err(crate::answer::silent(longest)))),
                ready => ready,
            },
        })
        .await;
        let frame = match frame {
            // The stream stays open for the status that the service left out.
            None if grpc => {
                return Err(Failure::new(Code::UpstreamProtocol, "the answer ended without a grpc-status"));
            }
            None => {
                stream.send_data(Bytes::new(), true).map_err(|_| Code::Cancelled)?;
                return Ok(code);
            }
            Some(frame) => frame?,
        };
        match frame.into_data() {
            Ok(mut data) => {
                exchange.response_bytes.set(exchange.response_bytes.get() + data.len() as u64);
                let last = incoming.is_end_stream() && !grpc;
                while !data.is_empty() {
                    let granted = capacity(exchange, stream, data.len()).await?;
                    let piece = data.split_to(granted.min(data.len()));
                    let end = last && data.is_empty();
                    stream.send_data(piece, end).map_err(|_| Code::Cancelled)?;
                }
                if last {
                    return Ok(code);
                }
            }
            Err(frame) => {
                let mut trailers: HeaderMap = frame.into_trailers().unwrap_or_default();
                if grpc {
                    code = record::code_of_trailers(&trailers);
                    exchange.tree.end(&exchange.worker, exchange.peer.door, &mut trailers);
                }
                stream.send_trailers(trailers).map_err(|_| Code::Cancelled)?;
                return Ok(code);
            }
        }
    }
}

fn poll_gone(stream: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> Poll<Failure> {
    stream.poll_reset(cx).map(|_| Code::Cancelled.into())
}

/// Waits until the caller's window grants some of `wanted` bytes, at most the write time.
async fn capacity(
    exchange: &Exchange,
    stream: &mut SendStream<Bytes>,
    wanted: usize,
) -> Result<usize, Failure> {
    stream.reserve_capacity(wanted);
    let ready = stream.capacity();
    if ready > 0 {
        return Ok(ready);
    }
    let watch = exchange.worker.watch();
    watch.arm(exchange.program.limits().write_time.duration());
    poll_fn(|cx| {
        match stream.poll_capacity(cx) {
            Poll::Ready(Some(Ok(0))) => {}
            Poll::Ready(Some(Ok(granted))) => return Poll::Ready(Ok(granted)),
            Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Failure::from(Code::Cancelled))),
            Poll::Pending => {}
        }
        watch.poll_passed(cx).map(|()| {
            Err(Failure::from(Code::Cancelled).with_cause("the caller took no data for the whole write time"))
        })
    })
    .await
}
