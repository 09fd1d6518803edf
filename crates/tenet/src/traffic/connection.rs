//! Keep-alive HTTP/1.1 connections to one gateway, opened when none is free.

use super::report::Outcome;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Idle connections kept; more are closed when their answer is complete.
const KEEP: usize = 64;
/// Longest wait for one answer; a caller would have given up.
const TIME: Duration = Duration::from_secs(30);

/// Connections to one address. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    target: SocketAddr,
    idle: Rc<RefCell<Vec<SendRequest<Full<Bytes>>>>>,
}

impl Pool {
    /// No connection yet.
    pub fn new(target: SocketAddr) -> Pool {
        Pool { target, idle: Rc::default() }
    }

    /// One call and how it ended; the answer is read to its end.
    pub async fn call(&self, request: Request<Full<Bytes>>) -> Outcome {
        match tokio::time::timeout(TIME, self.exchange(request)).await {
            Ok(Ok(status)) => Outcome::Status(status),
            Ok(Err(_)) => Outcome::Broken,
            Err(_) => Outcome::TimedOut,
        }
    }

    async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<u16, hyper::Error> {
        loop {
            let reused = self.take().await;
            let fresh = reused.is_none();
            let mut sender = match reused {
                Some(sender) => sender,
                None => match self.open().await {
                    Some(sender) => sender?,
                    // 0 is no status: the report calls it a connection that could not be opened.
                    None => return Ok(0),
                },
            };
            let response = match sender.try_send_request(request).await {
                Ok(response) => response,
                Err(mut error) => match error.take_message() {
                    // An idle connection may be closed just as it is taken (RFC 9112 §9.3.1): nothing was sent, so it is sent anew.
                    Some(unsent) if !fresh => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err(error.into_error()),
                },
            };
            let status = response.status().as_u16();
            response.into_body().collect().await?;
            let mut idle = self.idle.borrow_mut();
            if idle.len() < KEEP {
                idle.push(sender);
            }
            return Ok(status);
        }
    }

    /// An idle connection that is still open.
    async fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        loop {
            // The borrow ends with this statement: waiting must not hold it.
            let candidate = self.idle.borrow_mut().pop();
            let mut sender = candidate?;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    async fn open(&self) -> Option<Result<SendRequest<Full<Bytes>>, hyper::Error>> {
        let stream = TcpStream::connect(self.target).await.ok()?;
        // Small requests must not wait for the last acknowledgement.
        let _ = stream.set_nodelay(true);
        Some(handshake(TokioIo::new(stream)).await.map(|(sender, connection)| {
            tokio::task::spawn_local(connection);
            sender
        }))
    }
}
