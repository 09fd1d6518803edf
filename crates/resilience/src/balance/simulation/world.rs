//! A small world in virtual time: gateways with threads, and instances that serve first come, first served in `slots` slots.

use crate::Moment;
use crate::balance::{BalanceRules, Balancer, Candidates, Pick, Standing};
use crate::ewma::{Load, Observation, Outcome};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// How long a caller waits for an instance that hangs.
const TIME_OUT: u64 = 1_000_000_000;
/// How long a fast failure takes.
const FAST: u64 = 100_000;
/// Zones are numbered below this.
const ZONES: usize = 8;

#[derive(Clone, Copy, Debug, Default)]
pub struct Instance {
    pub zone: u16,
    pub slots: usize,
    /// Mean service time in nanoseconds.
    pub service: u64,
    /// Multiplicative noise: σ of the logarithm.
    pub sigma: f64,
    pub fault: Fault,
    /// When the fault ends, in nanoseconds.
    pub heals_at: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Fails at once instead of serving.
    Fails,
    /// Does so with two calls of five.
    FailsOften,
    /// Never answers.
    Hangs,
    /// Takes ten times as long.
    Slow,
}

impl Instance {
    fn fault_at(&self, at: u64) -> Fault {
        if self.heals_at.is_some_and(|heals_at| at >= heals_at) { Fault::None } else { self.fault }
    }
}

pub struct Scenario {
    pub instances: Vec<Instance>,
    /// The zone of each gateway.
    pub gateways: Vec<u16>,
    pub threads: usize,
    /// Calls a second, over all gateways.
    pub rate: f64,
    pub seconds: u64,
}

#[derive(Clone, Default, Debug)]
pub struct Report {
    /// Calls each instance got in the second half.
    pub calls: Vec<u64>,
    /// Latencies of the second half, in nanoseconds, sorted, by zone of the caller.
    pub latencies: Vec<Vec<u64>>,
    pub at_home: u64,
    pub failed: u64,
}

struct Thread {
    zone: u16,
    balancer: Balancer,
    /// Index of the instance in the world, local ones first.
    order: Vec<usize>,
    local: usize,
    loads: Vec<Load>,
}

struct View<'a>(&'a Thread, &'a [Instance], Moment);

impl Candidates for View<'_> {
    fn len(&self) -> usize {
        self.0.order.len()
    }
    fn local(&self) -> usize {
        self.0.local
    }
    fn zone(&self, index: usize) -> u16 {
        self.1[self.0.order[index]].zone
    }
    fn standing(&self, index: usize) -> Standing {
        let suspect = self.0.loads[index].is_suspect(self.2, self.0.balancer.average());
        if suspect { Standing::Busy } else { Standing::Ready }
    }
    fn score(&self, index: usize) -> f64 {
        self.0.loads[index].score(self.2, self.0.balancer.average())
    }
    fn share(&self, index: usize) -> f64 {
        self.0.loads[index].share(self.2, 1.0, self.0.balancer.average().rules().slow_start)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival { thread: usize },
    Done { call: Call, failed: bool, served: bool },
}

/// An attempt of `thread` at the instance that is `slot` in its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    thread: usize,
    slot: usize,
    began: u64,
}

pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (x >> 29)
    }
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

struct World<'a> {
    scenario: &'a Scenario,
    dice: Dice,
    threads: Vec<Thread>,
    /// Of each instance: slots taken, and who waits for one.
    busy: Vec<usize>,
    queues: Vec<VecDeque<Call>>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    report: Report,
}

pub fn run(scenario: &Scenario, seed: u64) -> Report {
    let mut world = World::new(scenario, seed);
    let end = scenario.seconds * 1_000_000_000;
    while let Some(Reverse((at, event))) = world.events.pop() {
        if at > end {
            break;
        }
        match event {
            Event::Arrival { thread } => world.arrival(thread, at, at > end / 2),
            Event::Done { call, failed, served } => {
                world.done(call, at, failed, call.began > end / 2);
                if served {
                    world.next_in_queue(world.target(call), at);
                }
            }
        }
    }
    world.report.latencies.iter_mut().for_each(|latencies| latencies.sort_unstable());
    world.report
}

impl World<'_> {
    fn new(scenario: &Scenario, seed: u64) -> World<'_> {
        let (instances, count) = (&scenario.instances, scenario.instances.len());
        let thread = |zone: u16| {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|index| instances[*index].zone != zone);
            let local = instances.iter().filter(|instance| instance.zone == zone).count();
            let balancer = Balancer::new(BalanceRules::default());
            Thread { zone, balancer, order, local, loads: vec![Load::new(1.0, None); count] }
        };
        let gateways = scenario.gateways.iter().flat_map(|zone| std::iter::repeat_n(*zone, scenario.threads));
        let mut world = World {
            scenario,
            dice: Dice(seed),
            threads: gateways.map(thread).collect(),
            busy: vec![0; count],
            queues: vec![VecDeque::new(); count],
            events: BinaryHeap::new(),
            report: Report { calls: vec![0; count], latencies: vec![Vec::new(); ZONES], ..Report::default() },
        };
        for thread in 0..world.threads.len() {
            let first = (world.dice.unit() * world.gap()) as u64;
            world.events.push(Reverse((first, Event::Arrival { thread })));
        }
        world
    }

    /// Mean time between the calls of a thread, in nanoseconds.
    fn gap(&self) -> f64 {
        1e9 * self.threads.len() as f64 / self.scenario.rate
    }

    fn target(&self, call: Call) -> usize {
        self.threads[call.thread].order[call.slot]
    }

    fn arrival(&mut self, t: usize, at: u64, counts: bool) {
        let next = at + 1 + (-self.dice.unit().ln() * self.gap()) as u64;
        self.events.push(Reverse((next, Event::Arrival { thread: t })));
        let (thread, now) = (&self.threads[t], Moment::from_nanos(at));
        let pick = Pick { random: self.dice.next(), ..Pick::default() };
        let slot = thread.balancer.pick(&View(thread, &self.scenario.instances, now), &pick).unwrap();
        let at_home = slot < thread.local;
        self.threads[t].loads[slot].began(now);
        let call = Call { thread: t, slot, began: at };
        let target = self.target(call);
        if counts {
            self.report.calls[target] += 1;
            self.report.at_home += u64::from(at_home);
        }
        let instance = &self.scenario.instances[target];
        let failed = |after| Reverse((at + after, Event::Done { call, failed: true, served: false }));
        match instance.fault_at(at) {
            Fault::Hangs => self.events.push(failed(TIME_OUT)),
            Fault::Fails => self.events.push(failed(FAST)),
            Fault::FailsOften if self.dice.unit() < 0.4 => self.events.push(failed(FAST)),
            _ => {
                self.queues[target].push_back(call);
                if self.busy[target] < instance.slots {
                    self.busy[target] += 1;
                    self.serve_first(target, at);
                }
            }
        }
    }

    fn next_in_queue(&mut self, target: usize, at: u64) {
        if self.queues[target].is_empty() {
            self.busy[target] -= 1;
        } else {
            self.serve_first(target, at);
        }
    }

    fn serve_first(&mut self, target: usize, at: u64) {
        let Some(call) = self.queues[target].pop_front() else { return };
        let instance = &self.scenario.instances[target];
        let factor = if instance.fault_at(at) == Fault::Slow { 10.0 } else { 1.0 };
        let takes = instance.service as f64 * factor * (instance.sigma * self.dice.normal()).exp();
        self.events.push(Reverse((at + takes as u64, Event::Done { call, failed: false, served: true })));
    }

    fn done(&mut self, call: Call, at: u64, failed: bool, counts: bool) {
        let thread = &mut self.threads[call.thread];
        let outcome = if failed { Outcome::Failed } else { Outcome::Ok };
        let observation = Observation { latency: Duration::from_nanos(at - call.began), outcome };
        let load = &mut thread.loads[call.slot];
        thread.balancer.ended(load, call.slot < thread.local, Moment::from_nanos(at), observation);
        if counts {
            self.report.latencies[usize::from(thread.zone)].push(at - call.began);
            self.report.failed += u64::from(failed);
        }
    }
}
