//! The upstreams every proxy shares: fixed answers with as little CPU as can be, so that the load core has room.

use crate::contract::{PLAIN_BODY, framed_item};
use crate::{Outcome, machine};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use std::net::{SocketAddr, TcpListener as StdListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

/// The backends; they serve until the process ends.
#[derive(Clone, Copy, Debug)]
pub struct Backends {
    /// HTTP/1.1.
    pub http: SocketAddr,
    /// gRPC over HTTP/2 in the clear.
    pub grpc: SocketAddr,
    /// Connections are made, and that is all: whatever is asked here stays without an answer.
    pub hung: SocketAddr,
}

/// Starts them on one thread of the load core.
pub fn start() -> Outcome<Backends> {
    let failed = |error: std::io::Error| format!("backend: {error}");
    let bind = || {
        let listener = StdListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (http_listener, http) = bind().map_err(failed)?;
    let (grpc_listener, grpc) = bind().map_err(failed)?;
    let (hung_listener, hung) = bind().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    std::thread::Builder::new()
        .name("backend".into())
        .spawn(move || {
            if let Err(why) = machine::pin(&[machine::LOAD_CORE]) {
                eprintln!("{why}");
            }
            let local = LocalSet::new();
            local.spawn_local(accept(http_listener, |stream| async { drop(serve_http(stream).await) }));
            local.spawn_local(accept(grpc_listener, |stream| async {
                drop(serve_grpc(stream, answer_grpc).await)
            }));
            runtime.block_on(local);
            // Nobody accepts from it: the kernel makes the connections and keeps what they say.
            drop(hung_listener);
        })
        .map_err(failed)?;
    Ok(Backends { http, grpc, hung })
}

/// Serves them until the process is ended.
pub fn serve() -> Outcome {
    let backends = start()?;
    println!("HTTP/1.1 {}, gRPC {}, hung {}", backends.http, backends.grpc, backends.hung);
    loop {
        std::thread::park();
    }
}

/// Accepts connections and serves each in a task of this thread.
pub async fn accept<F: Future<Output = ()> + 'static>(listener: StdListener, serve: impl Fn(TcpStream) -> F) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::task::spawn_local(serve(stream));
    }
}

/// Answers each request head, after its body, with the same bytes.
async fn serve_http(mut stream: TcpStream) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{PLAIN_BODY}",
        PLAIN_BODY.len()
    );
    let mut unread = BytesMut::with_capacity(16 << 10);
    let mut out = Vec::new();
    loop {
        while let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            // The bench sends no body to this backend.
            unread.advance(end + 4);
            out.extend_from_slice(answer.as_bytes());
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
            out.clear();
        }
        if stream.read_buf(&mut unread).await? == 0 {
            return Ok(());
        }
    }
}

/// Serves gRPC on one connection; each request is answered in a task of its own with `answer`, which gets the framed item.
pub async fn serve_grpc<F: Future<Output = Result<(), h2::Error>> + 'static>(
    stream: TcpStream,
    answer: impl Fn(http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>, Bytes) -> F,
) -> Result<(), h2::Error> {
    let item = Bytes::from(framed_item());
    // Windows so large that no proxy ever waits for one.
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 24).max_concurrent_streams(1000);
    let mut connection = builder.handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::task::spawn_local(answer(request, respond, item.clone()));
    }
    Ok(())
}

async fn answer_grpc(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    item: Bytes,
) -> Result<(), h2::Error> {
    read_all(request.into_body()).await?;
    send_message(&mut respond, item)
}

/// Reads a request's body, and forgets it.
pub async fn read_all(mut body: h2::RecvStream) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(())
}

/// The head of a gRPC response.
pub fn grpc_head() -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

/// Answers OK with one framed message.
pub fn send_message(respond: &mut h2::server::SendResponse<Bytes>, message: Bytes) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(grpc_head(), false)?;
    stream.send_data(message, false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}
