//! One attempt at one instance: sent, answered or not, and what is learnt from it.

use super::dress::Share;
use super::progress::Progress;
use super::verdict::Verdict;
use super::{Meaning, Outbound, Want};
use crate::fault::Fault;
use crate::instance::raise;
use crate::lane::Lane;
use crate::service::MethodHandle;
use crate::slot::Slot;
use crate::{Incoming, Protocol, h1, h2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tenet_error::{Code, Failure};
use tenet_resilience::Moment;
use tenet_resilience::call::Ended;
use tenet_resilience::ewma::{self, Observation};
use tenet_resilience::orca::Report;

/// What an instance reports of its load, as protobuf in base64 and as text (gRFC A51).
const LOAD_BINARY: HeaderName = HeaderName::from_static("endpoint-load-metrics-bin");
const LOAD_TEXT: HeaderName = HeaderName::from_static("endpoint-load-metrics");

/// An answer that was read whole.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// An attempt that was answered, well or not.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    /// Set where all of it was wanted; the response's body is at its end then.
    pub(crate) whole: Option<Whole>,
    pub(crate) verdict: Verdict,
    pub(crate) zone: u16,
    pub(crate) instance: Arc<str>,
    /// From the attempt's begin until what was wanted of the answer was there.
    pub(crate) latency: Duration,
}

/// How an attempt ended.
pub(crate) type Outcome = Result<Answered, Fault>;

/// An attempt that runs. Dropped before it has ended, it was given up: its caller is gone, the other one won, or its time is over.
pub(crate) struct Attempt<'a> {
    lane: &'a Rc<Lane>,
    slot: &'a Rc<Slot>,
    progress: &'a Progress,
    /// The method whose delay is followed, where it asks for hedging.
    hedge: Option<MethodHandle>,
    began: Moment,
    ended: bool,
    /// Whether a key chose the instance.
    keyed: bool,
}

impl Attempt<'_> {
    /// Makes the attempt, which begins `now`, and tells everyone who learns from attempts how it ended.
    pub(crate) async fn run(out: &Outbound<'_>, slot: &Rc<Slot>, now: Moment) -> Outcome {
        let instance = &slot.state.instance;
        out.progress.chose(instance.zone);
        slot.load.borrow_mut().began(now);
        let keyed = out.terms.affinity.is_some();
        if keyed {
            slot.state.keyed.fetch_add(1, Relaxed);
        }
        let (lane, progress) = (out.lane, out.progress);
        let hedge = out.terms.hedge;
        let mut attempt = Attempt { lane, slot, progress, hedge, began: now, ended: false, keyed };
        let mut share = Share::of(out, slot);
        if let Some(delay) = slot.state.injected_delay() {
            tokio::time::sleep(delay).await;
        }
        let sent = match out.lane.protocol {
            Protocol::H2 => h2::attempt(slot, out, &share).await,
            Protocol::H1 => h1::attempt(slot, out, &share).await,
        };
        let read = match sent {
            Ok(response) => attempt.read(out, response).await,
            Err(fault) => Err(fault),
        };
        let now = out.lane.now();
        let latency = now.since(attempt.began);
        attempt.ended = true;
        let (mut response, whole, verdict) = match read {
            Ok(read) => read,
            Err(fault) => {
                if matches!(fault.ended(), Ended::NeverLeft | Ended::NotRun(_)) {
                    share.unused();
                }
                attempt.failed(&fault, now, latency);
                return Err(fault);
            }
        };
        let trailers =
            whole.as_ref().and_then(|whole| whole.trailers.as_ref()).filter(|fields| tells(fields));
        let head = Some(response.headers()).filter(|fields| tells(fields));
        if let Some(utilisation) = utilisation(head, trailers) {
            out.lane.reported(slot, now, utilisation);
        }
        let shown = shown(verdict);
        // The status of an answer that still streams is not known yet, nor what its tree has spent.
        let streams = whole.is_none() && !response.body().is_end_stream();
        attempt.observe(now, latency, shown, streams);
        if streams {
            let status_follows = out.terms.meaning == Meaning::Grpc;
            if !status_follows {
                share.settle(&out.lane.local.shared, head, None);
                slot.vote(out.lane, shown);
            }
            response.body_mut().observe(Observed::new(out.lane, slot, share, status_follows));
        } else {
            share.settle(&out.lane.local.shared, head, trailers);
            slot.vote(out.lane, shown);
        }
        out.lane.learn(hedge, now, latency, shown == ewma::Outcome::Ok);
        let (zone, instance) = (instance.zone, instance.id.clone());
        Ok(Answered { response, whole, verdict, zone, instance, latency })
    }

    /// What is wanted of the answer, and what it says.
    async fn read(
        &self,
        out: &Outbound<'_>,
        mut response: Response<Incoming>,
    ) -> Result<(Response<Incoming>, Option<Whole>, Verdict), Fault> {
        let meaning = out.terms.meaning;
        let ended = response.body().is_end_stream();
        let whole = match out.want {
            Want::Whole(limit) if response.status() == StatusCode::OK && !ended => {
                Some(whole(response.body_mut(), limit).await.map_err(Fault::Final)?)
            }
            Want::Whole(_) => Some(Whole::default()),
            Want::Head => None,
        };
        let none = HeaderMap::new();
        let trailers = match &whole {
            Some(whole) => Some(whole.trailers.as_ref().unwrap_or(&none)),
            None if ended => Some(&none),
            None => None,
        };
        let verdict = Verdict::of(meaning, response.status(), response.headers(), trailers);
        Ok((response, whole, verdict))
    }

    fn failed(&self, fault: &Fault, now: Moment, latency: Duration) {
        let ended = fault.ended();
        // What never left shows nothing of how the instance answers; that it cannot be connected to is another matter.
        if !fault.is_of_instance() || ended == Ended::NeverLeft {
            return self.given_up(now, latency);
        }
        let outcome = match ended {
            Ended::NotRun(_) => ewma::Outcome::Refused,
            _ => ewma::Outcome::Failed,
        };
        self.lane.learn(self.hedge, now, latency, false);
        self.observe(now, latency, outcome, false);
        self.slot.vote(self.lane, outcome);
    }

    fn observe(&self, now: Moment, latency: Duration, outcome: ewma::Outcome, streams: bool) {
        self.lane.ended(self.slot, now, Observation { latency, outcome }, streams);
        self.slot.finished(latency, outcome);
    }

    fn given_up(&self, now: Moment, latency: Duration) {
        self.lane.ended(self.slot, now, Observation { latency, outcome: ewma::Outcome::Cancelled }, false);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.keyed {
            self.slot.state.keyed.fetch_sub(1, Relaxed);
        }
        if self.ended {
            return;
        }
        let now = self.slot.now();
        let latency = now.since(self.began);
        self.lane.learn(self.hedge, now, latency, false);
        let progress = self.progress;
        let (typical, won_in) = (self.lane.typical(), progress.won_in());
        let outcome = ewma::Outcome::of_given_up(latency, typical, won_in, progress.is_late());
        if outcome == ewma::Outcome::Failed {
            self.observe(now, latency, outcome, false);
            self.slot.vote(self.lane, outcome);
        } else {
            self.given_up(now, latency);
        }
    }
}

/// What an answer shows of its instance.
fn shown(verdict: Verdict) -> ewma::Outcome {
    match verdict {
        _ if verdict.is_refusal() => ewma::Outcome::Refused,
        _ if verdict.is_fault() => ewma::Outcome::Failed,
        _ => ewma::Outcome::Ok,
    }
}

/// Whether an instance says in these fields anything of itself that is looked for by name: each look-up costs more than this one look at
/// the few fields there are, and most instances say nothing.
fn tells(fields: &HeaderMap) -> bool {
    let tells = |name: &HeaderName| {
        let name = name.as_str();
        name.starts_with("tenet-") || name.starts_with("endpoint-load-metrics")
    };
    fields.keys().any(tells)
}

/// Which share of its capacity an instance says is used (ORCA, gRFC A51).
fn utilisation(head: Option<&HeaderMap>, trailers: Option<&HeaderMap>) -> Option<f64> {
    let find = |name: &HeaderName| [trailers, head].into_iter().flatten().find_map(|fields| fields.get(name));
    if let Some(value) = find(&LOAD_BINARY) {
        // Senders need not pad (gRPC over HTTP/2, Custom-Metadata).
        let unpadded = value.as_bytes().trim_ascii_end();
        let end = unpadded.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        let bytes = STANDARD_NO_PAD.decode(&unpadded[..end]).ok()?;
        return Report::from_bytes(&bytes).ok()?.utilisation();
    }
    Report::from_text(find(&LOAD_TEXT)?.to_str().ok()?).ok()?.utilisation()
}

/// Reads a body to its end.
async fn whole(incoming: &mut Incoming, limit: usize) -> Result<Whole, Failure> {
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    let mut length = 0;
    let mut trailers = None;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *incoming).poll_frame(cx)).await {
        let data = match frame?.into_data() {
            Ok(data) => data,
            Err(frame) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
        };
        length += data.len();
        if length > limit {
            return Err(Failure::from(Code::UpstreamBody)
                .with_cause(format!("the answer is longer than {limit} bytes")));
        }
        match &mut rest {
            Some(rest) => rest.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let mut both = BytesMut::with_capacity(length * 2);
                both.extend_from_slice(&first);
                both.extend_from_slice(&data);
                rest = Some(both);
            }
        }
    }
    Ok(Whole { body: rest.map_or(first, BytesMut::freeze), trailers })
}

/// What is still to be learnt from an answer that streams: its status, what its call tree spent, and when it ends.
#[derive(Debug)]
pub(crate) struct Observed {
    lane: Rc<Lane>,
    slot: Rc<Slot>,
    share: Share,
    /// Whether trailers will say how it ended.
    status_follows: bool,
}

impl Observed {
    fn new(lane: &Rc<Lane>, slot: &Rc<Slot>, share: Share, status_follows: bool) -> Observed {
        Observed { lane: lane.clone(), slot: slot.clone(), share, status_follows }
    }

    /// The answer has ended with these trailers.
    pub(crate) fn ended(mut self, trailers: Option<&HeaderMap>) {
        if !self.status_follows {
            return;
        }
        let none = HeaderMap::new();
        let trailers = trailers.unwrap_or(&none);
        self.share.settle(&self.lane.local.shared, None, Some(trailers));
        if let Some(utilisation) = utilisation(None, Some(trailers)) {
            self.lane.reported(&self.slot, self.slot.now(), utilisation);
        }
        self.vote(shown(Verdict::of(Meaning::Grpc, StatusCode::OK, &none, Some(trailers))));
    }

    /// The answer broke off because of the instance.
    pub(crate) fn broke(self) {
        self.vote(ewma::Outcome::Failed);
    }

    fn vote(&self, outcome: ewma::Outcome) {
        if outcome == ewma::Outcome::Failed {
            raise(&self.slot.counters.failures);
        }
        self.slot.vote(&self.lane, outcome);
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.slot.load.borrow_mut().stream_ended();
    }
}
