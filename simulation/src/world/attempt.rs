//! One attempt at one instance: placed, sent, answered or not, and what is learnt from it.

use super::World;
use super::state::{Attempt, Connection, Job, Stage};
use crate::event::{Answer, Event};
use std::time::Duration;
use tenet_error::Code;
use tenet_resilience::Moment;
use tenet_resilience::call::{Ended, Pushback};
use tenet_resilience::delay::DelayEstimate;
use tenet_resilience::eject::Cause;
use tenet_resilience::ewma::{Observation, Outcome};

impl World {
    /// Begins an attempt of `call` at the instance in `place` of its line-up.
    pub(super) fn begin_attempt(&mut self, call: usize, place: usize) {
        let (now, random) = (self.now, self.dice.next());
        let lane = self.calls[call].lane;
        let gateway = &self.gateways[lane.gateway];
        let of = &gateway.threads[lane.thread].lanes[lane.service];
        of.slots[place].load.borrow_mut().began(Moment::from_nanos(now));
        let instance = of.order[place];
        let grant = Some(self.calls[call].allowance.grant()).filter(|grant| grant.amount() > 0);
        let entry =
            grant.as_ref().and_then(|grant| gateway.ledger.open(random as usize, random, grant.amount()));
        let attempt = self.attempts.len();
        self.attempts.push(Attempt {
            call,
            lane,
            place,
            instance,

            began: now,
            connection: 0,
            epoch: 0,
            grant,
            entry,
            over: false,
            job: Job::default(),
        });
        self.calls[call].running.push(attempt);
        self.calls[call].tried.push(place);
        self.tell(|| format!("call {call} attempt {attempt} at {}/{instance}", lane.service));
        self.send(attempt);
    }

    /// Sends an attempt on its slot's connection, or lets it wait for one.
    pub(super) fn send(&mut self, attempt: usize) {
        let Attempt { lane, place, instance, over, .. } = self.attempts[attempt];
        if over {
            return;
        }
        let now = self.now;
        let slot = self.slot(lane, place);
        let Connection::Open { token, epoch, heard, streams } = &mut slot.connection else {
            slot.waiting.push(attempt);
            self.grow(lane, place);
            return;
        };
        if streams.is_empty() {
            *heard = now;
        }
        streams.push(attempt);
        let (token, epoch) = (*token, *epoch);
        self.attempts[attempt].connection = token;
        self.attempts[attempt].epoch = epoch;
        let Some(hop) = self.hop(lane.gateway, lane.service, instance) else { return };
        if self.breaks() {
            self.agenda.enter(now + hop, Event::Lost { lane, place, token });
        } else {
            self.agenda.enter(now + hop, Event::Reach { attempt });
        }
    }

    /// The connection that an attempt waited for could not be opened.
    pub(super) fn never_left(&mut self, attempt: usize) {
        if self.attempts[attempt].over {
            return;
        }
        self.attempts[attempt].entry = None;
        if let Some(grant) = self.attempts[attempt].grant.take() {
            let _ = grant.settle(Some(0));
        }
        self.close(attempt, Outcome::Cancelled, false);
        self.attempt_ended(attempt, Code::ConnectFailed, Ended::NeverLeft);
    }

    /// An attempt was answered, or its connection broke.
    pub(super) fn reply(&mut self, attempt: usize, answer: Answer, spent: u32) {
        if self.attempts[attempt].over {
            return;
        }
        let (now, lane, place) = (self.now, self.attempts[attempt].lane, self.attempts[attempt].place);
        let connection = self.attempts[attempt].connection;
        if let Connection::Open { token, heard, .. } = &mut self.slot(lane, place).connection
            && *token == connection
        {
            *heard = now;
        }
        if answer != Answer::Reset {
            self.settle(attempt, spent);
        }
        let (code, ended) = match answer {
            Answer::Ok => (Code::Ok, Ended::Final),
            Answer::Unavailable => (Code::ServiceUnavailable, Ended::Failed(Pushback::None)),
            Answer::NotRun => (Code::ServiceUnavailable, Ended::NotRun(Pushback::None)),
            Answer::Reset => (Code::ConnectionLost, Ended::Failed(Pushback::None)),
        };
        let outcome = match answer {
            Answer::Ok => Outcome::Ok,
            Answer::NotRun => Outcome::Refused,
            Answer::Unavailable | Answer::Reset => Outcome::Failed,
        };
        self.close(attempt, outcome, true);
        if answer == Answer::Ok {
            self.calls[self.attempts[attempt].call].answered = Some(self.attempts[attempt].began);
        }
        self.learn(attempt, answer == Answer::Ok);
        self.attempt_ended(attempt, code, ended);
    }

    /// What an attempt's tree did not spend comes back.
    fn settle(&mut self, attempt: usize, said: u32) {
        let Attempt { grant, entry, .. } = &mut self.attempts[attempt];
        let Some(grant) = grant.take() else { return };
        let amount = grant.amount();
        let taken = entry.take().map_or(0, |entry| amount.saturating_sub(entry.close()));
        if grant.settle(Some(said + taken)).is_err() {
            self.finding("allowance", &format!("attempt {attempt} reports {said} of {amount}"));
        }
    }

    /// An attempt is given up: another one won, its caller is gone, or its time is over.
    pub(super) fn give_up(&mut self, attempt: usize, late: bool) {
        if self.attempts[attempt].over {
            return;
        }
        let lane = self.attempts[attempt].lane;
        let typical = self.typical(lane);
        let took = self.now - self.attempts[attempt].began;
        self.learn(attempt, false);
        let took = Duration::from_nanos(took);
        let won = self.calls[self.attempts[attempt].call].answered;
        let won_in = won.map(|began| Duration::from_nanos(self.now - began));
        let outcome = Outcome::of_given_up(took, typical, won_in, late);
        self.close(attempt, outcome, outcome == Outcome::Failed);
        // Whatever its tree may still spend is spent.
        self.attempts[attempt].grant = None;
        self.attempts[attempt].entry = None;
        let instance = self.attempts[attempt].instance;
        if self.attempts[attempt].connection > 0
            && let Some(hop) = self.hop(lane.gateway, lane.service, instance)
        {
            self.agenda.enter(self.now + hop, Event::Cancel { attempt });
        }
    }

    /// The end of an attempt for everybody who learns from attempts; `votes` where the instance showed something.
    fn close(&mut self, attempt: usize, outcome: Outcome, votes: bool) {
        self.attempts[attempt].over = true;
        let Attempt { call, lane, place, instance, began, connection, .. } = self.attempts[attempt];
        let now = self.moment();
        let latency = Duration::from_nanos(self.now - began);
        self.calls[call].running.retain(|other| *other != attempt);
        let of = &mut self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service];
        let slot = &mut of.slots[place];
        match &mut slot.connection {
            Connection::Open { token, streams, .. } if *token == connection => {
                streams.retain(|other| *other != attempt);
            }
            _ => slot.waiting.retain(|other| *other != attempt),
        }
        let local = place < of.local;
        of.balancer.ended(&mut slot.load.borrow_mut(), local, now, Observation { latency, outcome });
        if matches!(outcome, Outcome::Cancelled | Outcome::Refused) {
            return;
        }
        let failed = outcome == Outcome::Failed;
        let rules = self.rules.ejection;
        let state = self.instance_state(lane, instance);
        state.total.record(latency, failed);
        if !votes {
            return;
        }
        if !failed {
            state.vote.succeeded();
        } else if let Some(failures) = state.vote.failed(&rules) {
            self.eject(lane.gateway, lane.service, instance, Cause::Consecutive { failures });
        }
    }

    /// Follows how long a method takes until it is `answered`, where it asks for a second attempt.
    fn learn(&mut self, attempt: usize, answered: bool) {
        let Attempt { call, lane, began, .. } = self.attempts[attempt];
        if !self.calls[call].hedged {
            return;
        }
        let (method, now, rules) = (self.calls[call].method, self.moment(), self.rules.hedge);
        let delays = &mut self.gateways[lane.gateway].threads[lane.thread].lanes[lane.service].delays;
        if delays.len() <= method {
            delays.resize_with(method + 1, || None);
        }
        let delay = delays[method].get_or_insert_with(|| DelayEstimate::new(&rules));
        if answered {
            delay.record(now, now.nanos() - began);
        } else {
            delay.cut_short(now, now.nanos() - began);
        }
    }

    /// The instance's answer leaves for the gateway.
    pub(super) fn answer(&mut self, attempt: usize, answer: Answer) {
        let Attempt { lane, place, instance, connection, .. } = self.attempts[attempt];
        let spent = self.attempts[attempt].job.allowance.take().map_or(0, |allowance| allowance.close());
        self.attempts[attempt].job.stage = Stage::Over;
        let Some(hop) = self.hop(lane.gateway, lane.service, instance) else { return };
        if self.breaks() {
            self.agenda.enter(self.now + hop, Event::Lost { lane, place, token: connection });
        } else {
            self.agenda.enter(self.now + hop, Event::Reply { attempt, answer, spent });
        }
    }
}
