//! Health checks as `tenet-upstream` makes them: each process asks each instance, quickly while it is in doubt.

use super::World;
use crate::event::Event;
use tenet_resilience::health::{Checked, Turn, first_pause};

impl World {
    /// The first check of an instance is entered.
    pub(super) fn follow(&mut self, gateway: usize, life: u32, service: usize, instance: usize) {
        let pause = first_pause(&self.rules.health, self.dice.next());
        self.agenda
            .enter(self.now + pause.as_nanos() as u64, Event::Check { gateway, life, service, instance });
    }

    /// A check begins.
    pub(super) fn check(&mut self, gateway: usize, life: u32, service: usize, instance: usize) {
        if !self.lives(gateway, life) {
            return;
        }
        let server = &self.servers[service][instance];
        let timeout = self.rules.health.timeout.as_nanos() as u64;
        let answers = server.black_hole != Some(false);
        let refused = !server.up && !server.silent;
        let frozen_for = server.frozen.1.saturating_sub(self.now);
        let there = self.hop(gateway, service, instance);
        let (passed, after) = match there {
            Some(hop) if refused => (false, 2 * hop),
            Some(hop)
                if server_answers(answers, &self.servers[service][instance])
                    && frozen_for + 2 * hop < timeout =>
            {
                (true, frozen_for + 2 * hop)
            }
            _ => (false, timeout),
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
        let (rules, random) = (self.rules.health, self.dice.next());
        let state = &mut self.gateways[gateway].services[service].instances[instance];
        let turn = state.standing.observe(if passed { Checked::Passed } else { Checked::Failed }, &rules);
        let pause = state.standing.pause(&rules, random);
        if let Some(turn) = turn {
            let unhealthy = turn != Turn::Healthy;
            state.unhealthy = unhealthy;
            self.noticed(gateway, service, instance, if unhealthy { "unhealthy" } else { "healthy" });
            if !unhealthy {
                self.renew(gateway, service, instance);
            }
        }
        self.agenda
            .enter(self.now + pause.as_nanos() as u64, Event::Check { gateway, life, service, instance });
    }
}

fn server_answers(answers: bool, server: &super::state::Server) -> bool {
    answers && server.up && !server.silent
}
