//! Scripted upstreams inside the test's process: what they were asked is recorded, what they answer is a closure.

use crate::h2c;
use bytes::{Buf, Bytes, BytesMut};
use h2::server::SendResponse;
use http::{HeaderMap, Method, Request, Response};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// A request as the backend saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// HTTP method.
    pub method: Method,
    /// Path with query.
    pub path: String,
    /// Fields.
    pub headers: HeaderMap,
    /// The whole body; for gRPC with its framing.
    pub body: Bytes,
}

impl Call {
    /// First value of header `name` as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first gRPC message of the body.
    pub fn message(&self) -> Bytes {
        let mut rest = self.body.clone();
        if rest.len() < 5 {
            return Bytes::new();
        }
        rest.advance(5);
        rest
    }
}

/// What a backend answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Fields of the head.
    pub headers: Vec<(String, String)>,
    /// Pieces of the body, each sent as a piece.
    pub body: Vec<Bytes>,
    /// Trailers (HTTP/2 only).
    pub trailers: Vec<(String, String)>,
    /// Wait before the head is sent.
    pub delay: Duration,
    /// End with a reset (HTTP/2) or an abrupt close (HTTP/1.1) after the body's pieces instead of a proper end.
    pub abort: bool,
}

impl Answer {
    /// An HTTP answer with a body.
    pub fn http(status: u16, body: impl Into<Bytes>) -> Answer {
        let body = vec![body.into()];
        Answer {
            status,
            headers: Vec::new(),
            body,
            trailers: Vec::new(),
            delay: Duration::ZERO,
            abort: false,
        }
    }

    /// A unary gRPC answer: `message` and status 0.
    pub fn grpc(message: &[u8]) -> Answer {
        Answer {
            headers: vec![("content-type".into(), "application/grpc".into())],
            trailers: vec![("grpc-status".into(), "0".into())],
            ..Answer::http(200, h2c::frame(message))
        }
    }

    /// A gRPC failure in the trailers-only form.
    pub fn grpc_failure(status: u32, message: &str) -> Answer {
        Answer {
            headers: vec![
                ("content-type".into(), "application/grpc".into()),
                ("grpc-status".into(), status.to_string()),
                ("grpc-message".into(), message.into()),
            ],
            body: Vec::new(),
            ..Answer::http(200, "")
        }
    }

    /// Adds a field to the head.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Answer {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// Waits before the head.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Answer {
        self.delay = delay;
        self
    }

    /// Breaks off after the body's pieces.
    #[must_use]
    pub fn aborted(mut self) -> Answer {
        self.abort = true;
        self
    }
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// An HTTP/2 (in the clear, prior knowledge) server, as a gRPC service is one. Health checks it answers by itself, with SERVING.
pub struct GrpcBackend(Backend);

/// An HTTP/1.1 server.
pub struct HttpBackend(Backend);

struct Backend {
    address: SocketAddr,
    calls: Calls,
    // Dropped last: its threads serve the address.
    runtime: Option<Runtime>,
}

impl Backend {
    fn start<F>(serve: impl Fn(TcpStream, Calls) -> F + Send + Sync + 'static) -> Backend
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        let calls = Calls::default();
        // Bound by std, not inside `block_on`: the test may already run inside a runtime, where that panics.
        let listener =
            std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.set_nonblocking(true).map(|()| l));
        let listener = listener.unwrap_or_else(|error| panic!("no listener: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = calls.clone();
        runtime.spawn(async move {
            let listener =
                TcpListener::from_std(listener).unwrap_or_else(|error| panic!("no listener: {error}"));
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Backend { address, calls, runtime: Some(runtime) }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // Not the blocking drop: a test inside another runtime may hold us.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl GrpcBackend {
    /// Starts one whose every call is answered by `answer`.
    pub fn start(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> GrpcBackend {
        let answer = Arc::new(answer);
        GrpcBackend(Backend::start(move |stream, calls| {
            let answer = answer.clone();
            async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    if is_health_check(&request) {
                        tokio::spawn(serving(respond));
                        continue;
                    }
                    let (answer, calls) = (answer.clone(), calls.clone());
                    tokio::spawn(async move {
                        let _ = answer_h2(request, respond, &*answer, &calls).await;
                    });
                }
            }
        }))
    }

    /// Starts one that hands every stream to `serve` for tests that script flow control and streaming by hand.
    pub fn streaming<F>(
        serve: impl Fn(Request<h2::RecvStream>, SendResponse<Bytes>) -> F + Send + Sync + 'static,
    ) -> GrpcBackend
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        GrpcBackend(Backend::start(move |stream, _| {
            let serve = serve.clone();
            async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    if is_health_check(&request) {
                        tokio::spawn(serving(respond));
                    } else {
                        tokio::spawn(serve(request, respond));
                    }
                }
            }
        }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it was asked so far.
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls()
    }
}

impl HttpBackend {
    /// Starts one whose every request is answered by `answer`.
    pub fn start(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> HttpBackend {
        let answer = Arc::new(answer);
        HttpBackend(Backend::start(move |stream, calls| {
            let answer = answer.clone();
            async move {
                let _ = serve_http1(stream, &*answer, &calls).await;
            }
        }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it was asked so far.
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls()
    }
}

/// The gateway's own question whether we serve: no call that a script should see.
fn is_health_check(request: &Request<h2::RecvStream>) -> bool {
    request.uri().path() == "/grpc.health.v1.Health/Check"
}

/// SERVING (`grpc.health.v1.HealthCheckResponse`).
async fn serving(mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let head = Response::builder().header("content-type", "application/grpc").body(());
    let head = head.unwrap_or_else(|error| panic!("not a response: {error}"));
    let mut out = respond.send_response(head, false)?;
    out.send_data(h2c::frame(&[8, 1]), false)?;
    let status = ("grpc-status".parse(), "0".parse());
    let (Ok(name), Ok(value)): (Result<http::HeaderName, _>, Result<http::HeaderValue, _>) = status else {
        return Ok(());
    };
    out.send_trailers([(name, value)].into_iter().collect())
}

fn remember(calls: &Calls, call: &Call) {
    calls.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
}

async fn answer_h2(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    answer: &(dyn Fn(&Call) -> Answer + Send + Sync),
    calls: &Calls,
) -> Result<(), h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = BytesMut::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let path = head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let call = Call { method: head.method, path, headers: head.headers, body: body.freeze() };
    remember(calls, &call);
    let answer = answer(&call);
    tokio::time::sleep(answer.delay).await;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let response = response.body(()).unwrap_or_else(|error| panic!("not a response: {error}"));
    let finish = answer.body.is_empty() && answer.trailers.is_empty() && !answer.abort;
    let mut out = respond.send_response(response, finish)?;
    let last = answer.body.len().saturating_sub(1);
    for (index, piece) in answer.body.iter().enumerate() {
        out.send_data(piece.clone(), index == last && answer.trailers.is_empty() && !answer.abort)?;
    }
    if answer.abort {
        // Give what was sent a moment to leave: a reset overtakes data that is still queued.
        tokio::time::sleep(Duration::from_millis(50)).await;
        out.send_reset(h2::Reason::INTERNAL_ERROR);
    } else if !answer.trailers.is_empty() {
        out.send_trailers(
            answer
                .trailers
                .iter()
                .filter_map(|(n, v)| Some((n.parse().ok()?, v.parse().ok()?)))
                .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
                .into_iter()
                .collect(),
        )?;
    }
    Ok(())
}

/// Most bytes of a request this backend holds.
const MOST: usize = 64 << 20;

async fn serve_http1(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Call) -> Answer + Send + Sync),
    calls: &Calls,
) -> std::io::Result<()> {
    let mut unread = BytesMut::new();
    loop {
        let call = loop {
            if let Some((call, used)) = parse_request(&unread) {
                unread.advance(used);
                break call;
            }
            if unread.len() > MOST || stream.read_buf(&mut unread).await? == 0 {
                return Ok(());
            }
        };
        remember(calls, &call);
        let answer = answer(&call);
        tokio::time::sleep(answer.delay).await;
        let length: usize = answer.body.iter().map(Bytes::len).sum();
        let mut head = format!("HTTP/1.1 {} Answer\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // An aborted answer promises one byte more than it sends, so that its end can be told from a proper one.
        head.push_str(&format!("content-length: {}\r\n\r\n", length + usize::from(answer.abort)));
        stream.write_all(head.as_bytes()).await?;
        if call.method != Method::HEAD {
            for piece in &answer.body {
                stream.write_all(piece).await?;
            }
        }
        if answer.abort {
            return Ok(());
        }
    }
}

/// One whole request from the front of `bytes`; lenient, since the gateway under test is the one who must be strict.
fn parse_request(bytes: &[u8]) -> Option<(Call, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let method = first.next()?.parse().ok()?;
    let path = first.next()?.to_owned();
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(name, value)| {
            Some((name.parse::<http::HeaderName>().ok()?, value.trim().parse::<http::HeaderValue>().ok()?))
        })
        .collect();
    let after = end + 4;
    if headers.get("transfer-encoding").is_some() {
        // The response parser knows chunks already; a request's body has the same form.
        let pretend =
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(), &bytes[after..]].concat();
        let (response, used) = crate::http1::parse(&pretend, false, false).ok()??;
        let used = used - (pretend.len() - (bytes.len() - after));
        return Some((Call { method, path, headers, body: response.body.into() }, after + used));
    }
    let length = headers.get("content-length").and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0usize);
    let body = Bytes::copy_from_slice(bytes.get(after..after + length)?);
    Some((Call { method, path, headers, body }, after + length))
}

#[cfg(test)]
mod tests {
    use super::{Answer, GrpcBackend, HttpBackend};
    use crate::{h2c::H2, http1};

    #[test]
    fn the_http_backend_answers_and_remembers() {
        let backend =
            HttpBackend::start(|call| Answer::http(200, call.body.clone()).header("x-path", &call.path));
        let response = http1::call(backend.address(), "POST", "/a?b=c", &[("x-test", "1")], b"hello");
        assert_eq!(
            (response.status, response.text().as_str(), response.header("x-path")),
            (200, "hello", Some("/a?b=c"))
        );
        let calls = backend.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].header("x-test"), Some("1"));
    }

    #[tokio::test]
    async fn the_grpc_backend_answers_and_remembers() {
        let backend = GrpcBackend::start(|call| match call.path.as_str() {
            "/p.S/Echo" => Answer::grpc(&call.message()),
            _ => Answer::grpc_failure(12, "no such method"),
        });
        let client = H2::connect(backend.address()).await;
        let reply = client.grpc("/p.S/Echo", &[("x-test", "1")], b"abc").await.unwrap();
        assert_eq!(
            (reply.grpc_status(), reply.messages()),
            (Some(0), vec![bytes::Bytes::from_static(b"abc")])
        );
        let reply = client.grpc("/p.S/Other", &[], b"").await.unwrap();
        assert_eq!((reply.grpc_status(), reply.grpc_message()), (Some(12), Some("no such method".into())));
        assert_eq!(backend.calls().len(), 2);
    }

    #[tokio::test]
    async fn an_aborted_answer_is_a_reset() {
        let backend = GrpcBackend::start(|_| Answer::grpc(b"x").aborted());
        let client = H2::connect(backend.address()).await;
        assert!(client.grpc("/p.S/M", &[], b"").await.is_err());
    }
}
