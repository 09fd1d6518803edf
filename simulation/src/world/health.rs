//! Health checks as `tenet-upstream` makes them: each process asks each instance, quickly while it is in doubt.

use super::World;
use crate::event::Event;
use crate::plan::{MS, SECOND};

/// Time between two checks whose standing is settled.
const INTERVAL: u64 = 2 * SECOND;
/// A check without an answer by then has failed.
const TIMEOUT: u64 = SECOND;
/// Failed checks in a row that make an instance unhealthy.
const UNHEALTHY_AFTER: u32 = 2;
/// While a verdict is due the next check comes after this part of the time-out.
const DOUBT_PARTS: u64 = 4;
/// First checks are spread over this.
pub const FIRST_SPREAD: u64 = 100 * MS;

/// What the checks of one instance showed.
#[derive(Default)]
pub struct Standing {
    against: u32,
    failed_since: u32,
}

impl Standing {
    /// Takes a result in; the new verdict where it changes.
    fn observe(&mut self, passed: bool, unhealthy: bool) -> Option<bool> {
        self.against = if unhealthy == passed { self.against + 1 } else { 0 };
        if passed && unhealthy {
            *self = Standing::default();
            return Some(false);
        }
        if !passed && unhealthy {
            self.failed_since += 1;
        }
        if !passed && !unhealthy && self.against >= UNHEALTHY_AFTER {
            *self = Standing::default();
            return Some(true);
        }
        None
    }

    fn pause(&self, unhealthy: bool, unit: f64) -> u64 {
        let full = if self.against > 0 {
            TIMEOUT / DOUBT_PARTS
        } else if unhealthy {
            TIMEOUT << self.failed_since.min(16)
        } else {
            INTERVAL
        };
        (full.min(INTERVAL) as f64 * (0.9 + 0.2 * unit)) as u64
    }
}

impl World {
    /// A check begins.
    pub(super) fn check(&mut self, gateway: usize, life: u32, service: usize, instance: usize) {
        if !self.lives(gateway, life) {
            return;
        }
        let server = &self.servers[service][instance];
        let answers = server.black_hole != Some(false);
        let refused = !server.up && !server.silent;
        let frozen_for = server.frozen.1.saturating_sub(self.now);
        let there = self.hop(gateway, service, instance);
        let (passed, after) = match there {
            Some(hop) if refused => (false, 2 * hop),
            Some(hop)
                if server_answers(answers, &self.servers[service][instance])
                    && frozen_for + 2 * hop < TIMEOUT =>
            {
                (true, frozen_for + 2 * hop)
            }
            _ => (false, TIMEOUT),
        };
        self.agenda.enter(self.now + after, Event::Checked { gateway, life, service, instance, passed });
    }

    /// A check ends.
    pub(super) fn checked(
        &mut self,
        gateway: usize,
        life: u32,
        service: usize,
        instance: usize,
        passed: bool,
    ) {
        if !self.lives(gateway, life) {
            return;
        }
        let unit = self.dice.unit();
        let state = &mut self.gateways[gateway].services[service].instances[instance];
        let turn = state.standing.observe(passed, state.unhealthy);
        if let Some(unhealthy) = turn {
            state.unhealthy = unhealthy;
        }
        let pause = state.standing.pause(state.unhealthy, unit);
        if let Some(unhealthy) = turn {
            self.noticed(gateway, service, instance, if unhealthy { "unhealthy" } else { "healthy" });
            if !unhealthy {
                self.renew(gateway, service, instance);
            }
        }
        self.agenda.enter(self.now + pause, Event::Check { gateway, life, service, instance });
    }
}

fn server_answers(answers: bool, server: &super::state::Server) -> bool {
    answers && server.up && !server.silent
}
