//! Once an interval: every instance beside the others of its service, and those given back whose ejection is over.

use crate::service::ServiceState;
use crate::shared::Shared;
use std::collections::HashMap;
use tenet_resilience::Moment;
use tenet_resilience::eject::{Exempt, Interval, Judge, Tally};

/// What one process remembers of its instances from one interval to the next. Belongs to one task.
#[derive(Debug, Default)]
pub struct Judgement {
    services: HashMap<usize, OfService>,
}

#[derive(Debug, Default)]
struct OfService {
    judge: Judge,
    /// What each instance had done when it was last asked.
    before: HashMap<u64, Interval>,
    due: Moment,
}

impl Judgement {
    /// Without memories.
    pub fn new() -> Judgement {
        Judgement::default()
    }

    /// Judges what is due. To be called often enough for the shortest interval of any service, from one place beside the data plane.
    pub fn pass(&mut self, shared: &Shared) {
        let now = shared.now();
        let services = shared.services();
        self.services.retain(|number, _| services.iter().any(|service| service.number == *number));
        for service in services {
            let of = self.services.entry(service.number).or_default();
            service.keep_up_ejection(now, shared);
            if now >= of.due {
                // From when it was due and not from now: passes come less often than any time falls due, and would add up.
                let interval = service.live().rules.ejection.interval;
                let next = of.due.plus(interval);
                of.due = if next > now { next } else { now.plus(interval) };
                of.pass(&service, now, shared);
            }
        }
    }
}

impl OfService {
    fn pass(&mut self, service: &ServiceState, now: Moment, shared: &Shared) {
        let instances = service.instances();
        let rules = &service.live().rules;
        let mut before = std::mem::take(&mut self.before);
        let mut tallies = Vec::with_capacity(instances.len());
        for state in instances.iter() {
            let total = state.total();
            let mut interval = total;
            interval -= before.remove(&state.number).unwrap_or_default();
            self.before.insert(state.number, total);
            let warm_from = state.warm_from();
            let warming = warm_from > Moment::START && now.since(warm_from) < rules.balance.load.slow_start;
            let exempt = match (state.vote.is_ejected(now), warming) {
                (true, _) => Exempt::All,
                (false, true) => Exempt::Latency,
                (false, false) => Exempt::Nothing,
            };
            tallies.push(Tally { instance: state.number, interval, exempt });
        }
        for verdict in self.judge.judge(&tallies, &rules.ejection) {
            if let Some(state) = instances.iter().find(|state| state.number == verdict.instance) {
                service.eject(state, verdict.cause, shared);
            }
        }
    }
}
