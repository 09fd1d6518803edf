//! The per-thread pool: the door through which calls leave the process.

use crate::call::{self, CallTerms, Head, Outbound, Progress, Want};
use crate::lane::{Lane, Slots};
use crate::local::{Calling, Local};
use crate::outgoing::Payload;
use crate::{Effort, Incoming, Outgoing, Part, Said, ServiceHandle, Shared, upkeep};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tenet_error::{Code, Failure};

/// An instance's answer: its head, and a body that is still arriving.
#[derive(Debug)]
pub struct Reply {
    /// Head and body. The body is the response's from the first byte after the head on.
    pub response: http::Response<Incoming>,
    /// The zone of the instance that answered.
    pub zone: u16,
    /// The id of the instance that answered.
    pub instance: Arc<str>,
    /// What it took to be answered.
    pub effort: Effort,
    /// What the attempt that answered took until its head, without those before it.
    pub latency: Duration,
    /// What the head says of the instance. Of an answer that streams, its end may say otherwise.
    pub said: Said,
}

/// An instance's answer, all of it.
#[derive(Debug)]
pub struct WholeReply {
    /// Its head.
    pub head: http::response::Parts,
    /// Its body; empty where the status is not 200, which is not read.
    pub body: Bytes,
    /// Its trailers.
    pub trailers: Option<HeaderMap>,
    /// The zone of the instance that answered.
    pub zone: u16,
    /// The id of the instance that answered.
    pub instance: Arc<str>,
    /// What it took to be answered.
    pub effort: Effort,
    /// What the attempt that answered took, without those before it.
    pub latency: Duration,
    /// What it says of the instance.
    pub said: Said,
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
    /// What was tried.
    pub effort: Effort,
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
    /// A pool without connections, one of those of its process.
    pub fn new(part: Part, shared: Arc<Shared>) -> Pool {
        Pool(Rc::new(Inner {
            local: Rc::new(Local::new(part, shared)),
            lanes: RefCell::default(),
            slots: RefCell::default(),
            kept_up: Cell::new(false),
        }))
    }

    /// Its place among the pools of its process.
    pub fn part(&self) -> Part {
        self.0.local.part
    }

    /// Sends `request` to an instance of `service` and waits for the answer's head until the deadline of `terms`.
    ///
    /// The URI needs scheme and authority (they become `:scheme` and `:authority`, or `Host` where the fields have none) and a
    /// path. Header fields go out as they are, but for those that `terms` adds. Other attempts are made as the service's rules
    /// and `terms` allow. Dropping the future resets the streams or closes the connections of all attempts.
    ///
    /// # Errors
    /// See [`CallError`]. An answer that says failure is an answer.
    ///
    /// # Panics
    /// When not polled inside a `LocalSet`.
    pub fn call<B>(
        &self,
        service: &ServiceHandle,
        request: http::Request<Outgoing<B>>,
        terms: CallTerms,
    ) -> impl Future<Output = Result<Reply, CallError>>
    where
        B: Body<Data = Bytes, Error = Failure> + 'static,
    {
        let (head, payload) = taken_apart(request);
        // Made before the future, which is then not of the caller's type and as large as its own parts only.
        self.call_payload(service, head, payload, terms)
    }

    /// As [`call`](Self::call), but waits for all of the answer, with a body of at most `limit` bytes: until it is there, another
    /// attempt can be made.
    ///
    /// # Errors
    /// See [`CallError`]; `UpstreamBody` past the limit.
    ///
    /// # Panics
    /// When not polled inside a `LocalSet`.
    pub fn call_whole<B>(
        &self,
        service: &ServiceHandle,
        request: http::Request<Outgoing<B>>,
        terms: CallTerms,
        limit: usize,
    ) -> impl Future<Output = Result<WholeReply, CallError>>
    where
        B: Body<Data = Bytes, Error = Failure> + 'static,
    {
        let (head, payload) = taken_apart(request);
        self.call_payload_whole(service, head, payload, terms, limit)
    }

    async fn call_payload(
        &self,
        service: &ServiceHandle,
        head: Head,
        payload: Payload,
        terms: CallTerms,
    ) -> Result<Reply, CallError> {
        let (answered, effort) = self.attempts(service, &head, &payload, &terms, Want::Head).await?;
        let call::Answered { response, zone, instance, latency, verdict, .. } = answered;
        Ok(Reply { response, zone, instance, effort, latency, said: verdict.said() })
    }

    async fn call_payload_whole(
        &self,
        service: &ServiceHandle,
        head: Head,
        payload: Payload,
        terms: CallTerms,
        limit: usize,
    ) -> Result<WholeReply, CallError> {
        let want = Want::Whole(limit);
        let (answered, effort) = self.attempts(service, &head, &payload, &terms, want).await?;
        let call::Answered { response, whole, zone, instance, latency, verdict } = answered;
        let (head, _) = response.into_parts();
        let call::Whole { body, trailers } = whole.unwrap_or_default();
        Ok(WholeReply { head, body, trailers, zone, instance, effort, latency, said: verdict.said() })
    }

    async fn attempts(
        &self,
        service: &ServiceHandle,
        head: &Head,
        payload: &Payload,
        terms: &CallTerms,
        want: Want,
    ) -> Result<(call::Answered, Effort), CallError> {
        let local = &self.0.local;
        let progress = Progress::default();
        if local.draining.get() {
            return Err(progress.error(Code::Draining.into()));
        }
        let _calling = Calling::new(local);
        let lane = self.lane(service);
        let out = Outbound { lane: &lane, head, payload, terms, want, progress: &progress };
        match call::run(&out).await {
            Ok(answered) => Ok((answered, progress.effort())),
            Err(fault) => Err(progress.error(fault.into_failure())),
        }
    }

    fn lane(&self, service: &ServiceHandle) -> Rc<Lane> {
        let inner = &self.0;
        if let Some(Some(lane)) = inner.lanes.borrow().get(service.0.number) {
            lane.refresh(&service.0, &inner.slots);
            return lane.clone();
        }
        if !inner.kept_up.replace(true) {
            upkeep::start(inner);
        }
        let lane = Rc::new(Lane::new(service, &inner.local));
        lane.refresh(&service.0, &inner.slots);
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

fn taken_apart<B>(request: http::Request<Outgoing<B>>) -> (Head, Payload)
where
    B: Body<Data = Bytes, Error = Failure> + 'static,
{
    let (parts, body) = request.into_parts();
    (Head::new(parts), Payload::new(body))
}
