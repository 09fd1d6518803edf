//! What is measured of a run: before, during and after its faults.

use crate::plan::{MS, SECOND};
use crate::world::{AFTER, BEFORE, WARM, World};
use std::ops::Range;
use tenet_error::Code;

/// The longest that most requests last.
const CLEAR: u64 = 5 * SECOND;
/// A failure that comes after the end of the last fault counts as not recovered within this.
const BIN: u64 = SECOND;

/// Requests that were sent in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phase {
    /// How many.
    pub requests: u64,
    /// Of them, answered.
    pub answered: u64,
    /// Idempotent ones.
    pub idempotent: u64,
    /// Of them, answered.
    pub idempotent_answered: u64,
    /// Refused for load, by the gateway.
    pub shed: u64,
    /// The 99th percentile of the answered ones, in nanoseconds.
    pub p99: u64,
    /// The least that the 99th percentile of the same load can be, so many requests being a sample of it: two standard deviations of the
    /// rank below.
    pub p99_least: u64,
    /// Retries, without second attempts.
    pub retries: u64,
    /// Second attempts.
    pub hedges: u64,
}

impl Phase {
    /// The share that was answered.
    pub fn success(&self) -> f64 {
        if self.requests == 0 { 1.0 } else { self.answered as f64 / self.requests as f64 }
    }

    /// The share of the idempotent ones that was answered.
    pub fn idempotent_success(&self) -> f64 {
        if self.idempotent == 0 { 1.0 } else { self.idempotent_answered as f64 / self.idempotent as f64 }
    }

    fn of(world: &World, time: &Range<u64>) -> Phase {
        let mut phase = Phase::default();
        let mut latencies = Vec::new();
        for request in world.requests.iter().filter(|request| time.contains(&request.sent)) {
            let code = request.ended.map(|(_, code)| code);
            let answered = code == Some(Code::Ok);
            phase.requests += 1;
            phase.answered += u64::from(answered);
            phase.shed += u64::from(code == Some(Code::Overloaded));
            phase.retries += u64::from(request.retries);
            phase.hedges += u64::from(request.hedges);
            if world.plan.methods[request.method].idempotent {
                phase.idempotent += 1;
                phase.idempotent_answered += u64::from(answered);
            }
            if let Some((ended, Code::Ok)) = request.ended {
                latencies.push(ended - request.sent);
            }
        }
        latencies.sort_unstable();
        let (count, at) = (latencies.len(), |rank: usize| latencies.get(rank).copied().unwrap_or(0));
        let deviation = (count as f64 * 0.99 * 0.01).sqrt();
        phase.p99 = at(count * 99 / 100);
        phase.p99_least = at((count * 99 / 100).saturating_sub((2.0 * deviation) as usize));
        phase
    }
}

/// The figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Before the first fault.
    pub before: Phase,
    /// From the first fault's beginning to the last one's end.
    pub during: Phase,
    /// After the fleet had time to come back.
    pub after: Phase,
    /// What was answered while faults lasted, as a share of what was asked for or of what the whole fleet can do, whichever is less.
    pub goodput: Option<f64>,
    /// Of the first fault with a victim: until the first gateway left it out, nanoseconds.
    pub detect: Option<u64>,
    /// From the last fault's end until no request failed any more, nanoseconds.
    pub recover: Option<u64>,
    /// From the last fault's end until the fleet counted as settled, nanoseconds.
    pub settle: Option<u64>,
    /// Ejections by all gateways.
    pub ejections: u32,
    /// Panics of all gateways.
    pub panics: u32,
    /// Attempts at each instance after the faults, by service.
    pub loads: Vec<Vec<u64>>,
}

impl Figures {
    /// Of a run that is over.
    pub(crate) fn of(world: &World) -> Figures {
        let first = world.faults.iter().map(|fault| fault.from).min();
        let last = world.faults.iter().map(|fault| fault.to).max();
        let settled = world.settled.unwrap_or(world.now);
        // What was sent just before a fault may still meet it.
        let until = first.map_or(WARM + BEFORE, |first| first.saturating_sub(CLEAR));
        let before = Phase::of(world, &(WARM..until));
        let during = match (first, last) {
            (Some(first), Some(last)) => Phase::of(world, &(first..last)),
            _ => Phase::default(),
        };
        let detect =
            world.faults.iter().zip(&world.detected).find_map(|(fault, at)| Some((*at)? - fault.from));
        let lasted = first.zip(last).map_or(0.0, |(first, last)| (last - first) as f64 / 1e9);
        let possible = (during.requests as f64).min(world.plan.rate / world.plan.load * lasted);
        Figures {
            before,
            during,
            goodput: (possible > 0.0).then(|| during.answered as f64 / possible),
            after: Phase::of(world, &(settled..settled + AFTER)),
            detect,
            recover: last.map(|last| recovered(world, last)),
            settle: last.map(|last| settled.saturating_sub(last)),
            ejections: world.ejections,
            panics: world.panics,
            loads: loads(world, settled),
        }
    }
}

/// The end of the last second after `last` in which more than one in a thousand failed, as time from there.
fn recovered(world: &World, last: u64) -> u64 {
    let mut bins: Vec<(u64, u64)> = Vec::new();
    for request in world.requests.iter().filter(|request| request.sent >= last) {
        let bin = ((request.sent - last) / BIN) as usize;
        if bins.len() <= bin {
            bins.resize(bin + 1, (0, 0));
        }
        bins[bin].0 += 1;
        bins[bin].1 += u64::from(request.ended.map(|(_, code)| code) != Some(Code::Ok));
    }
    let failing = |(all, failed): &(u64, u64)| *failed > 0 && *failed * 1000 > *all;
    bins.iter().rposition(failing).map_or(0, |bin| (bin as u64 + 1) * BIN)
}

fn loads(world: &World, settled: u64) -> Vec<Vec<u64>> {
    let (from, to) = ((settled / SECOND) as usize + 1, ((settled + AFTER) / SECOND) as usize);
    let of = |reached: &Vec<u32>| reached.iter().take(to).skip(from).map(|n| u64::from(*n)).sum();
    world.servers.iter().map(|servers| servers.iter().map(|server| of(&server.reached)).collect()).collect()
}

/// Nanoseconds as milliseconds.
pub(crate) fn millis(nanos: u64) -> f64 {
    nanos as f64 / MS as f64
}
