//! How faults begin, go on and end.

use super::World;
use super::state::Connection;
use crate::event::{Event, LaneId};
use crate::fault::{Kind, Victim, all, in_zone, pause};
use crate::plan::{MS, SECOND};

/// How long a process takes to start.
const START: u64 = 500 * MS;
/// Longest time down, and up, of an instance that flaps.
const FLAP_MOST: u64 = 3 * SECOND;

impl World {
    /// The next step of a fault: 0 begins it, odd steps of those that go on and off again end a spell, the last is at its end.
    pub(super) fn fault(&mut self, index: usize, step: u32) {
        if step == 0 {
            self.active.push(index);
            self.agenda.enter(self.faults[index].to, Event::Fault { index, step: u32::MAX });
            self.tell(|| format!("begins: {}", self.faults[index]));
        }
        let kind = self.faults[index].kind.clone();
        if step == u32::MAX {
            self.active.retain(|other| *other != index);
            self.tell(|| format!("over: {}", self.faults[index]));
            self.end_fault(kind);
            return;
        }
        if self.now >= self.faults[index].to {
            return;
        }
        self.begin_fault(index, step, kind);
    }

    fn begin_fault(&mut self, index: usize, step: u32, kind: Kind) {
        let next = |world: &mut World, after| {
            world.agenda.enter(world.now + after, Event::Fault { index, step: step + 1 });
        };
        match kind {
            Kind::Crash(victim) => self.crash(victim, false),
            Kind::Rolling => {
                let everybody: Vec<Victim> = all(&self.plan).collect();
                if let Some(before) = step.checked_sub(1).and_then(|n| everybody.get(n as usize)) {
                    self.restart(*before);
                }
                if let Some(victim) = everybody.get(step as usize) {
                    self.crash(*victim, false);
                }
                next(self, START);
            }
            Kind::Slow((service, instance), factor) => self.servers[service][instance].slow = factor,
            Kind::Zones(..) | Kind::Link(..) | Kind::Loss(_) | Kind::Overload(_) => {}
            Kind::BlackHole((service, instance), pings) => {
                self.servers[service][instance].black_hole = Some(pings);
            }
            Kind::Flapping(victim) => {
                if step.is_multiple_of(2) {
                    self.crash(victim, false)
                } else {
                    self.restart(victim)
                }
                let spell = self.dice.between(START, FLAP_MOST);
                next(self, spell);
            }
            Kind::Pauses((service, instance)) => {
                let lasts = pause(&mut self.dice);
                self.servers[service][instance].frozen = (self.now, self.now + lasts);
                next(self, lasts + lasts);
            }
            Kind::ZoneLoss(zone, silent) => {
                in_zone(&self.plan, zone).into_iter().for_each(|victim| self.crash(victim, silent));
                for gateway in 0..self.gateways.len() {
                    // A fleet without any gateway has nothing to show.
                    let others = (0..self.gateways.len()).any(|other| self.gateways[other].zone != zone);
                    if self.gateways[gateway].zone == zone && others {
                        self.kill_gateway(gateway);
                    }
                }
            }
            Kind::BadDeploy(victims, share) => {
                if step == 0 {
                    victims.iter().for_each(|victim| self.crash(*victim, false));
                    next(self, START);
                } else {
                    for victim in victims {
                        self.restart(victim);
                        self.servers[victim.0][victim.1].errors = share;
                    }
                }
            }
            Kind::Herd(each) => {
                for client in 0..self.clients.len() {
                    (0..each).for_each(|_| self.call_of(client));
                }
            }
            Kind::ErrorBurst(share) => {
                self.servers.iter_mut().flatten().for_each(|server| server.errors = share)
            }
        }
    }

    fn end_fault(&mut self, kind: Kind) {
        match kind {
            Kind::Crash(victim) | Kind::Flapping(victim) => self.restart(victim),
            Kind::Rolling => {
                all(&self.plan).collect::<Vec<_>>().into_iter().for_each(|victim| self.restart(victim))
            }
            Kind::Slow((service, instance), _) => self.servers[service][instance].slow = 1.0,
            Kind::BlackHole((service, instance), _) => {
                // Who hung is restarted: nothing of what it swallowed is answered.
                self.servers[service][instance].black_hole = None;
                self.crash((service, instance), false);
                self.restart((service, instance));
            }
            Kind::Pauses((service, instance)) => {
                let frozen = &mut self.servers[service][instance].frozen;
                frozen.1 = frozen.1.min(self.now);
            }
            Kind::ZoneLoss(zone, _) => {
                in_zone(&self.plan, zone).into_iter().for_each(|victim| self.restart(victim));
                let gone =
                    |gateway: &usize| self.gateways[*gateway].zone == zone && !self.gateways[*gateway].up;
                let gone: Vec<usize> = (0..self.gateways.len()).filter(gone).collect();
                gone.into_iter().for_each(|gateway| self.revive_gateway(gateway));
            }
            Kind::BadDeploy(victims, _) => {
                for victim in victims {
                    self.crash(victim, false);
                    self.restart(victim);
                    self.servers[victim.0][victim.1].errors = 0.0;
                }
            }
            Kind::ErrorBurst(_) => self.servers.iter_mut().flatten().for_each(|server| server.errors = 0.0),
            Kind::Zones(..) | Kind::Link(..) | Kind::Loss(_) | Kind::Herd(_) | Kind::Overload(_) => {}
        }
    }

    /// A process dies with its work; its host resets its connections, or is `silent`.
    fn crash(&mut self, (service, instance): Victim, silent: bool) {
        let server = &mut self.servers[service][instance];
        if !std::mem::replace(&mut server.up, false) {
            return;
        }
        server.silent = silent;
        server.busy = 0;
        server.queue.clear();
        server.limiter = tenet_resilience::limit::Limiter::new(&Default::default());
        for attempt in std::mem::take(&mut server.jobs) {
            self.attempts[attempt].job.stage = super::state::Stage::Over;
            self.attempts[attempt].job.allowance = None;
            self.cancel_children(attempt);
        }
        self.tell(|| format!("instance {service}/{instance} dies"));
        if !silent {
            self.reset_connections(service, instance);
        }
    }

    fn reset_connections(&mut self, service: usize, instance: usize) {
        let mut open = Vec::new();
        for (gateway, of) in self.gateways.iter().enumerate().filter(|(_, of)| of.up) {
            for (thread, lanes) in of.threads.iter().enumerate() {
                let lane = &lanes.lanes[service];
                let Some(place) = lane.order.iter().position(|other| *other == instance) else { continue };
                if let Connection::Open { token, .. } = lane.slots[place].connection {
                    open.push((LaneId { gateway, life: of.life, thread, service }, place, token));
                }
            }
        }
        for (lane, place, token) in open {
            if let Some(hop) = self.hop(lane.gateway, service, instance) {
                self.agenda.enter(self.now + hop, Event::Lost { lane, place, token });
            }
        }
    }

    /// The process starts again, empty.
    fn restart(&mut self, (service, instance): Victim) {
        let server = &mut self.servers[service][instance];
        server.silent = false;
        if std::mem::replace(&mut server.up, true) {
            return;
        }
        server.epoch += 1;
        server.frozen = (0, 0);
        self.tell(|| format!("instance {service}/{instance} starts"));
    }
}
