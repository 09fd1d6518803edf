//! Calls of the front to the back, through a gateway's private door, and the allowance that goes along.

use super::World;
use super::call::Ask;
use super::state::{Caller, Child, Stage};
use crate::event::{Answer, Event, LaneId};
use crate::plan::{BACK, THREADS};
use tenet_error::Code;
use tenet_resilience::allowance::{Allowance, MAX};

impl World {
    /// A job's slot is done with it; it makes its calls.
    pub(super) fn begin_children(&mut self, attempt: usize, children: u32, parallel: bool) {
        let deadline = self.calls[self.attempts[attempt].call].deadline;
        let divides = self.plan.divides;
        let granted = self.attempts[attempt].grant.as_ref().map_or(0, |grant| grant.amount());
        let job = &mut self.attempts[attempt].job;
        job.stage = Stage::Calling;
        job.to_make = children;
        job.allowance = divides.then(|| Allowance::new(granted));
        self.agenda.enter(deadline.max(self.now), Event::Expired { attempt });
        for _ in 0..if parallel { children } else { 1 } {
            self.make_child(attempt);
        }
    }

    /// One call of a job: to a gateway in its own zone, else to any.
    fn make_child(&mut self, attempt: usize) {
        let lane = self.attempts[attempt].lane;
        let zone = self.servers[lane.service][self.attempts[attempt].instance].zone;
        let up: Vec<usize> = (0..self.gateways.len()).filter(|gateway| self.gateways[*gateway].up).collect();
        let near: Vec<usize> =
            up.iter().copied().filter(|gateway| self.gateways[*gateway].zone == zone).collect();
        let from = if near.is_empty() { &up } else { &near };
        let Some(gateway) = from.get(self.dice.below(from.len())).copied() else {
            self.attempts[attempt].job.to_make = 0;
            self.finish(attempt, Answer::Unavailable);
            return;
        };
        let job = &mut self.attempts[attempt].job;
        job.to_make -= 1;
        let grant = job.allowance.as_ref().map(Allowance::grant);
        let entry = self.attempts[attempt].entry.as_ref().filter(|_| grant.is_none());
        let shown = entry.map(|entry| (lane.gateway, lane.life, entry.id()));
        let child = self.children.len();
        let life = self.gateways[gateway].life;
        self.children.push(Child { parent: attempt, gateway, life, grant, shown, call: None, over: false });
        self.attempts[attempt].job.children.push(child);
        let instance = self.attempts[attempt].instance;
        if let Some(hop) = self.hop(gateway, lane.service, instance) {
            self.agenda.enter(self.now + hop, Event::Child { child });
        }
    }

    /// A call arrives at the private door.
    pub(super) fn child(&mut self, child: usize) {
        let Child { parent, gateway, life, over, shown, .. } = self.children[child];
        if over {
            return;
        }
        if !self.lives(gateway, life) {
            self.send_to_parent(child, false, None);
            return;
        }
        let parent_call = self.attempts[parent].call;
        let of = &self.calls[parent_call];
        let (deadline, request, method, idempotent) = (of.deadline, of.request, of.method, of.idempotent);
        if deadline <= self.now {
            return;
        }
        let priority = of.priority;
        let (allowance, shared) = match (&self.children[child].grant, shown) {
            (Some(grant), _) => (Allowance::new(grant.amount()), None),
            (None, Some((owner, owner_life, id))) if (owner, owner_life) == (gateway, life) => {
                let taken = self.gateways[gateway].ledger.take(id, MAX);
                (Allowance::new(taken), Some((id, taken)))
            }
            _ => (Allowance::new(0), None),
        };
        let lane = LaneId { gateway, life, thread: self.dice.below(THREADS), service: BACK };
        let caller = Caller::Child(child);
        let ask = Ask {
            lane,
            caller,
            request,
            method,
            idempotent,
            hedged: false,
            priority,
            deadline,
            allowance,
            shared,
        };
        // The call may end within this, before its number is known here.
        self.children[child].call = Some(self.calls.len());
        self.begin_call(ask);
    }

    /// A call's tree ends: what it may no longer spend goes back to where it was taken; what it spent.
    pub(super) fn end_tree(&mut self, call: usize) -> u32 {
        let spent = self.calls[call].allowance.close();
        let lane = self.calls[call].lane;
        if let Some((id, taken)) = self.calls[call].shared {
            self.gateways[lane.gateway].ledger.put_back(id, taken.saturating_sub(spent));
        }
        spent
    }

    /// A child call ended at its gateway.
    pub(super) fn answer_child(&mut self, child: usize, code: Code, spent: u32) {
        self.send_to_parent(child, code == Code::Ok, Some(spent));
    }

    /// An answer, or a reset, on its way back to the front.
    pub(super) fn send_to_parent(&mut self, child: usize, ok: bool, spent: Option<u32>) {
        let Child { parent, gateway, .. } = self.children[child];
        let (service, instance) = (self.attempts[parent].lane.service, self.attempts[parent].instance);
        if let Some(hop) = self.hop(gateway, service, instance) {
            self.agenda.enter(self.now + hop, Event::ChildAnswer { child, ok, spent });
        }
    }

    /// It arrives there: the next call, or the job's answer.
    pub(super) fn child_answer(&mut self, child: usize, ok: bool, spent: Option<u32>) {
        if std::mem::replace(&mut self.children[child].over, true) {
            return;
        }
        let attempt = self.children[child].parent;
        let (service, instance) = (self.attempts[attempt].lane.service, self.attempts[attempt].instance);
        let server = &self.servers[service][instance];
        if !server.up || self.attempts[attempt].job.stage != Stage::Calling {
            return;
        }
        if server.frozen.1 > self.now {
            self.children[child].over = false;
            self.agenda.enter(server.frozen.1, Event::ChildAnswer { child, ok, spent });
            return;
        }
        if let Some(grant) = self.children[child].grant.take()
            && grant.settle(spent).is_err()
        {
            self.finding("allowance", &format!("child {child} reports {spent:?}"));
        }
        let job = &mut self.attempts[attempt].job;
        job.children.retain(|other| *other != child);
        if !ok {
            self.cancel_children(attempt);
            self.finish(attempt, Answer::Unavailable);
        } else if job.to_make > 0 {
            self.make_child(attempt);
        } else if job.children.is_empty() {
            self.finish(attempt, Answer::Ok);
        }
    }

    /// What a job called is not wanted any more.
    pub(super) fn cancel_children(&mut self, attempt: usize) {
        for child in std::mem::take(&mut self.attempts[attempt].job.children) {
            self.children[child].over = true;
            let Child { gateway, life, call, .. } = self.children[child];
            let (service, instance) = (self.attempts[attempt].lane.service, self.attempts[attempt].instance);
            if let Some(call) = call
                && self.lives(gateway, life)
                && let Some(hop) = self.hop(gateway, service, instance)
            {
                self.agenda.enter(self.now + hop, Event::ChildCancel { call });
            }
        }
    }
}
