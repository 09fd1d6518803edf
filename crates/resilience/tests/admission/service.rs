//! One simulated service behind a limiter: k slots, a FIFO queue before them, open-loop Poisson arrivals.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tenet_resilience::Moment;
use tenet_resilience::limit::{LimitRules, Limiter, Outcome, Priority, Sample};

/// Dice that roll the same for the same seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    pub fn share(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Exponentially distributed with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.share().ln()
    }
}

/// How long one request takes to work on, milliseconds.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    Fixed(f64),
    Exponential(f64),
    /// 5 ms, and each tenth 100 ms.
    Bimodal,
}

impl Work {
    pub fn mean(self) -> f64 {
        match self {
            Work::Fixed(ms) | Work::Exponential(ms) => ms,
            Work::Bimodal => 0.9 * 5.0 + 0.1 * 100.0,
        }
    }

    pub fn roll(self, dice: &mut Dice) -> f64 {
        match self {
            Work::Fixed(ms) => ms,
            Work::Exponential(ms) => dice.exponential(ms),
            Work::Bimodal => {
                if dice.share() <= 0.1 {
                    100.0
                } else {
                    5.0
                }
            }
        }
    }
}

/// For `seconds`, requests arrive at `load` times the capacity of the service as it was first; each takes `slower` times its work.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pub load: f64,
    pub seconds: f64,
    pub slower: f64,
}

pub fn phase(load: f64, seconds: f64) -> Phase {
    Phase { load, seconds, slower: 1.0 }
}

/// Refusals in the first seconds of a phase are those of a limit that still finds its way back.
pub const RECOVERY_S: f64 = 5.0;

/// What came out of one phase. Latencies in milliseconds, from admission to the answer.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    pub offered: u64,
    pub refused: u64,
    /// Refused later than [`RECOVERY_S`] after the phase began.
    pub refused_late: u64,
    /// When the last refusal was, seconds from the phase's beginning.
    pub last_refusal: f64,
    pub answered: u64,
    /// Answered a second as a share of the capacity as it was first.
    pub goodput: f64,
    /// In order of size.
    pub latencies: Vec<f64>,
    pub limit_least: u64,
    pub limit_last: u64,
    /// By priority (critical, normal, sheddable): offered and refused.
    pub by_priority: [(u64, u64); 3],
}

impl Outcomes {
    pub fn percentile(&self, q: f64) -> f64 {
        self.latencies
            .get(((self.latencies.len() as f64 - 1.0) * q).max(0.0) as usize)
            .copied()
            .unwrap_or(0.0)
    }

    pub fn mean(&self) -> f64 {
        self.latencies.iter().sum::<f64>() / self.latencies.len().max(1) as f64
    }
}

/// Shares of CRITICAL and NORMAL; the rest is SHEDDABLE.
pub const ALL_NORMAL: (f64, f64) = (0.0, 1.0);

fn moment(ms: f64) -> Moment {
    // Not from zero: a moment's start is arbitrary.
    Moment::from_nanos(((1000.0 + ms) * 1e6) as u64)
}

pub fn millis(ms: f64) -> Duration {
    Duration::from_nanos((ms * 1e6) as u64)
}

/// Runs the phases and tells the outcomes of each.
pub fn run(
    slots: usize,
    work: Work,
    mix: (f64, f64),
    phases: &[Phase],
    rules: LimitRules,
    seed: u64,
) -> Vec<Outcomes> {
    let limiter = Limiter::new(&rules);
    let mut dice = Dice(seed);
    let capacity = slots as f64 / work.mean();
    let mut waiting: VecDeque<f64> = VecDeque::new();
    // When a slot is done, and when its request was admitted. Nanoseconds, so that they order.
    let mut done: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let (mut busy, mut clock) = (0, 0.0);
    let mut all = Vec::new();
    for phase in phases {
        let (begin, end) = (clock, clock + phase.seconds * 1000.0);
        let mut out = Outcomes { limit_least: u64::MAX, ..Outcomes::default() };
        let mut arrival = clock + dice.exponential(1.0 / (capacity * phase.load));
        loop {
            let finish = done.peek().map_or(f64::INFINITY, |Reverse((at, _))| *at as f64 / 1e6);
            clock = arrival.min(finish);
            if clock >= end {
                clock = end;
                break;
            }
            if finish <= arrival {
                let Some(Reverse((_, admitted))) = done.pop() else { break };
                let latency = clock - admitted as f64 / 1e6;
                limiter.release(moment(clock), Sample { latency: millis(latency), outcome: Outcome::Ok });
                out.answered += 1;
                out.latencies.push(latency);
                out.limit_least = out.limit_least.min(limiter.limit());
                busy -= 1;
            } else {
                arrival = clock + dice.exponential(1.0 / (capacity * phase.load));
                let class = dice.share();
                let (index, priority) = if class <= mix.0 {
                    (0, Priority::Critical)
                } else if class <= mix.0 + mix.1 {
                    (1, Priority::Normal)
                } else {
                    (2, Priority::Sheddable)
                };
                out.offered += 1;
                out.by_priority[index].0 += 1;
                if limiter.try_acquire(priority).is_err() {
                    out.refused += 1;
                    out.by_priority[index].1 += 1;
                    out.last_refusal = (clock - begin) / 1000.0;
                    out.refused_late += u64::from(clock > begin + RECOVERY_S * 1000.0);
                } else {
                    waiting.push_back(clock);
                }
            }
            while busy < slots {
                let Some(admitted) = waiting.pop_front() else { break };
                let work = work.roll(&mut dice) * phase.slower;
                busy += 1;
                done.push(Reverse((((clock + work) * 1e6) as u64, (admitted * 1e6) as u64)));
            }
        }
        out.goodput = out.answered as f64 / phase.seconds / 1000.0 / capacity;
        out.latencies.sort_by(f64::total_cmp);
        out.limit_last = limiter.limit();
        all.push(out);
    }
    all
}
