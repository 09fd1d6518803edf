//! Once an interval: every instance beside the others of its service, and those given back whose ejection is over.

use super::World;
use super::gateway::JUDGE_PAUSE;
use super::state::ServiceState;
use crate::event::Event;
use tenet_resilience::Moment;
use tenet_resilience::balance::is_panic;
use tenet_resilience::eject::{Cause, Exempt, Tally};

impl World {
    /// A process judges what is due.
    pub(super) fn judge(&mut self, gateway: usize, life: u32) {
        if !self.lives(gateway, life) {
            return;
        }
        let (now, rules) = (self.moment(), self.rules.ejection);
        for service in 0..self.servers.len() {
            self.keep_up(gateway, service);
            let of = &mut self.gateways[gateway].services[service];
            if now < of.judged {
                continue;
            }
            of.judged = now.plus(rules.interval);
            let tallies = tallies(of, now);
            for verdict in of.judge.judge(&tallies, &rules) {
                self.eject(gateway, service, verdict.instance as usize, verdict.cause);
            }
        }
        self.agenda.enter(self.now + JUDGE_PAUSE, Event::Judge { gateway, life });
    }

    fn keep_up(&mut self, gateway: usize, service: usize) {
        let (now, rules) = (self.moment(), self.rules.ejection);
        let of = &self.gateways[gateway].services[service];
        let votes: Vec<_> = of.instances.iter().map(|state| &state.vote).collect();
        let mut returned = Vec::new();
        of.ejection.upkeep(&votes, now, &rules, |index| returned.push(index));
        for instance in returned {
            self.noticed(gateway, service, instance, "returned");
        }
        self.reckon(gateway, service);
    }

    /// Leaves an instance out, where the cap lets it.
    pub(super) fn eject(&mut self, gateway: usize, service: usize, instance: usize, cause: Cause) {
        let (now, rules) = (self.moment(), self.rules.ejection);
        let of = &mut self.gateways[gateway].services[service];
        if of.ejection.try_eject(&of.instances[instance].vote, now, &rules).is_none() {
            return;
        }
        of.instances[instance].ejections += 1;
        self.ejections += 1;
        self.tell(|| format!("gateway {gateway} ejects {service}/{instance}: {cause}"));
        self.noticed(gateway, service, instance, "ejected");
        self.cap_holds(gateway, service);
        self.reckon(gateway, service);
    }

    /// The ejected never pass the cap, and are never all.
    pub(super) fn cap_holds(&mut self, gateway: usize, service: usize) {
        let now = self.moment();
        let of = &self.gateways[gateway].services[service];
        let out = of.instances.iter().filter(|state| state.vote.is_ejected(now)).count();
        let (all, cap) = (of.instances.len(), self.rules.ejection.cap(of.instances.len() as u32) as usize);
        if out > cap || out == all {
            self.finding(
                "ejection cap",
                &format!("{out} of {all} at gateway {gateway}/{service}, cap {cap}"),
            );
        }
    }

    /// Whether so few are usable that all are used.
    fn reckon(&mut self, gateway: usize, service: usize) {
        let percent = self.rules.ejection.panic_percent;
        let now = self.moment();
        let of = &mut self.gateways[gateway].services[service];
        let on = is_panic(of.usable(now), of.instances.len(), percent);
        if std::mem::replace(&mut of.panic, on) != on {
            self.panics += u32::from(on);
            self.tell(|| format!("gateway {gateway} panic of {service}: {on}"));
        }
    }
}

impl ServiceState {
    /// How many instances calls are sent to, if they can be connected to.
    pub(super) fn usable(&self, now: Moment) -> usize {
        let usable = |state: &&super::state::InstanceState| {
            state.failures == 0 && !state.unhealthy && !state.vote.is_ejected(now)
        };
        self.instances.iter().filter(usable).count()
    }
}

/// What each instance did since it was last asked.
fn tallies(of: &mut ServiceState, now: Moment) -> Vec<Tally> {
    let mut tallies = Vec::with_capacity(of.instances.len());
    for (instance, (state, before)) in of.instances.iter().zip(&mut of.before).enumerate() {
        let mut interval = state.total;
        interval -= *before;
        *before = state.total;
        let exempt = if state.vote.is_ejected(now) { Exempt::All } else { Exempt::Nothing };
        tallies.push(Tally { instance: instance as u64, interval, exempt });
    }
    tallies
}
