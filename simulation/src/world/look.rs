//! Looks at everything now and then: bounds that hold at every moment, and whether the fleet is sound again.

use super::call::count;
use super::gateway::JUDGE_PAUSE;
use super::{AFTER, BEFORE, RECOVERY, SETTLED_MOST, WARM, World};
use crate::event::Event;
use crate::plan::{MS, SECOND};
use tenet_resilience::balance::is_panic;

/// How often.
const PAUSE: u64 = 50 * MS;
/// Panic follows its rule with each pass of the judge, this late at most.
const PANIC_LATE: u64 = 2 * JUDGE_PAUSE;

impl World {
    /// Bounds, and the end of the run.
    pub(super) fn look(&mut self) {
        if self.trace && self.now % SECOND < PAUSE {
            self.show();
        }
        let mut sound = true;
        for gateway in 0..self.gateways.len() {
            if !self.gateways[gateway].up {
                sound = false;
                continue;
            }
            for service in 0..self.servers.len() {
                self.cap_holds(gateway, service);
                sound &= self.is_sound(gateway, service);
            }
        }
        self.sound_since = if sound { self.sound_since.or(Some(self.now)) } else { None };
        self.settle_down();
        if self.now < self.ends {
            self.agenda.enter(self.now + PAUSE, Event::Look);
        }
    }

    /// Whether a gateway leaves nobody out; and its panic follows its rule.
    fn is_sound(&mut self, gateway: usize, service: usize) -> bool {
        let (now, percent) = (self.moment(), self.rules.ejection.panic_percent);
        let of = &self.gateways[gateway].services[service];
        let permits: u64 = self.gateways[gateway]
            .calls
            .iter()
            .filter(|call| self.calls[**call].permit && self.calls[**call].lane.service == service)
            .count() as u64;
        let in_flight = of.limiter.in_flight();
        let (usable, all) = (of.usable(now), of.instances.len());
        let text = format!("gateway {gateway}/{service} counts {in_flight}, {permits} are in flight");
        let wrong = of.panic != is_panic(usable, all, percent);
        let since = if wrong { Some(of.panic_wrong_since.unwrap_or(self.now)) } else { None };
        let wrong_panic = since.is_some_and(|since| self.now - since > PANIC_LATE);
        self.gateways[gateway].services[service].panic_wrong_since = since;
        if in_flight != permits {
            self.finding("in flight", &text);
        }
        if wrong_panic {
            self.finding("panic", &format!("gateway {gateway}/{service} with {usable} of {all}"));
        }
        usable == all
    }

    /// Each second of a trace: what bounds and shares have come to.
    fn show(&self) {
        for (number, gateway) in self.gateways.iter().enumerate().filter(|(_, gateway)| gateway.up) {
            for (service, of) in gateway.services.iter().enumerate() {
                let lanes = gateway.threads.iter().map(|thread| &thread.lanes[service]);
                let away: Vec<f64> = lanes.map(|lane| lane.balancer.spill().share()).collect();
                let (limit, in_flight, base) =
                    (of.limiter.limit(), of.limiter.in_flight(), of.limiter.base());
                self.tell(|| {
                    format!("gateway {number}/{service}: {in_flight} of {limit} in flight, base {base:?}, away {away:.2?}")
                });
            }
        }
        for (service, servers) in self.servers.iter().enumerate() {
            let queues: Vec<_> = servers
                .iter()
                .map(|server| (server.busy, server.queue.len(), server.limiter.limit()))
                .collect();
            self.tell(|| format!("service {service}: busy, waiting, limit of each {queues:?}"));
        }
    }

    /// Decides when the fleet is measured again after its faults, and when the run ends.
    fn settle_down(&mut self) {
        if self.settled.is_some() {
            return;
        }
        let Some(last) = self.faults.iter().map(|fault| fault.to).max() else {
            if self.now >= WARM + BEFORE {
                self.settled = Some(self.now);
                self.ends = self.now + AFTER;
            }
            return;
        };
        let slow_start = self.rules.balance.load.slow_start.as_nanos() as u64;
        let sound = self.sound_since.is_some_and(|since| self.now - since >= slow_start);
        if self.now >= last + RECOVERY && (sound || self.now >= last + SETTLED_MOST) {
            if !sound {
                self.finding("left out for good", "an instance that nothing is wrong with");
            }
            self.settled = Some(self.now);
            self.ends = self.now + AFTER;
        }
    }

    /// A gateway changed its mind of an instance.
    pub(super) fn noticed(&mut self, gateway: usize, service: usize, instance: usize, what: &str) {
        self.tell(|| format!("gateway {gateway}: {service}/{instance} is {what}"));
        if !matches!(what, "ejected" | "unhealthy" | "failing") {
            return;
        }
        for index in self.active.clone() {
            let victims = self.faults[index].kind.victims(&self.plan);
            if victims.contains(&(service, instance)) && self.detected[index].is_none() {
                self.detected[index] = Some(self.now);
            }
        }
    }

    /// What each process withdrew from its budgets keeps to its bound, over every second.
    pub(crate) fn budgets_hold(&mut self) {
        let rules = self.rules.budget;
        let window = rules.window.as_secs() as usize;
        for gateway in 0..self.gateways.len() {
            for service in 0..self.servers.len() {
                let of = &mut self.gateways[gateway].services[service];
                let end = tenet_resilience::Moment::from_nanos(self.now);
                count(&mut of.withdrawals, end, 0);
                count(&mut of.deposits, end, 0);
                let (withdrawals, deposits) = (of.withdrawals.clone(), of.deposits.clone());
                for (second, withdrawn) in withdrawals.iter().enumerate() {
                    let from = second.saturating_sub(window);
                    let deposited: u32 = deposits[from..=second].iter().sum();
                    let floor = rules.floor_per_second as usize * (1 + window);
                    let bound = f64::from(deposited) * f64::from(rules.percent) / 100.0 + floor as f64;
                    if *withdrawn as f64 > bound {
                        let text = format!(
                            "gateway {gateway}/{service} withdrew {withdrawn} of {bound:.0} in second {second}"
                        );
                        self.now = second as u64 * SECOND;
                        self.finding("budget", &text);
                        self.now = end.nanos();
                    }
                }
            }
        }
    }
}
