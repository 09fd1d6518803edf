//! A service of k slots behind a limit: what gets through, what waits, what is refused. Deterministic.

use super::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// splitmix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Fixed,
    Exponential,
    /// Nine of ten take half of t, the tenth five and a half times t.
    Bimodal,
}

impl Work {
    fn draw(self, t: f64, random: &mut Random) -> f64 {
        match self {
            Work::Fixed => t,
            Work::Exponential => random.exponential(t),
            Work::Bimodal if random.unit() < 0.9 => t * 0.5,
            Work::Bimodal => t * 5.5,
        }
    }
}

#[derive(Default, Debug)]
struct Result {
    done: u64,
    refused: u64,
    latency_sum: f64,
}

/// Runs phases of (seconds, load as a multiple of capacity); one result a phase. Times in seconds.
fn run(slots: usize, work: Work, phases: &[(f64, f64)], seed: u64) -> Vec<Result> {
    const T: f64 = 0.01;
    let mut random = Random(seed);
    let limiter = Limiter::new(&LimitRules::default());
    let (mut now, mut results) = (0.0, Vec::new());
    // When each busy slot is free, with when its call began.
    let mut busy: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut queue: VecDeque<f64> = VecDeque::new();
    let ns = |at: f64| (at * 1e9) as u64;
    for &(seconds, load) in phases {
        let mut result = Result::default();
        let end = now + seconds;
        let rate = load * slots as f64 / T;
        let mut next = now + random.exponential(1.0 / rate);
        while now < end {
            let freed = busy.peek().map(|Reverse((at, _))| *at as f64 / 1e9);
            if let Some(at) = freed.filter(|at| *at <= next) {
                now = at;
                if let Some(Reverse((_, began))) = busy.pop() {
                    let latency = now - began as f64 / 1e9;
                    result.done += 1;
                    result.latency_sum += latency;
                    let sample =
                        Sample { latency: Duration::from_secs_f64(latency.max(0.0)), outcome: Outcome::Ok };
                    limiter.release(Moment::from_nanos(ns(now)), sample);
                }
                if let Some(began) = queue.pop_front() {
                    busy.push(Reverse((ns(now + work.draw(T, &mut random)), ns(began))));
                }
                continue;
            }
            now = next;
            next = now + random.exponential(1.0 / rate);
            if limiter.try_acquire(Priority::Normal).is_err() {
                result.refused += 1;
            } else if busy.len() < slots {
                busy.push(Reverse((ns(now + work.draw(T, &mut random)), ns(now))));
            } else {
                queue.push_back(now);
            }
        }
        results.push(result);
    }
    results
}

/// Warm-up, then the loads of interest, then what follows an overload.
const PHASES: [(f64, f64); 7] =
    [(5.0, 0.5), (20.0, 0.3), (20.0, 0.7), (20.0, 0.95), (30.0, 3.0), (5.0, 0.7), (20.0, 0.7)];

#[test]
fn what_gets_through_is_what_the_service_can_do() {
    println!(
        "{:>5} {:>12} {:>6} {:>9} {:>9} {:>10}",
        "slots", "work", "load", "goodput", "refused", "mean ÷ t"
    );
    for slots in [4, 16, 64] {
        for work in [Work::Fixed, Work::Exponential, Work::Bimodal] {
            let results = run(slots, work, &PHASES, 7 + slots as u64);
            for (result, (seconds, load)) in results.iter().zip(PHASES) {
                let capacity = slots as f64 / 0.01 * seconds;
                let goodput = result.done as f64 / capacity;
                let refused = result.refused as f64 / (result.done + result.refused).max(1) as f64;
                let latency = result.latency_sum / result.done.max(1) as f64 / 0.01;
                println!(
                    "{slots:>5} {work:>12?} {load:>6} {goodput:>9.3} {refused:>9.4} {latency:>10.2}",
                    work = format!("{work:?}")
                );
                let at = format!("{slots} slots, {work:?}, load {load}");
                if load <= 0.7 && seconds > 5.0 {
                    // What is refused here waits in the room for a moment.
                    assert!(refused <= 0.01, "{at}: refused {refused}");
                }
                if load > 2.0 {
                    assert!(goodput >= 0.9, "{at}: goodput {goodput}");
                    assert!(latency <= 6.0, "{at}: latency {latency} t");
                }
                if load == 0.95 {
                    assert!(refused <= 0.1, "{at}: refused {refused}");
                }
            }
        }
    }
}
