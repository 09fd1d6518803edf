//! One call at one gateway: let in, attempted until an instance answers or no other attempt may be made, and ended once.

use super::World;
use super::lane::View;
use super::state::{Call, Caller};
use crate::event::{Event, LaneId};
use std::cell::RefCell;
use std::time::Duration;
use tenet_error::Code;
use tenet_resilience::Moment;
use tenet_resilience::allowance::{Allowance, EntryId};
use tenet_resilience::balance::{Candidates, Pick, Standing};
use tenet_resilience::budget::RetryBudget;
use tenet_resilience::call::{self, Ended, Means, Next, RefusedBy, Terms};
use tenet_resilience::limit::{Outcome, Priority, Sample};

/// What a call is about.
pub struct Ask {
    pub lane: LaneId,
    pub caller: Caller,
    pub request: usize,
    pub method: usize,
    pub idempotent: bool,
    pub hedged: bool,
    pub priority: Priority,
    pub deadline: u64,
    pub allowance: Allowance,
    pub shared: Option<(EntryId, u32)>,
}

impl World {
    /// A call came in: it is let in, waits, or is refused.
    pub(super) fn begin_call(&mut self, ask: Ask) -> usize {
        let call = self.calls.len();
        let Ask { lane, caller, request, method, idempotent, hedged, priority, deadline, allowance, shared } =
            ask;
        self.calls.push(Call {
            lane,
            caller,
            request,
            method,
            idempotent,
            hedged,
            priority,
            began: self.now,
            deadline,
            allowance,
            shared,
            waits: None,
            permit: false,
            machine: None,
            tried: Vec::new(),
            running: Vec::new(),
            paid: false,
            last: None,
            owed: false,
            answered: None,
            refused: false,
            reached: 0,
            over: false,
        });
        self.gateways[lane.gateway].calls.push(call);
        self.agenda.enter(deadline.max(self.now), Event::Late { call });
        self.tell(|| {
            format!("call {call} of request {request} at gateway {} for {}", lane.gateway, lane.service)
        });
        self.admit(call);
        call
    }

    /// It was let in: its first attempt begins.
    pub(super) fn run_call(&mut self, call: usize) {
        let now = self.moment();
        let of = &mut self.calls[call];
        of.permit = true;
        let (lane, method, deadline) = (of.lane, of.method, Moment::from_nanos(of.deadline));
        let hedge_after = if of.hedged { self.hedge_after(lane, method) } else { None };
        let service = &mut self.gateways[lane.gateway].services[lane.service];
        service.budget.deposit(now);
        count(&mut service.deposits, now, 1u32);
        let terms = Terms { idempotent: self.calls[call].idempotent, copyable: true, hedge_after, deadline };
        self.calls[call].machine = Some(call::Call::begin(&self.rules.call, terms, now));
        self.next_attempt(call);
    }

    fn hedge_after(&mut self, lane: LaneId, method: usize) -> Option<Duration> {
        let now = self.moment();
        let delays = &mut self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service].delays;
        delays.get_mut(method)?.as_mut()?.quantile(now)
    }

    /// What an attempt usually takes on this thread.
    pub(super) fn typical(&self, lane: LaneId) -> Duration {
        let of = &self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service];
        Duration::from_nanos(of.balancer.average().latency() as u64)
    }

    /// Lets `act` ask the call's machine with its means.
    fn ask<R>(&mut self, call: usize, act: impl FnOnce(&mut call::Call, Means<'_>) -> R) -> Option<R> {
        let lane = self.calls[call].lane;
        let typical = self.typical(lane);
        let budget: &RetryBudget = &self.gateways[lane.gateway].services[lane.service].budget;
        let Call { machine, allowance, .. } = &mut self.calls[call];
        let means = Means { budget, allowance, typical };
        machine.as_mut().map(|machine| act(machine, means))
    }

    /// Chooses an instance that was not tried and begins an attempt there; the call ends where there is none.
    fn next_attempt(&mut self, call: usize) {
        let tried = std::mem::take(&mut self.calls[call].tried);
        let mut place = self.pick(call, &tried);
        if place.is_none() && self.calls[call].paid {
            place = self.pick(call, &[]);
        }
        self.calls[call].tried = tried;
        let Some(place) = place else {
            self.abandon(call);
            let code = self.calls[call].last.unwrap_or(Code::NoInstance);
            self.end_call(call, code);
            return;
        };
        self.begin_attempt(call, place);
        self.arm_second(call);
    }

    fn arm_second(&mut self, call: usize) {
        let Call { machine, deadline, over, .. } = &self.calls[call];
        let at = machine.as_ref().and_then(call::Call::second_at);
        if let Some(at) = at.filter(|at| !over && at.nanos() < *deadline) {
            // What became due while two attempts ran is asked at once.
            self.agenda.enter(at.nanos().max(self.now), Event::Second { call, at: at.nanos() });
        }
    }

    fn pick(&mut self, call: usize, tried: &[usize]) -> Option<usize> {
        let (lane, now, random) = (self.calls[call].lane, self.moment(), self.dice.next());
        let gateway = &self.gateways[lane.gateway];
        let service = &gateway.services[lane.service];
        let of = &gateway.threads[lane.thread].lanes[lane.service];
        let slow_start = self.rules.balance.load.slow_start;
        let wanted = RefCell::default();
        let states = &service.instances;
        let mut view = View { lane: of, states, tried, now, panic: service.panic, slow_start, wanted };
        let pick = Pick { prefer_other_zone_than: tried.last().map(|place| of.zones[*place]), random };
        let mut place = of.balancer.pick(&view, &pick);
        if place.is_none() && tried.is_empty() && !view.panic {
            // Everyone is left out, and the panic that this means has not been declared yet.
            view.panic = true;
            place = of.balancer.pick(&view, &pick);
        }
        let wrong = place.is_some_and(|place| view.standing(place) == Standing::Down);
        let wanted = view.wanted.take();
        if wrong {
            self.finding("picked who is left out", &format!("call {call}, place {place:?}"));
        }
        wanted.into_iter().for_each(|place| self.claim_probe(lane, place));
        place
    }

    /// A second attempt beside the first is due.
    pub(super) fn second(&mut self, call: usize, at: u64) {
        let machine = &self.calls[call].machine;
        let due = machine.as_ref().and_then(call::Call::second_at).is_some_and(|due| due.nanos() == at);
        if self.calls[call].over || !due {
            return;
        }
        let now = self.moment();
        match self.ask(call, |machine, means| machine.second(now, means)) {
            Some(Ok(())) => {
                self.withdrew(call, 1);
                let tried = self.calls[call].tried.clone();
                match self.pick(call, &tried) {
                    None => {
                        self.ask(call, |machine, means| machine.unplaced(means));
                        self.withdrew(call, -1);
                    }
                    Some(place) => {
                        self.requests[self.calls[call].request].hedges += 1;
                        self.begin_attempt(call, place);
                    }
                }
            }
            Some(Err(refused)) => self.tell(|| format!("call {call} no second attempt: {}", refused.word())),
            None => {}
        }
        self.arm_second(call);
    }

    /// An attempt has ended: whether another one begins.
    pub(super) fn attempt_ended(&mut self, attempt: usize, code: Code, ended: Ended) {
        let call = self.attempts[attempt].call;
        self.tell(|| format!("call {call} attempt {attempt} ended: {}", code.name()));
        if self.calls[call].over {
            return;
        }
        if ended == Ended::Final {
            self.end_call(call, code);
            return;
        }
        let (now, random) = (self.moment(), self.dice.next());
        let next = self.ask(call, |machine, means| machine.ended(now, ended, true, means, random));
        let of = &mut self.calls[call];
        if of.last.is_none() || ended != Ended::NeverLeft {
            of.last = Some(code);
            of.refused = matches!(ended, Ended::NotRun(_));
        }
        let last = of.last.unwrap_or(code);
        match next {
            Some(Next::Wait) => self.arm_second(call),
            Some(Next::Retry { at }) => {
                of.paid = ended != Ended::NeverLeft;
                of.owed = of.paid;
                let (request, at) = (of.request, at.nanos().min(of.deadline));
                if of.paid {
                    self.requests[request].retries += 1;
                    self.withdrew(call, 1);
                }
                self.agenda.enter(at, Event::Retry { call });
            }
            Some(Next::GiveUp(refused)) => {
                self.tell(|| format!("call {call} gives up: {:?}", refused.map(RefusedBy::word)));
                self.end_call(call, last);
            }
            None => {}
        }
    }

    /// A repetition's pause is over.
    pub(super) fn retry(&mut self, call: usize) {
        if self.calls[call].over {
            return;
        }
        let now = self.moment();
        self.calls[call].owed = false;
        self.ask(call, |machine, _| machine.again(now));
        self.next_attempt(call);
    }

    fn abandon(&mut self, call: usize) {
        self.ask(call, |machine, means| machine.abandon(means));
        if std::mem::take(&mut self.calls[call].owed) {
            self.withdrew(call, -1);
        }
    }

    /// A call's time is over.
    pub(super) fn late(&mut self, call: usize) {
        if self.calls[call].over || !self.lives(self.calls[call].lane.gateway, self.calls[call].lane.life) {
            return;
        }
        self.abandon(call);
        for attempt in self.calls[call].running.clone() {
            self.give_up(attempt, true);
        }
        self.end_call(call, Code::DeadlineExceeded);
    }

    /// Its caller went away.
    pub(super) fn cancel_call(&mut self, call: usize) {
        if self.calls[call].over {
            return;
        }
        self.abandon(call);
        self.end_call(call, Code::Cancelled);
    }

    /// The call is over: once, in time, with everything given back.
    pub(super) fn end_call(&mut self, call: usize, code: Code) {
        if std::mem::replace(&mut self.calls[call].over, true) {
            self.finding("one outcome", &format!("call {call} ends twice"));
            return;
        }
        if self.now > self.calls[call].deadline {
            self.finding("deadline", &format!("call {call} ends after it: {}", code.name()));
        }
        for attempt in self.calls[call].running.clone() {
            self.give_up(attempt, false);
        }
        let of = &self.calls[call];
        let (lane, caller) = (of.lane, of.caller);
        self.gateways[lane.gateway].calls.retain(|other| *other != call);
        let outcome = match code {
            Code::Ok => Outcome::Ok,
            Code::Overloaded => Outcome::Dropped,
            Code::ServiceUnavailable if of.refused => Outcome::Dropped,
            _ => Outcome::Ignore,
        };
        // The latency of the attempt that answered, without what was waited before it.
        let since = of.answered.filter(|_| code == Code::Ok).unwrap_or(of.began);
        let latency = Duration::from_nanos(self.now - since);
        self.leave(call, Sample { latency, outcome });
        let spent = self.end_tree(call);
        match caller {
            Caller::Client => self.tell_client(call, code),
            Caller::Child(child) => self.answer_child(child, code, spent),
        }
        self.calls[call].machine = None;
    }

    /// A repetition was paid for, or given back.
    fn withdrew(&mut self, call: usize, tokens: i64) {
        let (lane, now) = (self.calls[call].lane, self.moment());
        count(&mut self.gateways[lane.gateway].services[lane.service].withdrawals, now, tokens);
    }
}

/// Adds to the second of `now`.
pub(super) fn count<T: Copy + Default + std::ops::AddAssign>(seconds: &mut Vec<T>, now: Moment, add: T) {
    let second = (now.nanos() / crate::plan::SECOND) as usize;
    if seconds.len() <= second {
        seconds.resize(second + 1, T::default());
    }
    seconds[second] += add;
}
