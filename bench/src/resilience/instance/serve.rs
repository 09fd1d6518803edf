//! The two protocols of an instance: HTTP/1.1 with kept-alive connections, and gRPC over HTTP/2 in the clear.

use super::{Answer, Service};
use crate::backend::{accept, grpc_head, read_all, send_message, serve_grpc};
use crate::contract::PLAIN_BODY;
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderValue;
use std::net::TcpListener;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// `grpc.health.v1.HealthCheckResponse` with `status: SERVING`, behind its five-byte gRPC prefix.
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 0x08, 0x01];

/// Serves HTTP/1.1.
pub fn http(local: &LocalSet, listener: TcpListener, service: Service) {
    local.spawn_local(accept(listener, move |stream| {
        let service = service.clone();
        async move { drop(serve_http(stream, service).await) }
    }));
}

/// Serves gRPC.
pub fn grpc(local: &LocalSet, listener: TcpListener, service: Service) {
    local.spawn_local(accept(listener, move |stream| {
        let service = service.clone();
        let answer = move |request, respond, item| answer_grpc(request, respond, service.clone(), item);
        async move { drop(serve_grpc(stream, answer).await) }
    }));
}

async fn serve_http(mut stream: TcpStream, service: Service) -> std::io::Result<()> {
    let done = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{PLAIN_BODY}",
        PLAIN_BODY.len()
    );
    let unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let healthy = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let mut unread = BytesMut::with_capacity(4 << 10);
    loop {
        // The bench sends no bodies, and no proxy sends the next request before it has the answer.
        while let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            let check = is_check(&unread[..end]);
            unread.advance(end + 4);
            let answer = match check {
                true => healthy,
                false if service.work().await == Answer::Done => &done,
                false => unavailable,
            };
            stream.write_all(answer.as_bytes()).await?;
        }
        if stream.read_buf(&mut unread).await? == 0 {
            return Ok(());
        }
    }
}

/// Whether this head asks for the health of the instance.
fn is_check(head: &[u8]) -> bool {
    head.split(|byte| *byte == b' ').nth(1).is_some_and(|path| path == b"/healthz")
}

async fn answer_grpc(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    service: Service,
    item: Bytes,
) -> Result<(), h2::Error> {
    let check = request.uri().path() == "/grpc.health.v1.Health/Check";
    read_all(request.into_body()).await?;
    let message = if check { Bytes::from_static(SERVING) } else { item };
    let answer = if check { Answer::Done } else { service.work().await };
    if answer == Answer::Unavailable {
        // A response that is nothing but a status ("Trailers-Only"): 14 is UNAVAILABLE.
        let mut response = grpc_head();
        response.headers_mut().insert("grpc-status", HeaderValue::from_static("14"));
        respond.send_response(response, true)?;
        return Ok(());
    }
    send_message(&mut respond, message)
}

#[cfg(test)]
mod tests {
    use super::is_check;

    #[test]
    fn checks_are_told_by_their_path() {
        for (head, expected) in [
            (&b"GET /healthz HTTP/1.1\r\nhost: x"[..], true),
            (b"OPTIONS /healthz HTTP/1.0", true),
            (b"GET /v1/shop/items/healthz HTTP/1.1", false),
            (b"", false),
        ] {
            assert_eq!(is_check(head), expected);
        }
    }
}
