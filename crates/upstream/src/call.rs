//! One call: instances in turn until one answers, while the request provably never ran.

use crate::fault::Fault;
use crate::lane::Lane;
use crate::outgoing::Payload;
use crate::{CallError, Protocol, Reply, h1, h2};
use http::{HeaderMap, Method, Request, Uri, Version};
use std::cell::Cell;
use tenet_error::Failure;

/// Tries again at the same instance, on a new connection, within one call: once because the connection was going away, and
/// once more because the next one may have been, too.
const MAX_RENEWALS: usize = 2;

/// A request without its body, kept until an answer begins, for the next attempt.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// The request as h2 takes it: `:scheme`, `:authority` and `:path` come from the URI.
    pub(crate) fn for_h2(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_2;
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// How far a call came; readable from outside when its time is over.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    zone: Cell<Option<u16>>,
    now_sent: Cell<bool>,
    once_ran: Cell<bool>,
}

impl Progress {
    pub(crate) fn sent(&self) {
        self.now_sent.set(true);
    }

    /// The attempt that was sent provably did nothing.
    pub(crate) fn never_ran(&self) {
        self.now_sent.set(false);
    }

    /// The attempt that was sent may have run; the next one does not change that.
    pub(crate) fn may_have_run(&self) {
        self.once_ran.set(true);
    }

    pub(crate) fn error(&self, failure: Failure) -> CallError {
        CallError { failure, sent: self.now_sent.get() || self.once_ran.get(), zone: self.zone.get() }
    }

    /// What was waited for, for the log.
    pub(crate) fn stage(&self) -> &'static str {
        match (self.zone.get(), self.now_sent.get()) {
            (None, _) => "before an instance was chosen",
            (_, false) => "while waiting for a connection",
            (_, true) => "while waiting for the answer's head",
        }
    }
}

/// The attempts of one call.
pub(crate) async fn run(
    lane: &Lane,
    head: &Head,
    payload: &Payload,
    progress: &Progress,
) -> Result<Reply, Failure> {
    let slots = lane.slots();
    let mut tried: Vec<usize> = Vec::new();
    let mut renewals = 0;
    let mut again = None;
    let mut last = None;
    loop {
        let Some(index) = again.take().or_else(|| lane.pick(&slots, &tried)) else {
            return Err(last.unwrap_or_else(|| lane.no_instance(&slots)));
        };
        let slot = &slots[index];
        let instance = &slot.state.instance;
        progress.zone.set(Some(instance.zone));
        let attempt = match lane.protocol {
            Protocol::H2 => h2::attempt(slot, head, payload, progress).await,
            Protocol::H1 => h1::attempt(slot, head, payload, progress).await,
        };
        let failure = match attempt {
            Ok(response) => {
                return Ok(Reply { response, zone: instance.zone, instance: instance.id.clone() });
            }
            Err(Fault::Final(failure)) => return Err(failure),
            Err(Fault::Renew(failure)) if renewals < MAX_RENEWALS => {
                renewals += 1;
                again = Some(index);
                failure
            }
            Err(Fault::Renew(failure) | Fault::Next(failure)) => {
                tried.push(index);
                failure
            }
        };
        if !payload.is_replayable() {
            return Err(failure);
        }
        last = Some(failure);
    }
}
