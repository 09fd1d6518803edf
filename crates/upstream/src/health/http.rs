//! `GET` over HTTP/1.1 on a new connection; only the answer's head is read.

use super::fault::Fault;
use super::target::Target;
use super::wire;
use bytes::BytesMut;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tenet_http1::encode::{self, RequestFraming};
use tenet_http1::{Limits, ResponseParser};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Longest head that is read of an answer, in bytes.
const HEAD_MAX: usize = 16 << 10;

/// One check, over by `deadline`.
pub(super) async fn run(target: &Target, path: &PathAndQuery, deadline: Instant) -> Result<(), Fault> {
    let mut stream = wire::connect(target.address(), deadline, target.timeout()).await?;
    let request = request(target, path);
    let status = timeout_at(deadline, exchange(&mut stream, request))
        .await
        .map_err(|_| Fault::Silent(target.timeout()))??;
    // As HAProxy and Kubernetes take it, and not 200 alone as Envoy does: whoever redirects, to a log-in or to TLS, is there.
    if status.is_success() || status.is_redirection() {
        Ok(())
    } else {
        Err(Fault::BadAnswer(format!("HTTP status {}", status.as_u16())))
    }
}

fn request(target: &Target, path: &PathAndQuery) -> BytesMut {
    let mut headers = HeaderMap::new();
    // An address is always a field value.
    if let Ok(host) = HeaderValue::try_from(target.address().to_string()) {
        headers.insert(HOST, host);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(wire::USER_AGENT));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut bytes = BytesMut::new();
    let uri = Uri::from(path.clone());
    encode::request_head(&mut bytes, &Method::GET, &uri, &headers, RequestFraming::None);
    bytes
}

async fn exchange(stream: &mut TcpStream, request: BytesMut) -> Result<StatusCode, Fault> {
    // Where this fails, an answer that came first says more.
    let written = stream.write_all(&request).await;
    let mut bytes = BytesMut::new();
    let mut parser = ResponseParser::new();
    let limits = Limits { head: HEAD_MAX, ..Limits::default() };
    loop {
        if stream.read_buf(&mut bytes).await.map_err(|error| Fault::of_io(&error))? == 0 {
            return Err(written.err().map_or(Fault::Closed, |error| Fault::of_io(&error)));
        }
        match parser.parse(&mut bytes, &limits, false) {
            Ok(Some(head)) => return Ok(head.status),
            Ok(None) => {}
            Err(refusal) => return Err(Fault::BadAnswer(refusal.detail.into_owned())),
        }
    }
}
