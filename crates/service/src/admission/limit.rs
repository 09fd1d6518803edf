//! How many calls run at a time: a limit that follows the latency of the calls it admits.
//!
//! The rule is that of Gradient2 (Netflix, concurrency-limits): in each window, limit ← limit × clamp(tolerance × slow average
//! ÷ window's average, ½, 1) + √limit. While calls take as long as ever the quotient is 1 and the limit grows by the room a
//! short queue needs; when they begin to queue somewhere inside, their time rises and the limit falls.

use crate::methods::Priority;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tenet_resilience::Moment;

/// Length of a window: some hundred calls of a busy service, and short beside any deadline.
const WINDOW: Duration = Duration::from_millis(200);
/// Fewest samples a window is judged by.
const SAMPLES_LEAST: u32 = 10;
/// How far latency may rise over its slow average before the limit falls.
const TOLERANCE: f64 = 1.5;
/// Weight of one window in the slow average: about a minute of windows.
const SLOW_WEIGHT: f64 = 1.0 / 300.0;
/// Weight of a new limit where it is lower; a single slow window must not halve the limit.
const FALL_WEIGHT: f64 = 0.3;
/// Percent of the limit that each priority may fill: who is given up first leaves room for the rest, and who is given up
/// last has some beyond the limit.
const SHEDDABLE_PERCENT: u64 = 80;
const NORMAL_PERCENT: u64 = 100;
const CRITICAL_PERCENT: u64 = 120;

/// Between which bounds the limit moves, in calls at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitRules {
    pub(crate) initial: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

/// There is no room for a call of this priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// How a call ended, as far as its latency says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Served in this time.
    Ok(Duration),
    /// Cancelled, refused, or of a kind whose time says nothing.
    Ignore,
    /// Its deadline passed while it ran.
    Dropped(Duration),
}

/// The limit, shared by all threads. What is in flight never passes the share of the priority that asks.
#[derive(Debug)]
pub(crate) struct Limiter {
    rules: LimitRules,
    limit: AtomicU32,
    in_flight: AtomicU32,
    /// When the running window ends, in nanoseconds; who moves it closes the window.
    window_end: AtomicU64,
    /// Sum of latencies in microseconds, their number, and the most that was in flight.
    sum_us: AtomicU64,
    samples: AtomicU32,
    most: AtomicU32,
    /// Slow average of latencies in microseconds, as the bits of an `f64`; 0.0 before the first window.
    slow_us: AtomicU64,
}

impl Limiter {
    pub(crate) fn new(rules: LimitRules) -> Limiter {
        Limiter {
            rules,
            limit: AtomicU32::new(rules.initial.clamp(rules.min, rules.max)),
            in_flight: AtomicU32::new(0),
            window_end: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
            samples: AtomicU32::new(0),
            most: AtomicU32::new(0),
            slow_us: AtomicU64::new(0.0f64.to_bits()),
        }
    }

    /// Calls at a time.
    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// Calls that are admitted and not released.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Takes a place for a call. Whoever gets one gives it back by [`Limiter::release`].
    pub(crate) fn try_acquire(&self, priority: Priority) -> Result<(), Refused> {
        let percent = match priority {
            Priority::Exempt => return Ok(()),
            Priority::Critical => CRITICAL_PERCENT,
            Priority::Normal => NORMAL_PERCENT,
            Priority::Sheddable => SHEDDABLE_PERCENT,
        };
        let bound = u64::from(self.limit()) * percent / 100;
        let step = |in_flight: u32| (u64::from(in_flight) < bound).then_some(in_flight + 1);
        match self.in_flight.fetch_update(Relaxed, Relaxed, step) {
            Ok(before) => {
                if before >= self.most.load(Relaxed) {
                    self.most.fetch_max(before + 1, Relaxed);
                }
                Ok(())
            }
            Err(_) => Err(Refused),
        }
    }

    /// Gives a place back and learns from how the call went.
    pub(crate) fn release(&self, now: Moment, outcome: Outcome) {
        self.in_flight.fetch_sub(1, Relaxed);
        if let Outcome::Ok(latency) | Outcome::Dropped(latency) = outcome {
            self.sum_us.fetch_add(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX >> 20), Relaxed);
            self.samples.fetch_add(1, Relaxed);
        }
        let end = self.window_end.load(Relaxed);
        if now.nanos() >= end && self.samples.load(Relaxed) >= SAMPLES_LEAST {
            let next = now.plus(WINDOW).nanos();
            if self.window_end.compare_exchange(end, next, Relaxed, Relaxed).is_ok() {
                self.close_window();
            }
        }
    }

    /// Moves the limit. Runs in one thread at a time, because windows are longer than this takes.
    fn close_window(&self) {
        let samples = self.samples.swap(0, Relaxed).max(1);
        let mean_us = (self.sum_us.swap(0, Relaxed) as f64 / f64::from(samples)).max(1.0);
        let most = self.most.swap(self.in_flight(), Relaxed);
        let mut slow_us = f64::from_bits(self.slow_us.load(Relaxed));
        slow_us = if slow_us == 0.0 { mean_us } else { slow_us + (mean_us - slow_us) * SLOW_WEIGHT };
        // After an overload the slow average stands too high; let it follow down fast.
        if slow_us > 2.0 * mean_us {
            slow_us *= 0.95;
        }
        self.slow_us.store(slow_us.to_bits(), Relaxed);
        let limit = f64::from(self.limit());
        let wanted = limit * (TOLERANCE * slow_us / mean_us).clamp(0.5, 1.0) + limit.sqrt();
        let next = if wanted < limit {
            limit + (wanted - limit) * FALL_WEIGHT
        } else if f64::from(most) >= limit / 2.0 {
            wanted
        } else {
            // A limit that is not used says nothing about a higher one.
            limit
        };
        let next = (next as u32).clamp(self.rules.min, self.rules.max);
        self.limit.store(next, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LimitRules = LimitRules { initial: 10, min: 2, max: 100 };

    #[test]
    fn each_priority_fills_its_share_and_no_thread_passes_it() {
        for (priority, most) in [(Priority::Sheddable, 8), (Priority::Normal, 10), (Priority::Critical, 12)] {
            for threads in [1, 2, 8] {
                let limiter = Limiter::new(RULES);
                let admitted: usize = std::thread::scope(|scope| {
                    let take = || (0..100).filter(|_| limiter.try_acquire(priority).is_ok()).count();
                    let handles: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
                    handles.into_iter().map(|handle| handle.join().unwrap()).sum()
                });
                assert_eq!(admitted, most, "{priority:?} at {threads} threads");
            }
        }
        let limiter = Limiter::new(RULES);
        assert!((0..1000).all(|_| limiter.try_acquire(Priority::Exempt).is_ok()));
    }

    /// Closes `windows` windows in each of which `used` calls at a time take `latency_ms`.
    fn run(limiter: &Limiter, from: Moment, windows: u64, used: u32, latency_ms: u64) -> Moment {
        let mut now = from;
        for _ in 0..windows {
            now = now.plus(WINDOW);
            for _ in 0..used {
                let _ = limiter.try_acquire(Priority::Critical);
            }
            for _ in 0..limiter.in_flight() {
                limiter.release(now, Outcome::Ok(Duration::from_millis(latency_ms)));
            }
        }
        now
    }

    #[test]
    fn it_grows_while_it_is_used_falls_when_calls_queue_and_comes_back() {
        let limiter = Limiter::new(LimitRules { initial: 40, min: 2, max: 100 });
        let now = run(&limiter, Moment::START, 50, 15, 10);
        assert_eq!(limiter.limit(), 40, "unused, it stays");
        let now = run(&limiter, now, 50, 100, 10);
        assert_eq!(limiter.limit(), 100, "used, it grows to its bound");
        let now = run(&limiter, now, 20, 100, 60);
        let low = limiter.limit();
        assert!(low < 50, "calls that take six times as long lower it: {low}");
        run(&limiter, now, 50, 100, 10);
        assert_eq!(limiter.limit(), 100, "and it comes back");
    }
}
