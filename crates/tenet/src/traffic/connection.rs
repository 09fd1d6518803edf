//! Keep-alive HTTP/1.1 connections to one gateway, opened when none is free.

use super::counted::Counted;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tenet_error::Code;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Idle connections kept; more are closed when their answer is complete.
const KEEP: usize = 64;

/// How one call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// With a status, and the code of the error catalogue that a problem body named.
    Status(u16, Option<Code>),
    /// No connection could be opened.
    NoConnection,
    /// The connection broke before the answer was complete.
    Broken,
    /// No complete answer in time.
    TimedOut,
    /// It was due and could not be sent, because too many were under way.
    NotSent,
}

/// Whether a call was made a second time, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// It was made once.
    No,
    /// The connection was lost before any byte of the answer.
    Lost,
    /// No byte of the answer had come after the time that the caller gives one attempt.
    Silent,
}

/// What a caller does when an answer does not come.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest wait for the complete answer; then it has failed.
    pub answer: Duration,
    /// Whether a safe request is repeated once, on a fresh connection, when its own was lost before any byte of the answer. A
    /// client may do so with any idempotent method without being asked (RFC 9110 §9.2.2), and libraries and browsers do.
    pub repeat_lost: bool,
    /// After how long a silence it is repeated likewise; never without.
    pub repeat_silent: Option<Duration>,
}

/// Connections to one address. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    target: SocketAddr,
    patience: Patience,
    /// Used in turn, so that every gateway that a connection leads to goes on being called.
    idle: Rc<RefCell<VecDeque<Connection>>>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    read: Rc<Cell<u64>>,
}

/// Why an attempt brought no complete answer.
enum Failed {
    NoConnection,
    /// Before any byte of the answer.
    Lost,
    Silent,
    Broken,
}

impl Pool {
    /// No connection yet.
    pub fn new(target: SocketAddr, patience: Patience) -> Pool {
        Pool { target, patience, idle: Rc::default() }
    }

    /// One call and how it ended; the answer is read to its end.
    pub async fn call(&self, request: Request<Full<Bytes>>) -> (Outcome, Repeated) {
        let repeated = Cell::new(Repeated::No);
        let outcome = match timeout(self.patience.answer, self.attempts(request, &repeated)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Failed::NoConnection)) => Outcome::NoConnection,
            Ok(Err(Failed::Lost | Failed::Broken)) => Outcome::Broken,
            Ok(Err(Failed::Silent)) | Err(_) => Outcome::TimedOut,
        };
        (outcome, repeated.get())
    }

    async fn attempts(
        &self,
        request: Request<Full<Bytes>>,
        repeated: &Cell<Repeated>,
    ) -> Result<Outcome, Failed> {
        let Patience { repeat_lost, repeat_silent, .. } = self.patience;
        let safe = matches!(*request.method(), Method::GET | Method::HEAD);
        if !safe {
            return self.attempt(request, false, None).await;
        }
        match self.attempt(request.clone(), false, repeat_silent).await {
            Err(Failed::Lost) if repeat_lost => repeated.set(Repeated::Lost),
            Err(Failed::Silent) => repeated.set(Repeated::Silent),
            ended => return ended,
        }
        self.attempt(request, true, None).await
    }

    async fn attempt(
        &self,
        mut request: Request<Full<Bytes>>,
        fresh: bool,
        silence: Option<Duration>,
    ) -> Result<Outcome, Failed> {
        loop {
            let reused = if fresh { None } else { self.take().await };
            let was_idle = reused.is_some();
            let mut connection = match reused {
                Some(connection) => connection,
                None => self.open().await.ok_or(Failed::NoConnection)?,
            };
            let before = connection.read.get();
            let sent = connection.sender.try_send_request(request);
            let response = match silence {
                None => sent.await,
                // Dropping the answer's future closes the connection: what comes after all must not meet the next request.
                Some(silence) => timeout(silence, sent).await.map_err(|_| Failed::Silent)?,
            };
            let response = match response {
                Ok(response) => response,
                Err(mut error) => match error.take_message() {
                    // An idle connection may be closed just as it is taken (RFC 9112 §9.3.1): nothing was sent, so it is sent anew.
                    Some(unsent) if was_idle => {
                        request = unsent;
                        continue;
                    }
                    _ if connection.read.get() == before => return Err(Failed::Lost),
                    _ => return Err(Failed::Broken),
                },
            };
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|_| Failed::Broken)?.to_bytes();
            let problem = head.status.as_u16() >= 400
                && head
                    .headers
                    .get(header::CONTENT_TYPE)
                    .is_some_and(|kind| kind == "application/problem+json");
            let mut idle = self.idle.borrow_mut();
            if idle.len() < KEEP {
                idle.push_back(connection);
            }
            return Ok(Outcome::Status(head.status.as_u16(), problem.then(|| code(&body)).flatten()));
        }
    }

    /// An idle connection that is still open.
    async fn take(&self) -> Option<Connection> {
        loop {
            // The borrow ends with this statement: waiting must not hold it.
            let candidate = self.idle.borrow_mut().pop_front();
            let mut connection = candidate?;
            if connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn open(&self) -> Option<Connection> {
        let stream = TcpStream::connect(self.target).await.ok()?;
        // Small requests must not wait for the last acknowledgement.
        let _ = stream.set_nodelay(true);
        let read = Rc::new(Cell::new(0));
        let counted = Counted::new(stream, read.clone());
        let (sender, connection) = handshake(TokioIo::new(counted)).await.ok()?;
        tokio::task::spawn_local(connection);
        Some(Connection { sender, read })
    }
}

/// The member `code` of a problem body, where it is one of the catalogue.
fn code(body: &[u8]) -> Option<Code> {
    let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
    Code::from_name(problem.get("code")?.as_str()?)
}

#[cfg(test)]
mod tests;
