//! A small HTTP/2 caller in the clear by prior knowledge, and gRPC unary calls over it.

use crate::PATIENCE;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One HTTP/2 connection.
pub struct H2 {
    sender: SendRequest<Bytes>,
    authority: String,
    task: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Status of the response head.
    pub status: u16,
    /// Its fields.
    pub headers: HeaderMap,
    /// All data.
    pub body: Bytes,
    /// Trailers, empty where there were none.
    pub trailers: HeaderMap,
}

impl Reply {
    /// First value of header `name` as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `grpc-status` from the trailers, or from the head of a trailers-only answer.
    pub fn grpc_status(&self) -> Option<u32> {
        let value = self.trailers.get("grpc-status").or_else(|| self.headers.get("grpc-status"))?;
        value.to_str().ok()?.parse().ok()
    }

    /// `grpc-message`, still percent-encoded.
    pub fn grpc_message(&self) -> Option<String> {
        let value = self.trailers.get("grpc-message").or_else(|| self.headers.get("grpc-message"))?;
        value.to_str().ok().map(str::to_owned)
    }

    /// The messages in the body, each without its five-byte prefix.
    ///
    /// # Panics
    /// When the framing is broken or a message is compressed.
    pub fn messages(&self) -> Vec<Bytes> {
        let mut rest = self.body.clone();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            assert!(rest.len() >= 5, "a message prefix is cut off");
            assert_eq!(rest.get_u8(), 0, "compressed message");
            let length = rest.get_u32() as usize;
            assert!(rest.len() >= length, "a message is cut off");
            messages.push(rest.split_to(length));
        }
        messages
    }
}

/// `message` behind its gRPC prefix (uncompressed).
pub fn frame(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + message.len());
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    out.put_slice(message);
    out.freeze()
}

impl H2 {
    /// Connects and shakes hands.
    ///
    /// # Panics
    /// When that fails.
    pub async fn connect(address: SocketAddr) -> H2 {
        H2::try_connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    /// [`H2::connect`] that reports a failed connection instead of panicking: for tests that kill things.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn try_connect(address: SocketAddr) -> Result<H2, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
        let _ = stream.set_nodelay(true);
        let shaken = timeout(PATIENCE, h2::client::handshake(stream)).await;
        let (sender, connection) = shaken
            .map_err(|_| "no h2 handshake".to_owned())?
            .map_err(|error| format!("handshake: {error}"))?;
        Ok(H2 { sender, authority: address.to_string(), task: tokio::spawn(connection) })
    }

    /// The sender of requests, for tests that drive streams by hand.
    pub fn sender(&self) -> SendRequest<Bytes> {
        self.sender.clone()
    }

    /// A request head for this connection's authority.
    ///
    /// # Panics
    /// When `path` or a header is not valid.
    pub fn request(&self, method: &Method, path: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut builder = Request::builder().method(method).uri(format!("http://{}{path}", self.authority));
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap_or_else(|error| panic!("not a request: {error}"))
    }

    /// One request and its whole answer.
    ///
    /// # Errors
    /// The stream's or connection's error.
    ///
    /// # Panics
    /// When it takes longer than [`PATIENCE`].
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Reply, h2::Error> {
        let request = self.request(&method, path, headers);
        let work = async {
            let mut sender = self.sender.clone().ready().await?;
            let (answer, mut stream) = sender.send_request(request, body.is_none())?;
            if let Some(body) = body {
                stream.send_data(body, true)?;
            }
            collect(answer.await?).await
        };
        timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{method} {path} is not answered"))
    }

    /// A unary gRPC call: `path` is `/package.Service/Method`, `message` the encoded request.
    ///
    /// # Errors
    /// As [`H2::call`].
    pub async fn grpc(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        message: &[u8],
    ) -> Result<Reply, h2::Error> {
        let mut all = vec![("content-type", "application/grpc"), ("te", "trailers")];
        all.extend_from_slice(headers);
        self.call(Method::POST, path, &all, Some(frame(message))).await
    }

    /// Drops the connection without a word, as a caller does that crashes.
    pub fn abort(self) {
        self.task.abort();
    }

    /// Waits until the connection ends.
    ///
    /// # Panics
    /// When it stays open longer than [`PATIENCE`].
    pub async fn closed(self) -> Result<(), h2::Error> {
        drop(self.sender);
        let ended =
            timeout(PATIENCE, self.task).await.unwrap_or_else(|_| panic!("the connection stays open"));
        ended.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Reads a response to its end, giving window back as it goes. A reset with NO_ERROR ends it well: so says a server that
/// has answered before it has read everything, and the answer counts (RFC 9113 §8.1).
///
/// # Errors
/// The stream's error.
pub async fn collect(response: http::Response<h2::RecvStream>) -> Result<Reply, h2::Error> {
    let (head, mut stream) = response.into_parts();
    let mut body = BytesMut::new();
    while let Some(data) = stream.data().await {
        match data {
            Ok(data) => {
                stream.flow_control().release_capacity(data.len())?;
                body.extend_from_slice(&data);
            }
            Err(error) if told_to_stop(&error) => break,
            Err(error) => return Err(error),
        }
    }
    let trailers = match stream.trailers().await {
        Err(error) if told_to_stop(&error) => None,
        trailers => trailers?,
    };
    let trailers = trailers.unwrap_or_default();
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: body.freeze(), trailers })
}

fn told_to_stop(error: &h2::Error) -> bool {
    error.is_reset() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
}
