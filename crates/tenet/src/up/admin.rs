//! Calls to a gateway's admin listener and to the fault points of an instance: small, rare, one connection each.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Largest answer read; a status is a few hundred bytes, a refusal at most a few kilobytes.
const MAX_ANSWER: usize = 1 << 20;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null if it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What a problem body says, or the body itself.
    pub fn reason(&self) -> String {
        let json = self.json();
        let said = ["detail", "title"].iter().find_map(|key| json.get(key)?.as_str().map(str::to_owned));
        said.unwrap_or_else(|| String::from_utf8_lossy(&self.body).trim().to_owned())
    }
}

/// `GET path`.
pub async fn get(address: SocketAddr, path: &str) -> Result<Answer, String> {
    call(address, Method::GET, path, None, Bytes::new()).await
}

/// `POST path` with a body of this media type.
pub async fn post(address: SocketAddr, path: &str, media_type: &str, body: Bytes) -> Result<Answer, String> {
    call(address, Method::POST, path, Some(media_type), body).await
}

/// `PUT path` with JSON.
pub async fn put(address: SocketAddr, path: &str, json: &Value) -> Result<Answer, String> {
    call(address, Method::PUT, path, Some("application/json"), Bytes::from(json.to_string())).await
}

/// `DELETE path`.
pub async fn delete(address: SocketAddr, path: &str) -> Result<Answer, String> {
    call(address, Method::DELETE, path, None, Bytes::new()).await
}

async fn call(
    address: SocketAddr,
    method: Method,
    path: &str,
    media_type: Option<&str>,
    body: Bytes,
) -> Result<Answer, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{address}{path}: {error}");
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", address.to_string())
        .header("connection", "close");
    if let Some(media_type) = media_type {
        request = request.header("content-type", media_type);
    }
    let request = request.body(Full::new(body)).map_err(|error| failed(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok(Answer { status, body: body.map_err(|error| failed(&error))?.to_bytes() })
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection may end just before its last answer has been read.
        _ = connection => exchange.await,
    }
}
