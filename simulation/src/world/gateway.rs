//! A gateway process as it starts: knowing nothing, with the platform's own default rules.

use super::World;
use super::state::{Connection, Gateway, InstanceState, Lane, ServiceState, Slot, Thread};
use crate::event::Event;
use crate::plan::{MS, Plan, SECOND, Service, THREADS};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use tenet_resilience::Moment;
use tenet_resilience::allowance::Ledger;
use tenet_resilience::balance::{BalanceRules, Balancer};
use tenet_resilience::budget::{BudgetRules, RetryBudget};
use tenet_resilience::call::CallRules;
use tenet_resilience::delay::DelayRules;
use tenet_resilience::eject::{Ejection, EjectionRules, Interval, Judge};
use tenet_resilience::ewma::Load;
use tenet_resilience::health::{HealthRules, Standing};
use tenet_resilience::limit::{LimitRules, Limiter};
use tenet_resilience::queue::{QueueRules, WaitQueue};

/// How often a process judges its instances at most.
pub(super) const JUDGE_PAUSE: u64 = 100 * MS;

/// What `[resilience]` of `tenet.toml` holds by default.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// When an attempt is followed by another.
    pub call: CallRules,
    /// What repetitions are paid from.
    pub budget: BudgetRules,
    /// When a second attempt begins.
    pub hedge: DelayRules,
    /// Which instance is called.
    pub balance: BalanceRules,
    /// Which instance is left out.
    pub ejection: EjectionRules,
    /// How instances are checked.
    pub health: HealthRules,
    /// How many calls there may be at once.
    pub limit: LimitRules,
    /// Who waits.
    pub queue: QueueRules,
}

impl Gateway {
    /// A process in `zone`, in its `life`th life.
    pub(super) fn new(plan: &Plan, rules: &Rules, zone: u16, life: u32, now: Moment) -> Gateway {
        let thread =
            || Thread { lanes: plan.services.iter().map(|service| lane(service, rules, zone)).collect() };
        Gateway {
            zone,
            up: true,
            life,
            services: plan.services.iter().map(|service| service_state(service, rules, now)).collect(),
            threads: (0..THREADS).map(|_| thread()).collect(),
            ledger: Arc::new(Ledger::new()),
            calls: Vec::new(),
        }
    }
}

fn service_state(service: &Service, rules: &Rules, now: Moment) -> ServiceState {
    let ejection = Ejection::new();
    let state = || InstanceState {
        failures: 0,
        retry_at: 0,
        probing: false,
        unhealthy: false,
        standing: Standing::new(false),
        vote: ejection.join(),
        total: Interval::default(),
        ejections: 0,
    };
    let instances: Vec<InstanceState> = service.instances.iter().map(|_| state()).collect();
    ServiceState {
        budget: Arc::new(RetryBudget::new(&rules.budget)),
        limiter: Arc::new(Limiter::new(&rules.limit)),
        before: vec![Interval::default(); instances.len()],
        instances,
        ejection,
        judge: Judge::new(),
        judged: now,
        panic: false,
        panic_wrong_since: None,
        deposits: Vec::new(),
        withdrawals: Vec::new(),
    }
}

fn lane(service: &Service, rules: &Rules, zone: u16) -> Lane {
    let mut order: Vec<usize> = (0..service.instances.len()).collect();
    order.sort_by_key(|instance| service.instances[*instance] != zone);
    let slot = || Slot {
        load: RefCell::new(Load::new(1.0, None)),
        was_out: Cell::new(false),
        connection: Connection::None,
        waiting: Vec::new(),
    };
    Lane {
        zones: order.iter().map(|instance| service.instances[*instance]).collect(),
        local: service.instances.iter().filter(|other| **other == zone).count(),
        slots: order.iter().map(|_| slot()).collect(),
        order,
        balancer: Balancer::new(rules.balance),
        delays: Vec::new(),
        room: WaitQueue::new(rules.queue),
        ticks: false,
    }
}

impl World {
    /// Begins what a process does beside its calls.
    pub(super) fn start_gateway(&mut self, gateway: usize) {
        let life = self.gateways[gateway].life;
        // Processes do not start in the same instant.
        let offset = self.dice.between(0, JUDGE_PAUSE);
        self.agenda.enter(self.now + offset, Event::Judge { gateway, life });
        self.agenda.enter(self.now + SECOND + offset, Event::Upkeep { gateway, life });
        for service in 0..self.servers.len() {
            for instance in 0..self.servers[service].len() {
                self.follow(gateway, life, service, instance);
            }
        }
    }

    /// The process dies with all its calls; those who called it and those it called are told by their connections.
    pub(super) fn kill_gateway(&mut self, gateway: usize) {
        if !std::mem::replace(&mut self.gateways[gateway].up, false) {
            return;
        }
        self.tell(|| format!("gateway {gateway} dies"));
        let calls = std::mem::take(&mut self.gateways[gateway].calls);
        for call in calls {
            self.orphan(call);
        }
    }

    /// The process is there again, without memories.
    pub(super) fn revive_gateway(&mut self, gateway: usize) {
        let old = &self.gateways[gateway];
        let (zone, life) = (old.zone, old.life + 1);
        self.gateways[gateway] = Gateway::new(&self.plan, &self.rules, zone, life, self.moment());
        self.tell(|| format!("gateway {gateway} starts"));
        self.start_gateway(gateway);
    }
}
