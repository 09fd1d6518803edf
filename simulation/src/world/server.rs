//! One instance: admission, k slots, a FIFO queue before them, and what its faults make of that.

use super::World;
use super::state::{Server, Stage};
use crate::event::{Answer, Event};
use crate::plan::{FRONT, MS, SECOND, Service};
use std::collections::VecDeque;
use std::time::Duration;
use tenet_resilience::allowance;
use tenet_resilience::limit::{LimitRules, Limiter, Outcome, Sample};

/// How long a call takes that fails at once.
const FAST: u64 = MS / 5;

/// The instances of a service as they start.
pub fn of(service: &Service) -> Vec<Server> {
    let server = |zone: &u16| Server {
        zone: *zone,
        slots: service.slots,
        up: true,
        silent: false,
        epoch: 1,
        frozen: (0, 0),
        slow: 1.0,
        errors: 0.0,
        black_hole: None,
        busy: 0,
        queue: VecDeque::new(),
        jobs: Vec::new(),
        limiter: Limiter::new(&LimitRules::default()),
        reached: Vec::new(),
    };
    service.instances.iter().map(server).collect()
}

impl World {
    fn server(&mut self, attempt: usize) -> &mut Server {
        let (lane, instance) = (self.attempts[attempt].lane, self.attempts[attempt].instance);
        &mut self.servers[lane.service][instance]
    }

    /// An attempt's bytes arrive.
    pub(super) fn reach(&mut self, attempt: usize) {
        let (lane, place) = (self.attempts[attempt].lane, self.attempts[attempt].place);
        let (epoch, token) = (self.attempts[attempt].epoch, self.attempts[attempt].connection);
        let now = self.now;
        let server = self.server(attempt);
        if server.silent {
            return;
        }
        if !server.up || server.epoch != epoch {
            // The host knows no such connection.
            let instance = self.attempts[attempt].instance;
            if let Some(hop) = self.hop(lane.gateway, lane.service, instance) {
                self.agenda.enter(now + hop, Event::Lost { lane, place, token });
            }
            return;
        }
        if server.frozen.1 > now {
            let until = server.frozen.1;
            self.agenda.enter(until, Event::Reach { attempt });
            return;
        }
        if self.attempts[attempt].job.stage == Stage::Over {
            return;
        }
        self.count_reached(attempt);
        let server = self.server(attempt);
        server.jobs.push(attempt);
        if server.black_hole.is_some() {
            self.attempts[attempt].job.stage = Stage::Swallowed;
            return;
        }
        let errors = server.errors;
        let priority = self.calls[self.attempts[attempt].call].priority;
        if self.server(attempt).limiter.try_acquire(priority).is_err() {
            self.drop_job(attempt);
            self.answer(attempt, Answer::NotRun);
            return;
        }
        self.attempts[attempt].job.admitted = now;
        if self.dice.chance(errors) {
            self.attempts[attempt].job.failed = true;
            self.attempts[attempt].job.stage = Stage::Calling;
            self.attempts[attempt].job.ends = now + FAST;
            self.agenda.enter(now + FAST, Event::Worked { attempt, ends: now + FAST });
            return;
        }
        self.attempts[attempt].job.stage = Stage::Queued;
        self.server(attempt).queue.push_back(attempt);
        self.work(lane.service, self.attempts[attempt].instance);
    }

    /// What is counted of an attempt that has arrived, and the ceiling of its tree.
    fn count_reached(&mut self, attempt: usize) {
        let second = (self.now / SECOND) as usize;
        let server = self.server(attempt);
        if server.reached.len() <= second {
            server.reached.resize(second + 1, 0);
        }
        server.reached[second] += 1;
        let call = &mut self.calls[self.attempts[attempt].call];
        call.reached += 1;
        if call.reached > 1 {
            let request = call.request;
            self.requests[request].extra += 1;
            let extra = self.requests[request].extra;
            if extra > allowance::DEFAULT {
                let text = format!("request {request} made {extra} extra attempts of {}", allowance::DEFAULT);
                self.finding("amplification", &text);
            }
        }
    }

    /// Free slots take what waits.
    fn work(&mut self, service: usize, instance: usize) {
        let work = self.plan.services[service].work;
        loop {
            let server = &mut self.servers[service][instance];
            if server.busy >= server.slots {
                return;
            }
            let Some(attempt) = server.queue.pop_front() else { return };
            if self.attempts[attempt].job.stage != Stage::Queued {
                continue;
            }
            server.busy += 1;
            let takes = work.roll(&mut self.dice) * server.slow;
            let ends = self.now + takes as u64;
            let job = &mut self.attempts[attempt].job;
            job.stage = Stage::Working;
            job.ends = ends;
            self.agenda.enter(ends, Event::Worked { attempt, ends });
        }
    }

    /// A slot is done with an attempt; calls below follow, or the answer.
    pub(super) fn worked(&mut self, attempt: usize, ends: u64) {
        let now = self.now;
        let (frozen_at, until) = self.server(attempt).frozen;
        let job = &mut self.attempts[attempt].job;
        if job.ends != ends || !matches!(job.stage, Stage::Working | Stage::Calling) {
            return;
        }
        if until > now {
            // What was left to do when the process stopped is done after it goes on.
            let ends = until + (now - frozen_at.min(now)).min(until - frozen_at);
            job.ends = ends;
            self.agenda.enter(ends, Event::Worked { attempt, ends });
            return;
        }
        if job.failed {
            self.finish(attempt, Answer::Unavailable);
            return;
        }
        let (service, instance) = (self.attempts[attempt].lane.service, self.attempts[attempt].instance);
        self.servers[service][instance].busy -= 1;
        let method = self.plan.methods[self.calls[self.attempts[attempt].call].method];
        if service == FRONT && method.children > 0 {
            self.begin_children(attempt, method.children, method.parallel);
        } else {
            self.finish(attempt, Answer::Ok);
        }
        self.work(service, instance);
    }

    /// The job is done: its place in the admission becomes free, its answer leaves.
    pub(super) fn finish(&mut self, attempt: usize, answer: Answer) {
        let (now, admitted) = (self.moment(), self.attempts[attempt].job.admitted);
        let latency = Duration::from_nanos(self.now - admitted);
        let outcome = if answer == Answer::Ok { Outcome::Ok } else { Outcome::Ignore };
        self.server(attempt).limiter.release(now, Sample { latency, outcome });
        self.drop_job(attempt);
        self.answer(attempt, answer);
    }

    fn drop_job(&mut self, attempt: usize) {
        self.server(attempt).jobs.retain(|other| *other != attempt);
    }

    /// The caller gave an attempt up: what it held becomes free.
    pub(super) fn cancel_job(&mut self, attempt: usize) {
        let (now, stage) = (self.moment(), self.attempts[attempt].job.stage);
        self.attempts[attempt].job.stage = Stage::Over;
        if matches!(stage, Stage::Over | Stage::OnTheWay) {
            return;
        }
        self.drop_job(attempt);
        if stage != Stage::Swallowed {
            let outcome = if now.nanos() >= self.calls[self.attempts[attempt].call].deadline {
                Outcome::Dropped
            } else {
                Outcome::Ignore
            };
            self.server(attempt).limiter.release(now, Sample { latency: Duration::ZERO, outcome });
        }
        self.cancel_children(attempt);
        if stage == Stage::Working {
            let (service, instance) = (self.attempts[attempt].lane.service, self.attempts[attempt].instance);
            self.servers[service][instance].busy -= 1;
            self.work(service, instance);
        }
    }

    /// The deadline that came with a job is over.
    pub(super) fn expired(&mut self, attempt: usize) {
        self.cancel_job(attempt);
    }
}
