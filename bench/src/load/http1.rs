//! HTTP/1.1 callers: one request at a time on a kept-alive connection.

use super::{Fixed, Queue, Shared, Target};
use crate::Outcome;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Header fields of an answer that are parsed; proxies send a dozen.
const MOST_HEADERS: usize = 64;

/// One connection.
pub struct Connection {
    stream: TcpStream,
    unread: BytesMut,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Outcome<Connection> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Connection { stream, unread: BytesMut::with_capacity(16 << 10) })
    }

    /// Sends a request and reads its whole answer, which must have `status`; the body is kept only where `keep` asks.
    pub async fn ask(&mut self, request: &[u8], status: u16, keep: bool) -> Outcome<Vec<u8>> {
        let answer = self.exchange(request, keep).await?;
        if answer.status == status {
            Ok(answer.body)
        } else {
            Err(format!("answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body)))
        }
    }

    /// Sends a request and reads its whole answer, whatever its status; the error is a broken connection or answer.
    pub async fn exchange(&mut self, request: &[u8], keep: bool) -> Outcome<Answer> {
        self.stream.write_all(request).await.map_err(|error| format!("send: {error}"))?;
        let mut body = Vec::new();
        let Head { status, framing, close, .. } = loop {
            if let Some(head) = head(&self.unread)? {
                self.unread.advance(head.length);
                break head;
            }
            self.read().await?;
        };
        match framing {
            Framing::Length(length) => self.take(length, keep, &mut body).await?,
            Framing::Chunked => loop {
                let size = self.chunk_size().await?;
                self.take(size, keep, &mut body).await?;
                self.take(2, false, &mut body).await?;
                if size == 0 {
                    break;
                }
            },
        }
        Ok(Answer { status, body, close })
    }

    async fn take(&mut self, mut length: usize, keep: bool, body: &mut Vec<u8>) -> Outcome {
        while length > 0 {
            if self.unread.is_empty() {
                self.read().await?;
            }
            let part = length.min(self.unread.len());
            if keep {
                body.extend_from_slice(&self.unread[..part]);
            }
            self.unread.advance(part);
            length -= part;
        }
        Ok(())
    }

    /// The size line of the next chunk. No proxy here sends trailers, so the last chunk is followed by one empty line.
    async fn chunk_size(&mut self) -> Outcome<usize> {
        loop {
            match httparse::parse_chunk_size(&self.unread) {
                Ok(httparse::Status::Complete((used, size))) => {
                    self.unread.advance(used);
                    return usize::try_from(size).map_err(|error| error.to_string());
                }
                Ok(httparse::Status::Partial) => self.read().await?,
                Err(_) => return Err("malformed chunk".into()),
            }
        }
    }

    async fn read(&mut self) -> Outcome {
        match self.stream.read_buf(&mut self.unread).await {
            Ok(0) => Err("the connection was closed".into()),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("receive: {error}")),
        }
    }
}

/// A whole answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, where it was asked for.
    pub body: Vec<u8>,
    /// Whether the other side closes the connection after it (RFC 9112 §9.6).
    pub close: bool,
}

/// What the head of an answer says.
struct Head {
    /// Bytes.
    length: usize,
    status: u16,
    framing: Framing,
    close: bool,
}

enum Framing {
    Length(usize),
    Chunked,
}

/// The head, once it is whole.
fn head(bytes: &[u8]) -> Outcome<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("malformed head: {error}")),
    };
    let value = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    let framing = match value("content-length").map(str::parse) {
        Some(Ok(bytes)) => Framing::Length(bytes),
        Some(Err(_)) => return Err("malformed Content-Length".into()),
        None if value("transfer-encoding").is_some() => Framing::Chunked,
        None => return Err("an answer without a length".into()),
    };
    let close = value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(Some(Head { length, status: response.code.unwrap_or(0), framing, close }))
}

/// Asks until told to stop or the budget is spent; a failed connection ends this caller and is counted.
pub(super) async fn closed(target: Target, shared: Arc<Shared>, budget: Rc<RefCell<Option<u64>>>) {
    let request = target.case.request();
    let asked = async {
        let mut connection = Connection::open(target.address).await?;
        while !shared.stop.load(Ordering::Relaxed) && spend(&budget) {
            connection.ask(&request, target.case.status(), false).await?;
            shared.answered.fetch_add(1, Ordering::Relaxed);
        }
        Outcome::Ok(())
    };
    // One message is enough; all failures are counted.
    if let Err(why) = asked.await
        && shared.failed.fetch_add(1, Ordering::Relaxed) == 0
    {
        eprintln!("{}: {why}", target.address);
    }
}

/// Takes one request from the budget, if there is one.
pub(super) fn spend(budget: &RefCell<Option<u64>>) -> bool {
    match &mut *budget.borrow_mut() {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}

/// Asks when it is time; a failure costs a new connection.
pub(super) async fn scheduled(target: Target, queue: Rc<Queue>, found: Rc<RefCell<Fixed>>) {
    let request = target.case.request();
    let mut connection = Connection::open(target.address).await.ok();
    while let Some(start) = queue.next().await {
        let asked = match &mut connection {
            Some(connection) => connection.ask(&request, target.case.status(), false).await,
            None => Err("no connection".into()),
        };
        let latency_us =
            u64::try_from(Instant::now().saturating_duration_since(start).as_micros()).unwrap_or(u64::MAX);
        if asked.is_ok() {
            found.borrow_mut().latencies_us.push(latency_us);
        } else {
            found.borrow_mut().failed += 1;
            connection = Connection::open(target.address).await.ok();
        }
    }
}
