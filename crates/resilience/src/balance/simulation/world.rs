//! A small world in virtual time: gateways with threads, and instances that serve first come, first served in `slots` slots.

use crate::Moment;
use crate::balance::{BalanceRules, Balancer, Candidates, Pick, Standing};
use crate::ewma::{Load, Observation, Outcome};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// How long a caller waits for an instance that hangs.
const TIME_OUT: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug, Default)]
pub struct Instance {
    pub zone: u16,
    pub slots: usize,
    /// Mean service time in nanoseconds.
    pub service: u64,
    /// Multiplicative noise: σ of the logarithm.
    pub sigma: f64,
    /// Fails at once instead of serving.
    pub fails: bool,
    /// Never answers.
    pub hangs: bool,
}

pub struct Scenario {
    pub instances: Vec<Instance>,
    /// The zone of each gateway.
    pub gateways: Vec<u16>,
    pub threads: usize,
    /// Calls a second, over all gateways.
    pub rate: f64,
    pub seconds: u64,
    pub rules: BalanceRules,
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
    loads: Vec<Load>,
}

struct View<'a>(&'a Thread, &'a [Instance], usize, Moment);

impl Candidates for View<'_> {
    fn len(&self) -> usize {
        self.0.order.len()
    }
    fn local(&self) -> usize {
        self.2
    }
    fn zone(&self, index: usize) -> u16 {
        self.1[self.0.order[index]].zone
    }
    fn standing(&self, index: usize) -> Standing {
        let suspect = self.0.loads[index].is_suspect(self.3, self.0.balancer.average());
        if suspect { Standing::Busy } else { Standing::Ready }
    }
    fn score(&self, index: usize) -> f64 {
        self.0.loads[index].score(self.3, self.0.balancer.average())
    }
    fn share(&self, index: usize) -> f64 {
        self.0.loads[index].share(self.3, 1.0, self.0.balancer.average().rules().slow_start)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival { thread: usize },
    Done { thread: usize, slot: usize, began: u64, failed: bool, served: bool },
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

pub fn run(scenario: &Scenario, seed: u64) -> Report {
    let instances = &scenario.instances;
    let mut dice = Dice(seed);
    let mut threads: Vec<Thread> = scenario
        .gateways
        .iter()
        .flat_map(|zone| std::iter::repeat_n(*zone, scenario.threads))
        .map(|zone| {
            let mut order: Vec<usize> = (0..instances.len()).collect();
            order.sort_by_key(|i| instances[*i].zone != zone);
            let loads = vec![Load::new(1.0, None); order.len()];
            Thread { zone, balancer: Balancer::new(scenario.rules), order, loads }
        })
        .collect();
    let zones = usize::from(instances.iter().map(|i| i.zone).chain(scenario.gateways.clone()).max().unwrap()) + 1;
    let mut report = Report {
        calls: vec![0; instances.len()],
        latencies: vec![Vec::new(); zones],
        ..Report::default()
    };
    let mut busy = vec![0usize; instances.len()];
    let mut queues: Vec<VecDeque<(usize, usize, u64)>> = vec![VecDeque::new(); instances.len()];
    let mut events = BinaryHeap::new();
    let gap = 1e9 * threads.len() as f64 / scenario.rate;
    for thread in 0..threads.len() {
        events.push(Reverse(((dice.unit() * gap) as u64, Event::Arrival { thread })));
    }
    let end = scenario.seconds * 1_000_000_000;
    let service = |dice: &mut Dice, i: &Instance| (i.service as f64 * (i.sigma * dice.normal()).exp()) as u64;
    while let Some(Reverse((at, event))) = events.pop() {
        if at > end {
            break;
        }
        let now = Moment::from_nanos(at);
        match event {
            Event::Arrival { thread: t } => {
                let next = at + 1 + (-dice.unit().ln() * gap) as u64;
                events.push(Reverse((next, Event::Arrival { thread: t })));
                let thread = &threads[t];
                let local = thread.order.iter().take_while(|i| instances[**i].zone == thread.zone).count();
                let pick = Pick { random: dice.next(), ..Pick::default() };
                let slot = thread.balancer.pick(&View(thread, instances, local, now), &pick).unwrap();
                threads[t].loads[slot].began(now);
                let target = threads[t].order[slot];
                if at > end / 2 {
                    report.calls[target] += 1;
                    report.at_home += u64::from(slot < local);
                }
                let instance = &instances[target];
                let done = |served, failed| Event::Done { thread: t, slot, began: at, failed, served };
                if instance.hangs {
                    events.push(Reverse((at + TIME_OUT, done(false, true))));
                } else if instance.fails {
                    events.push(Reverse((at + 100_000, done(false, true))));
                } else if busy[target] < instance.slots {
                    busy[target] += 1;
                    events.push(Reverse((at + service(&mut dice, instance), done(true, false))));
                } else {
                    queues[target].push_back((t, slot, at));
                }
            }
            Event::Done { thread: t, slot, began, failed, served } => {
                let thread = &mut threads[t];
                let target = thread.order[slot];
                let local = instances[target].zone == thread.zone;
                let outcome = if failed { Outcome::Failed } else { Outcome::Ok };
                let observation = Observation { latency: Duration::from_nanos(at - began), outcome };
                thread.balancer.ended(&mut thread.loads[slot], local, now, observation);
                if began > end / 2 {
                    report.latencies[usize::from(thread.zone)].push(at - began);
                    report.failed += u64::from(failed);
                }
                if served {
                    busy[target] -= 1;
                    if let Some((thread, slot, began)) = queues[target].pop_front() {
                        busy[target] += 1;
                        let done = Event::Done { thread, slot, began, failed: false, served: true };
                        events.push(Reverse((at + service(&mut dice, &instances[target]), done)));
                    }
                }
            }
        }
    }
    report.latencies.iter_mut().for_each(|l| l.sort_unstable());
    report
}
