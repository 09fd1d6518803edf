//! The per-thread pool: the door through which calls leave the process.

use crate::{Incoming, Outgoing, PoolOptions, ServiceHandle, Shared};
use bytes::Bytes;
use http_body::Body;
use std::sync::Arc;
use tenet_error::Failure;
use tokio::time::Instant;

/// An instance's answer: its head, and a body that is still arriving.
#[derive(Debug)]
pub struct Reply {
    /// Head and body. The body is the response's from the first byte after the head on.
    pub response: http::Response<Incoming>,
    /// The zone of the instance that answered.
    pub zone: u16,
    /// The id of the instance that answered.
    pub instance: Arc<str>,
}

/// Why a call has no answer.
#[derive(Clone, Debug)]
pub struct CallError {
    /// The catalogued failure: `NoInstance`, `ConnectFailed`, `ConnectionLost`, `DeadlineExceeded`, `UpstreamProtocol`,
    /// `Overloaded` (too many calls wait for the instance), `Draining`, or whatever the request's own body failed with.
    pub failure: Failure,
    /// Whether any byte of the request may have reached an instance that may have acted on it. `false` is a proof.
    pub sent: bool,
    /// The zone of the instance tried last, if one was.
    pub zone: Option<u16>,
}

/// One thread's connections to all instances. Not `Send`; lives in a `LocalSet` of a current-thread runtime, since every
/// connection is driven by a local task.
#[derive(Clone, Debug)]
pub struct Pool {}

impl Pool {
    /// A pool without connections. `thread` only has to differ between the pools of a process: it spreads where each
    /// begins its round.
    pub fn new(thread: usize, shared: Arc<Shared>, options: PoolOptions) -> Pool {
        let _ = (thread, shared, options);
        todo!()
    }

    /// Sends `request` to one instance of `service` and waits for the answer's head until `deadline`.
    ///
    /// The URI needs scheme and authority (they become `:scheme` and `:authority`, or `Host`) and a path. Header fields go out
    /// as they are. Another instance is tried, each at most once, while the request provably never ran. Dropping the
    /// future resets the stream.
    ///
    /// # Errors
    /// See [`CallError`]. Must be polled inside a `LocalSet`.
    pub async fn call<B>(
        &self,
        service: &ServiceHandle,
        request: http::Request<Outgoing<B>>,
        deadline: Instant,
    ) -> Result<Reply, CallError>
    where
        B: Body<Data = Bytes, Error = Failure> + 'static,
    {
        let _ = (service, request, deadline);
        todo!()
    }

    /// Refuses new calls with `Draining`, lets those in flight finish, and returns when the last connection is closed. The
    /// caller bounds the wait.
    pub async fn drain(&self) {
        todo!()
    }
}
