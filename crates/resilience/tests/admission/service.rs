//! One simulated service behind a limiter: k slots, a FIFO queue before them, open-loop Poisson arrivals.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tenet_resilience::Moment;
use tenet_resilience::limit::{LimitRules, Limiter, Outcome, Priority, Sample};
use tenet_resilience::queue::{QueueRules, WaitQueue};

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
    /// When the phase began, milliseconds.
    pub begin: f64,
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
    /// The time that slots were busy, milliseconds, added up over the slots.
    pub busy_ms: f64,
    /// The longest that anybody was in the room, milliseconds.
    pub waited_most: f64,
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

/// Not from zero: the start of moments is arbitrary.
const START_MS: f64 = 1000.0;

fn moment(ms: f64) -> Moment {
    Moment::from_nanos(((START_MS + ms) * 1e6).ceil() as u64)
}

fn since_start(at: Moment) -> f64 {
    at.nanos() as f64 / 1e6 - START_MS
}

pub fn millis(ms: f64) -> Duration {
    Duration::from_nanos((ms * 1e6) as u64)
}

/// Runs the phases and tells the outcomes of each. With `room`, whoever is over the limit waits there first.
pub fn run(
    slots: usize,
    work: Work,
    mix: (f64, f64),
    phases: &[Phase],
    room: Option<QueueRules>,
    seed: u64,
) -> Vec<Outcomes> {
    let mut simulation = Simulation::new(slots, work, room, seed);
    phases.iter().map(|phase| simulation.phase(*phase, mix)).collect()
}

/// A call in the room: which priority it has and when it came.
type Waiting = (usize, f64);

const PRIORITIES: [Priority; 3] = Priority::REFUSABLE;

pub struct Simulation {
    limiter: Limiter,
    room: Option<WaitQueue<Waiting>>,
    dice: Dice,
    work: Work,
    slots: usize,
    /// When those were admitted who wait for a slot of the service.
    before_slots: VecDeque<f64>,
    /// When each busy slot is done and when its call was admitted, nanoseconds, so that they order.
    done: BinaryHeap<Reverse<(u64, u64)>>,
    clock: f64,
    out: Outcomes,
}

impl Simulation {
    pub fn new(slots: usize, work: Work, room: Option<QueueRules>, seed: u64) -> Simulation {
        Simulation {
            limiter: Limiter::new(&LimitRules::default()),
            room: room.map(WaitQueue::new),
            dice: Dice(seed),
            work,
            slots,
            before_slots: VecDeque::new(),
            done: BinaryHeap::new(),
            clock: 0.0,
            out: Outcomes::default(),
        }
    }

    pub fn phase(&mut self, phase: Phase, mix: (f64, f64)) -> Outcomes {
        let begin = self.clock;
        let end = begin + phase.seconds * 1000.0;
        let gap = self.work.mean() / (self.slots as f64 * phase.load);
        self.out = Outcomes { begin, limit_least: u64::MAX, ..Outcomes::default() };
        let mut arrival = begin + self.dice.exponential(gap);
        loop {
            let finish = self.done.peek().map_or(f64::INFINITY, |Reverse((at, _))| *at as f64 / 1e6);
            let expiry = self.room.as_ref().and_then(WaitQueue::next_expiry);
            let expiry = expiry.map_or(f64::INFINITY, since_start);
            let next = arrival.min(finish).min(expiry);
            let until = self.clock.max(next.min(end));
            self.out.busy_ms += self.done.len() as f64 * (until - self.clock);
            self.clock = until;
            if next >= end {
                break;
            }
            if next == finish {
                self.finish();
            } else if next == arrival {
                arrival = self.clock + self.dice.exponential(gap);
                self.arrive(mix);
            }
            self.advance_room();
            self.fill_slots(phase.slower);
        }
        let mut out = std::mem::take(&mut self.out);
        out.goodput = out.answered as f64 * self.work.mean() / (phase.seconds * 1000.0 * self.slots as f64);
        out.latencies.sort_by(f64::total_cmp);
        out.limit_last = self.limiter.limit();
        out
    }

    fn finish(&mut self) {
        let Some(Reverse((_, admitted))) = self.done.pop() else { return };
        let latency = self.clock - admitted as f64 / 1e6;
        self.limiter.release(moment(self.clock), Sample { latency: millis(latency), outcome: Outcome::Ok });
        self.out.answered += 1;
        self.out.latencies.push(latency);
        self.out.limit_least = self.out.limit_least.min(self.limiter.limit());
    }

    fn arrive(&mut self, mix: (f64, f64)) {
        let class = self.dice.share();
        let index = usize::from(class > mix.0) + usize::from(class > mix.0 + mix.1);
        let priority = PRIORITIES[index];
        self.out.offered += 1;
        self.out.by_priority[index].0 += 1;
        let overtakes = self.room.as_ref().is_none_or(|room| !room.has_before(priority));
        if overtakes && self.limiter.try_acquire(priority).is_ok() {
            self.before_slots.push_back(self.clock);
            return;
        }
        let waiting = (index, self.clock);
        match self.room.as_mut().map(|room| room.push(moment(self.clock), priority, waiting)) {
            None | Some(Err(_)) => self.refuse(waiting),
            Some(Ok(pushed)) => pushed.evicted.into_iter().for_each(|evicted| self.refuse(evicted)),
        }
    }

    fn refuse(&mut self, (index, _): Waiting) {
        let into_phase_s = (self.clock - self.out.begin) / 1000.0;
        self.out.refused += 1;
        self.out.by_priority[index].1 += 1;
        self.out.last_refusal = into_phase_s;
        self.out.refused_late += u64::from(into_phase_s > RECOVERY_S);
    }

    /// Refuses those whose time in the room is over, and lets in whom the limit lets in.
    fn advance_room(&mut self) {
        let now = moment(self.clock);
        while let Some(expired) = self.room.as_mut().and_then(|room| room.expired(now)) {
            self.out.waited_most = self.out.waited_most.max(self.clock - expired.1);
            self.refuse(expired);
        }
        let Some(room) = &mut self.room else { return };
        while let Some(index) = room.first(|waiting| waiting.0) {
            if self.limiter.try_acquire(PRIORITIES[index]).is_err() {
                break;
            }
            let Some((_, waited)) = room.pop(now) else { break };
            self.out.waited_most = self.out.waited_most.max(waited.as_secs_f64() * 1000.0);
            self.before_slots.push_back(self.clock);
        }
    }

    fn fill_slots(&mut self, slower: f64) {
        while self.done.len() < self.slots {
            let Some(admitted) = self.before_slots.pop_front() else { break };
            let work = self.work.roll(&mut self.dice) * slower;
            self.done.push(Reverse((((self.clock + work) * 1e6) as u64, (admitted * 1e6) as u64)));
        }
    }
}
