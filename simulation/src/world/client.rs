//! Clients: an open loop of calls, each over its client's connection to one gateway, and another gateway where that dies.

use super::World;
use super::call::Ask;
use super::network::CLIENT;
use super::state::{Caller, Request};
use crate::event::{Event, LaneId};
use crate::fault::Kind;
use crate::plan::{FRONT, MS, SECOND, THREADS};
use tenet_error::Code;
use tenet_resilience::allowance::{Allowance, DEFAULT};

/// A connection to another gateway, with TLS.
const RECONNECT: u64 = 3 * MS;
/// Load balancers and idle time-outs make a client connect anew about so often.
const STAYS: f64 = 8e9;

impl World {
    /// The next call of the open loop.
    pub(super) fn arrival(&mut self) {
        if self.now >= self.ends {
            return;
        }
        let client = self.dice.below(self.clients.len());
        self.call_of(client);
        let overload = self.active.iter().map(|index| match self.faults[*index].kind {
            Kind::Overload(factor) => factor,
            _ => 1.0,
        });
        let rate = self.plan.rate * overload.fold(1.0, f64::max);
        let gap = self.dice.exponential(1e9 / rate);
        self.agenda.enter(self.now + 1 + gap as u64, Event::Arrival);
    }

    /// One call of a client.
    pub(super) fn call_of(&mut self, client: usize) {
        let method = self.dice.below(self.plan.methods.len());
        let request = self.requests.len();
        self.requests.push(Request {
            client,
            method,
            sent: self.now,
            deadline: self.now + self.plan.methods[method].deadline,
            gateway: 0,
            life: 0,
            again: false,
            call: None,
            ended: None,
            extra: 0,
            retries: 0,
            hedges: 0,
        });
        self.send_request(request);
    }

    fn send_request(&mut self, request: usize) {
        let client = self.requests[request].client;
        let mut after = CLIENT;
        if !self.gateways[self.clients[client]].up {
            after += RECONNECT;
            if !self.reconnect(client) {
                self.agenda.enter(self.now + after, Event::Outcome { request, code: Code::ConnectFailed });
                return;
            }
        }
        let gateway = self.clients[client];
        self.requests[request].gateway = gateway;
        self.requests[request].life = self.gateways[gateway].life;
        self.agenda.enter(self.now + after, Event::Request { request });
    }

    /// Connects a client to some gateway that runs; false where none does.
    fn reconnect(&mut self, client: usize) -> bool {
        let up: Vec<usize> = (0..self.gateways.len()).filter(|gateway| self.gateways[*gateway].up).collect();
        let chosen = up.get(self.dice.below(up.len())).copied();
        self.clients[client] = chosen.unwrap_or(self.clients[client]);
        chosen.is_some()
    }

    pub(super) fn move_later(&mut self, client: usize) {
        let stays = self.dice.exponential(STAYS) as u64;
        self.agenda.enter(self.now + SECOND + stays, Event::Move { client });
    }

    /// A client connects anew.
    pub(super) fn move_client(&mut self, client: usize) {
        self.reconnect(client);
        self.move_later(client);
    }

    /// A request reaches its gateway.
    pub(super) fn request(&mut self, request: usize) {
        let Request { gateway, life, method, deadline, .. } = self.requests[request];
        if !self.lives(gateway, life) {
            self.disappointed(request, false);
            return;
        }
        let method_of = self.plan.methods[method];
        // The gateway counts from when it has the request; a repeated one has what is left.
        let whole = self.now + method_of.deadline;
        let deadline = if self.requests[request].again { deadline.max(self.now) } else { whole };
        let lane = LaneId { gateway, life, thread: self.requests[request].client % THREADS, service: FRONT };
        let ask = Ask {
            lane,
            caller: Caller::Client,
            request,
            method,
            idempotent: method_of.idempotent,
            hedged: method_of.hedged,
            priority: method_of.priority,
            deadline,
            allowance: Allowance::new(DEFAULT),
            shared: None,
        };
        self.requests[request].extra = 0;
        self.requests[request].call = Some(self.calls.len());
        self.begin_call(ask);
    }

    /// A call's outcome leaves for its client.
    pub(super) fn tell_client(&mut self, call: usize, code: Code) {
        let request = self.calls[call].request;
        self.agenda.enter(self.now + CLIENT, Event::Outcome { request, code });
    }

    /// The client has its outcome.
    pub(super) fn outcome(&mut self, request: usize, code: Code) {
        let now = self.now;
        let of = &mut self.requests[request];
        if of.ended.is_some() {
            self.finding("one outcome", &format!("request {request} has a second one: {}", code.name()));
            return;
        }
        of.ended = Some((now, code));
        // To the gateway and back.
        let latest = of.deadline + 2 * CLIENT + RECONNECT;
        if now > latest {
            let late = (now - of.deadline) as f64 / 1e6;
            self.finding("deadline", &format!("request {request} outlives it by {late:.3} ms"));
        }
        if code != Code::Ok {
            self.tell(|| format!("request {request} failed: {}", code.name()));
        }
    }

    /// The gateway died under a request: sent once more where that is harmless, and a failure otherwise.
    fn disappointed(&mut self, request: usize, may_have_run: bool) {
        let of = &mut self.requests[request];
        let method = self.plan.methods[of.method];
        let repeatable = method.idempotent || !may_have_run;
        if repeatable
            && !std::mem::replace(&mut of.again, true)
            && of.deadline > self.now + CLIENT + RECONNECT
        {
            let client = of.client;
            self.reconnect(client);
            self.send_request(request);
        } else {
            self.agenda.enter(self.now, Event::Outcome { request, code: Code::ConnectionLost });
        }
    }

    /// A call's gateway died.
    pub(super) fn orphan(&mut self, call: usize) {
        if std::mem::replace(&mut self.calls[call].over, true) {
            return;
        }
        for attempt in std::mem::take(&mut self.calls[call].running) {
            self.attempts[attempt].over = true;
            self.attempts[attempt].grant = None;
            self.attempts[attempt].entry = None;
            let (lane, instance) = (self.attempts[attempt].lane, self.attempts[attempt].instance);
            if self.attempts[attempt].connection > 0
                && let Some(hop) = self.hop(lane.gateway, lane.service, instance)
            {
                self.agenda.enter(self.now + hop, Event::Cancel { attempt });
            }
        }
        self.calls[call].allowance.close();
        self.calls[call].machine = None;
        match self.calls[call].caller {
            Caller::Client => self.disappointed(self.calls[call].request, true),
            Caller::Child(child) => self.send_to_parent(child, false, None),
        }
    }
}
