//! The per-thread pool: the door through which calls leave the process.

use crate::call::{self, Head, Progress};
use crate::lane::{Lane, Slots};
use crate::local::{Calling, Local};
use crate::outgoing::Payload;
use crate::timer::Timer;
use crate::{Incoming, Outgoing, PoolOptions, ServiceHandle, Shared, upkeep};
use bytes::Bytes;
use http_body::Body;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tenet_error::{Code, Failure};
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
/// connection is driven by a local task. Clones are the same pool.
#[derive(Clone, Debug)]
pub struct Pool(Rc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) local: Rc<Local>,
    /// By the service's number.
    pub(crate) lanes: RefCell<Vec<Option<Rc<Lane>>>>,
    pub(crate) slots: Slots,
    kept_up: Cell<bool>,
}

impl Pool {
    /// A pool without connections. `thread` only has to differ between the pools of a process: it spreads where each
    /// begins its round.
    pub fn new(thread: usize, shared: Arc<Shared>, options: PoolOptions) -> Pool {
        Pool(Rc::new(Inner {
            local: Rc::new(Local::new(thread, shared, options)),
            lanes: RefCell::default(),
            slots: RefCell::default(),
            kept_up: Cell::new(false),
        }))
    }

    /// Sends `request` to one instance of `service` and waits for the answer's head until `deadline`.
    ///
    /// The URI needs scheme and authority (they become `:scheme` and `:authority`, or `Host` where the fields have none) and a
    /// path. Header fields go out as they are. Another instance is tried, each at most once, while the request provably
    /// never ran. Dropping the future resets the stream or closes the connection.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Panics
    /// When not polled inside a `LocalSet`.
    pub fn call<B>(
        &self,
        service: &ServiceHandle,
        request: http::Request<Outgoing<B>>,
        deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>>
    where
        B: Body<Data = Bytes, Error = Failure> + 'static,
    {
        let (parts, body) = request.into_parts();
        let head = Head { method: parts.method, uri: parts.uri, headers: parts.headers };
        // Made before the future, which is then not of the caller's type and as large as its own parts only.
        self.call_payload(service, head, Payload::new(body), deadline)
    }

    async fn call_payload(
        &self,
        service: &ServiceHandle,
        head: Head,
        payload: Payload,
        deadline: Instant,
    ) -> Result<Reply, CallError> {
        let local = &self.0.local;
        let progress = Progress::default();
        if local.draining.get() {
            return Err(progress.error(Code::Draining.into()));
        }
        let _calling = Calling::new(local);
        let lane = self.lane(service);
        let mut attempts = pin!(call::run(&lane, &head, &payload, &progress));
        let mut timer = Timer::new(local);
        let outcome = poll_fn(|cx| match attempts.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => timer.poll_passed(deadline, cx).map(|()| None),
        });
        match outcome.await {
            Some(outcome) => outcome.map_err(|failure| progress.error(failure)),
            None => {
                let failure = Failure::new(Code::DeadlineExceeded, "").with_cause(progress.stage());
                Err(progress.error(failure))
            }
        }
    }

    fn lane(&self, service: &ServiceHandle) -> Rc<Lane> {
        let inner = &self.0;
        if let Some(Some(lane)) = inner.lanes.borrow().get(service.0.number) {
            lane.refresh(&service.0, &inner.slots, &inner.local);
            return lane.clone();
        }
        if !inner.kept_up.replace(true) {
            upkeep::start(inner);
        }
        let lane = Rc::new(Lane::new(service, inner.local.random.next()));
        lane.refresh(&service.0, &inner.slots, &inner.local);
        let mut lanes = inner.lanes.borrow_mut();
        if lanes.len() <= service.0.number {
            lanes.resize(service.0.number + 1, None);
        }
        lanes[service.0.number] = Some(lane.clone());
        lane
    }

    /// Refuses new calls with `Draining`, lets those in flight finish, and returns when the last connection is closed. The
    /// caller bounds the wait.
    pub async fn drain(&self) {
        let inner = &self.0;
        inner.local.draining.set(true);
        inner.local.no_calls().await;
        let slots: Vec<_> = inner.slots.borrow().values().cloned().collect();
        slots.iter().for_each(|slot| slot.let_go());
        inner.local.nothing_alive().await;
    }
}
