//! One run: a fleet in virtual time, driven event by event over the real policies.
//!
//! ```text
//!   client ──▶ gateway: room ▸ limiter ▸ call ▸ balancer ──▶ slot (connection) ──network──▶ server: k slots, FIFO
//!                 ▲                                                                         │ some calls of the front
//!                 └───────────────────────── private door ◀────────────────────────────────┘ call the back
//! ```
//!
//! Everything a gateway decides, `tenet-resilience` decides; the files here do what `tenet-upstream` and `tenet-gateway` do around
//! it, and what the network and the instances do to it.

mod attempt;
mod call;
mod client;
mod faults;
mod gateway;
mod health;
mod judgement;
mod lane;
mod look;
mod network;
mod room;
mod server;
mod slot;
mod state;
mod tree;

use crate::check::Findings;
use crate::dice::Dice;
use crate::event::{Agenda, Event};
use crate::fault::Fault;
use crate::plan::{Plan, SECOND};
use crate::scenario::Scenario;
use state::{Attempt, Call, Child, Gateway, Request, Server};
use tenet_resilience::Moment;

pub use gateway::Rules;

/// Load runs for so long before anything is measured: connections are open and averages known by then.
pub const WARM: u64 = 8 * SECOND;
/// What is measured before the first fault.
pub const BEFORE: u64 = 18 * SECOND;
/// After the last fault the fleet has so long to come back, ejections that still run and slow starts not counted.
pub const RECOVERY: u64 = 10 * SECOND;
/// What is measured after that.
pub const AFTER: u64 = 14 * SECOND;
/// Ejections last 60 s at most; what is still out after so long never comes back.
pub const SETTLED_MOST: u64 = 100 * SECOND;
/// Answers are waited for this long after the last request: the longest deadline and some.
const DRAIN: u64 = 8 * SECOND;

/// A run under way.
pub struct World {
    pub(crate) now: u64,
    agenda: Agenda,
    dice: Dice,
    pub(crate) plan: Plan,
    rules: Rules,
    pub(crate) faults: Vec<Fault>,
    /// Faults that last now.
    active: Vec<usize>,
    pub(crate) requests: Vec<Request>,
    calls: Vec<Call>,
    attempts: Vec<Attempt>,
    children: Vec<Child>,
    pub(crate) servers: Vec<Vec<Server>>,
    gateways: Vec<Gateway>,
    /// The gateway of each client.
    clients: Vec<usize>,
    tokens: u64,
    /// Since when no instance was left out by anybody; `None` while one is.
    sound_since: Option<u64>,
    /// When measurement after the faults began.
    pub(crate) settled: Option<u64>,
    /// When the first gateway left the victim of each fault out.
    pub(crate) detected: Vec<Option<u64>>,
    pub(crate) ejections: u32,
    /// Ejections of instances that nothing was wrong with, and panics.
    pub(crate) panics: u32,
    /// When load ends.
    ends: u64,
    pub(crate) findings: Findings,
    trace: bool,
}

impl World {
    /// The fleet of a seed.
    pub fn new(scenario: Scenario, seed: u64, trace: bool) -> World {
        let mut dice = Dice::new(seed);
        let plan = Plan::new(&mut dice, scenario.loads());
        let faults = scenario.faults(&mut dice, &plan, WARM + BEFORE);
        let rules = Rules::default();
        let gateways =
            plan.gateways.iter().map(|zone| Gateway::new(&plan, &rules, *zone, 0, Moment::START)).collect();
        let servers = plan.services.iter().map(server::of).collect();
        let clients = (0..plan.clients).map(|client| client % plan.gateways.len()).collect();
        let mut world = World {
            now: 0,
            agenda: Agenda::default(),
            dice,
            rules,
            active: Vec::new(),
            requests: Vec::new(),
            calls: Vec::new(),
            attempts: Vec::new(),
            children: Vec::new(),
            servers,
            gateways,
            clients,
            tokens: 0,
            sound_since: Some(0),
            settled: None,
            detected: vec![None; faults.len()],
            ejections: 0,
            panics: 0,
            ends: u64::MAX,
            findings: Findings::new(scenario, seed),
            trace,
            plan,
            faults,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        for gateway in 0..self.gateways.len() {
            self.start_gateway(gateway);
        }
        for client in 0..self.clients.len() {
            self.move_later(client);
        }
        for index in 0..self.faults.len() {
            self.agenda.enter(self.faults[index].from, Event::Fault { index, step: 0 });
        }
        self.agenda.enter(1, Event::Arrival);
        self.agenda.enter(1, Event::Look);
        if self.trace {
            println!("plan: {:#?}", self.plan);
            self.faults.iter().for_each(|fault| println!("fault: {fault}"));
        }
    }

    /// Lets everything happen.
    pub fn run(&mut self) {
        while let Some((at, event)) = self.agenda.next() {
            if at > self.ends.saturating_add(DRAIN) {
                break;
            }
            if at < self.now {
                let late = format!("{event:?} was entered for a moment that is over");
                self.finding("time of the simulation", &late);
            }
            self.now = self.now.max(at);
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival => self.arrival(),
            Event::Request { request } => self.request(request),
            Event::Move { client } => self.move_client(client),
            Event::Outcome { request, code } => self.outcome(request, code),
            Event::Late { call } => self.late(call),
            Event::Second { call, at } => self.second(call, at),
            Event::Retry { call } => self.retry(call),
            Event::Reach { attempt } => self.reach(attempt),
            Event::Cancel { attempt } => self.cancel_job(attempt),
            Event::Worked { attempt, ends } => self.worked(attempt, ends),
            Event::Expired { attempt } => self.expired(attempt),
            Event::Child { child } => self.child(child),
            Event::ChildAnswer { child, ok, spent } => self.child_answer(child, ok, spent),
            Event::ChildCancel { call } => self.cancel_call(call),
            Event::Reply { attempt, answer, spent } => self.reply(attempt, answer, spent),
            Event::Connected { lane, place, token, opened, epoch } => {
                self.connected(lane, place, token, opened, epoch);
            }
            Event::Lost { lane, place, token } => self.lost(lane, place, token),
            Event::Probe { lane, place } => self.probe(lane, place),
            Event::Upkeep { gateway, life } => self.upkeep(gateway, life),
            Event::Tick { lane } => self.tick(lane),
            Event::Judge { gateway, life } => self.judge(gateway, life),
            Event::Check { gateway, life, service, instance } => self.check(gateway, life, service, instance),
            Event::Checked { gateway, life, service, instance, passed } => {
                self.checked(gateway, life, service, instance, passed);
            }
            Event::Fault { index, step } => self.fault(index, step),
            Event::Look => self.look(),
        }
    }

    fn moment(&self) -> Moment {
        Moment::from_nanos(self.now)
    }

    /// Whether a gateway is still in this life.
    fn lives(&self, gateway: usize, life: u32) -> bool {
        self.gateways[gateway].up && self.gateways[gateway].life == life
    }

    fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:10.6} {}", self.now as f64 / 1e9, what());
        }
    }

    /// A property does not hold.
    fn finding(&mut self, what: &str, where_: &str) {
        let at = self.now;
        self.tell(|| format!("PROPERTY {what}: {where_}"));
        self.findings.add(what, where_, at);
    }
}
