//! One call: attempts at instances until one answers, or until no other may be made.
//!
//! What may be repeated, and when, is decided by `tenet_resilience::call`; here its decisions become attempts.

mod attempt;
mod dress;
mod progress;
mod terms;
mod verdict;

pub(crate) use attempt::{Answered, Observed, Whole};
pub(crate) use dress::{Share, make_known};
pub use progress::Effort;
pub(crate) use progress::Progress;
pub use terms::{CallTerms, Meaning};
pub use verdict::Said;
pub(crate) use verdict::may_pass;

use crate::fault::Fault;
use crate::instance::raise;
use crate::lane::Lane;
use crate::outgoing::Payload;
use crate::timer::Timer;
use attempt::{Attempt, Outcome};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tenet_error::{Code, Failure};
use tenet_resilience::call::{Call, Ended, Means, Next, Terms};

/// Tries again at the same instance, on a new connection, within one call: once because the connection was going away, and
/// once more because the next one may have been, too.
const MAX_RENEWALS: usize = 2;

/// A request without its body, kept until an answer begins, for the next attempt.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// As the next attempt sends them: each puts its own time and share in.
    pub(crate) headers: RefCell<HeaderMap>,
    /// The baggage that came.
    pub(crate) baggage: Option<HeaderValue>,
}

impl Head {
    pub(crate) fn new(parts: Parts) -> Head {
        let baggage = parts.headers.get(dress::BAGGAGE).cloned();
        Head { method: parts.method, uri: parts.uri, headers: RefCell::new(parts.headers), baggage }
    }

    /// The request as h2 takes it: `:scheme`, `:authority` and `:path` come from the URI.
    pub(crate) fn for_h2(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.version_mut() = Version::HTTP_2;
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers.borrow());
        request
    }
}

/// How much of an answer the caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Its head; the body then streams.
    Head,
    /// All of it, with a body of at most this many bytes: until then another attempt can still be made.
    Whole(usize),
}

/// A call on its way out: what all its attempts share.
pub(crate) struct Outbound<'a> {
    pub(crate) lane: &'a Rc<Lane>,
    pub(crate) head: &'a Head,
    pub(crate) payload: &'a Payload,
    pub(crate) terms: &'a CallTerms,
    pub(crate) want: Want,
    pub(crate) progress: &'a Progress,
}

/// What wakes a call whose attempts run.
#[expect(
    clippy::large_enum_variant,
    reason = "an answer is passed on at once; boxing it would cost every call an allocation"
)]
enum Event {
    /// One has ended; whether it was the second.
    Ended(Outcome, bool),
    /// The first is silent for so long that a second might begin.
    Silent,
    /// The call's time is over.
    Late,
}

/// The attempts of one call.
pub(crate) async fn run(out: &Outbound<'_>) -> Outcome {
    let lane = out.lane;
    let lineup = lane.lineup();
    let live = lane.live();
    let means = Means { budget: &live.budget, allowance: &out.terms.allowance, typical: lane.typical() };
    let deadline = out.terms.deadline;
    let mut now = lane.now();
    live.budget.deposit(now);
    raise(&lane.counters.calls);
    let mut machine = Call::begin(&live.rules.call, machine_terms(out), now);
    let mut timer = Timer::new(&lane.local);
    let mut tried: SmallVec<[usize; 4]> = SmallVec::new();
    let mut renewals = 0;
    let mut same = None;
    let mut paid = false;
    let mut last: Option<Outcome> = None;
    loop {
        let pick = |tried: &[usize]| lane.pick(&lineup, tried, out.terms.affinity, now);
        // A repetition that was paid for is worth more than none where every instance has been tried.
        let again = || paid.then(|| pick(&[])).flatten();
        let Some(index) = same.take().or_else(|| pick(&tried)).or_else(again) else {
            machine.abandon(means);
            return last.unwrap_or_else(|| Err(Fault::Final(lane.no_instance(&lineup))));
        };
        tried.push(index);
        let mut first = pin!(Attempt::run(out, lineup.slot(index), now));
        let mut first_runs = true;
        let mut second: Option<Pin<Box<dyn Future<Output = Outcome> + '_>>> = None;
        let retry_at = loop {
            let event = poll_fn(|cx| {
                if first_runs && let Poll::Ready(outcome) = first.as_mut().poll(cx) {
                    first_runs = false;
                    return Poll::Ready(Event::Ended(outcome, false));
                }
                if let Some(attempt) = &mut second
                    && let Poll::Ready(outcome) = attempt.as_mut().poll(cx)
                {
                    second = None;
                    return Poll::Ready(Event::Ended(outcome, true));
                }
                poll_time(&mut timer, machine.second_at().map(|at| lane.instant(at)), deadline, cx)
            })
            .await;
            match event {
                Event::Late => {
                    out.progress.set_late();
                    return Err(Fault::Final(late(out)));
                }
                Event::Silent => {
                    let now = lane.now();
                    match machine.second(now, means) {
                        Err(refused) => lane.counters.refused(refused),
                        Ok(()) => match lane.pick(&lineup, &tried, out.terms.affinity, now) {
                            None => machine.unplaced(means),
                            Some(index) => {
                                tried.push(index);
                                raise(&lane.counters.hedges);
                                out.progress.set_hedged();
                                second = Some(Box::pin(Attempt::run(out, lineup.slot(index), now)));
                            }
                        },
                    }
                }
                Event::Ended(outcome, was_second) => {
                    let ended = ended(&outcome);
                    if ended == Ended::Final {
                        if let Ok(answered) = &outcome
                            && !answered.verdict.is_fault()
                        {
                            out.progress.set_won(answered.latency);
                        }
                        if was_second && outcome.is_ok() {
                            raise(&lane.counters.hedges_won);
                            out.progress.set_hedge_won();
                        }
                        return outcome;
                    }
                    let random = lane.local.random.next();
                    let next = machine.ended(lane.now(), ended, out.payload.is_replayable(), means, random);
                    if let Err(Fault::Renew(_)) = outcome
                        && renewals < MAX_RENEWALS
                        && !was_second
                    {
                        renewals += 1;
                        // A second attempt may have been added behind it.
                        tried.retain(|other| *other != index);
                        same = Some(index);
                    }
                    let cause = code(&outcome);
                    // That the last try never left does not undo that one before it may have run.
                    if last.is_none() || ended != Ended::NeverLeft {
                        last = Some(outcome);
                    }
                    match next {
                        Next::Wait => same = None,
                        Next::Retry { at } => {
                            paid = ended != Ended::NeverLeft;
                            if paid {
                                lane.counters.retried(cause);
                            }
                            break at;
                        }
                        Next::GiveUp(refused) => {
                            if let Some(refused) = refused {
                                lane.counters.refused(refused);
                            }
                            return last.unwrap_or_else(|| Err(Fault::Final(late(out))));
                        }
                    }
                }
            }
        };
        if retry_at > lane.now() {
            let until = lane.instant(retry_at);
            // Paid for while it waits; given back where the caller goes away meanwhile.
            let mut waiting = Waiting { machine: &mut machine, means, over: false };
            poll_fn(|cx| timer.poll_passed(until.min(deadline), cx)).await;
            waiting.over = true;
        }
        now = lane.now();
        machine.again(now);
    }
}

/// A repetition in its back-off.
struct Waiting<'a> {
    machine: &'a mut Call,
    means: Means<'a>,
    over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.machine.abandon(self.means);
        }
    }
}

fn machine_terms(out: &Outbound<'_>) -> Terms {
    let lane = out.lane;
    let hedge_after = out.terms.hedge.and_then(|method| lane.hedge_after(method));
    Terms {
        idempotent: out.terms.idempotent,
        copyable: !matches!(out.payload, Payload::Stream(_)),
        hedge_after,
        deadline: lane.moment(out.terms.deadline),
    }
}

/// Waits for the earlier of the two moments.
fn poll_time(
    timer: &mut Timer,
    second_at: Option<tokio::time::Instant>,
    deadline: tokio::time::Instant,
    cx: &mut Context<'_>,
) -> Poll<Event> {
    match second_at.filter(|at| *at < deadline) {
        Some(at) => {
            ready!(timer.poll_passed(at, cx));
            Poll::Ready(Event::Silent)
        }
        None => {
            ready!(timer.poll_passed(deadline, cx));
            Poll::Ready(Event::Late)
        }
    }
}

fn late(out: &Outbound<'_>) -> Failure {
    Failure::new(Code::DeadlineExceeded, "").with_cause(out.progress.stage())
}

/// What an attempt's end means to the call.
fn ended(outcome: &Outcome) -> Ended {
    match outcome {
        Ok(answered) => answered.verdict.ended,
        Err(fault) => fault.ended(),
    }
}

fn code(outcome: &Outcome) -> Code {
    match outcome {
        Ok(answered) => answered.verdict.code,
        Err(fault) => fault.failure().code(),
    }
}
