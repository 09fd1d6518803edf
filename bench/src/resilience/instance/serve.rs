//! The two protocols of an instance: HTTP/1.1 with kept-alive connections, and gRPC over HTTP/2 in the clear.

use super::{Answer, Service};
use crate::backend::accept;
use crate::contract::{PLAIN_BODY, framed_item};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
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
        async move { drop(serve_grpc(stream, service).await) }
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

async fn serve_grpc(stream: TcpStream, service: Service) -> Result<(), h2::Error> {
    let item = Bytes::from(framed_item());
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 24).max_concurrent_streams(1000);
    let mut connection = builder.handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::task::spawn_local(answer_grpc(request, respond, service.clone(), item.clone()));
    }
    Ok(())
}

async fn answer_grpc(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    service: Service,
    item: Bytes,
) -> Result<(), h2::Error> {
    let check = request.uri().path() == "/grpc.health.v1.Health/Check";
    let mut body = request.into_body();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
    }
    let message = if check { Bytes::from_static(SERVING) } else { item };
    let answer = if check { Answer::Done } else { service.work().await };
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    if answer == Answer::Unavailable {
        // A response that is nothing but a status ("Trailers-Only"): 14 is UNAVAILABLE.
        response.headers_mut().insert("grpc-status", HeaderValue::from_static("14"));
        respond.send_response(response, true)?;
        return Ok(());
    }
    let mut stream = respond.send_response(response, false)?;
    stream.send_data(message, false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
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
