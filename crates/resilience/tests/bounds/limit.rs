//! However many threads ask, no more calls are in flight than the limit lets in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::time::Duration;
use tenet_resilience::Moment;
use tenet_resilience::limit::{LimitRules, Limiter, Outcome, Priority, Sample};

fn sample(latency_ms: u64) -> Sample {
    Sample { latency: Duration::from_millis(latency_ms), outcome: Outcome::Ok }
}

#[test]
fn no_interleaving_passes_the_bound() {
    for threads in [1, 2, 8] {
        let limiter = Limiter::new(&LimitRules::fixed(7));
        let (running, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let passed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        if limiter.try_acquire(Priority::Normal).is_ok() {
                            let now = running.fetch_add(1, AcqRel) + 1;
                            most.fetch_max(now, Relaxed);
                            if now > 7 {
                                passed.store(true, Relaxed);
                            }
                            running.fetch_sub(1, AcqRel);
                            limiter.release(Moment::START, sample(1));
                        }
                    }
                });
            }
        });
        assert!(!passed.load(Relaxed), "{threads} threads");
        assert!(most.load(Relaxed) >= 1);
        assert_eq!(limiter.in_flight(), 0, "{threads} threads: every permit came back");
    }
}

#[test]
fn no_priority_passes_its_share_while_windows_close() {
    // It adapts, but has nowhere to go.
    let rules =
        LimitRules { initial: 8, min: 8, max: 8, window: Duration::from_millis(1), ..LimitRules::default() };
    for threads in [1, 2, 8] {
        let limiter = Limiter::new(&rules);
        let bounds = Priority::REFUSABLE.map(|priority| limiter.bound(priority));
        assert_eq!(bounds, [16, 8, 7]);
        let (clock, passed) = (AtomicU64::new(1), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (limiter, clock, passed) = (&limiter, &clock, &passed);
                scope.spawn(move || {
                    let mut held = 0u64;
                    for round in 0..20_000u64 {
                        let which = ((round + thread) % 3) as usize;
                        if limiter.try_acquire(Priority::REFUSABLE[which]).is_ok() {
                            held += 1;
                        }
                        // Whatever the others do, the most that may ever be in flight is what CRITICAL may fill.
                        passed.fetch_max(limiter.in_flight(), Relaxed);
                        if held > 2 || round % 5 == 0 {
                            for _ in 0..std::mem::take(&mut held) {
                                let now = Moment::from_nanos(clock.fetch_add(10_000, Relaxed));
                                limiter.release(now, sample(1 + round % 3));
                            }
                        }
                    }
                    (0..held).for_each(|_| limiter.release(Moment::START, sample(1)));
                });
            }
        });
        assert!(passed.load(Relaxed) <= 16, "{threads} threads: {} in flight", passed.load(Relaxed));
        assert_eq!(limiter.in_flight(), 0, "{threads} threads: every permit came back");
        assert_eq!(limiter.limit(), 8);
        assert!(limiter.base().is_some(), "{threads} threads: windows were closed meanwhile");
    }
}

#[test]
fn each_priority_alone_keeps_to_its_share_at_any_number_of_threads() {
    let rules =
        LimitRules { initial: 8, min: 8, max: 8, window: Duration::from_millis(1), ..LimitRules::default() };
    for threads in [1, 2, 8] {
        for priority in Priority::REFUSABLE {
            let limiter = Limiter::new(&rules);
            let bound = limiter.bound(priority);
            let (running, most) = (AtomicU64::new(0), AtomicU64::new(0));
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        for round in 0..4_000u64 {
                            let mut held = 0u64;
                            while limiter.try_acquire(priority).is_ok() {
                                held += 1;
                                most.fetch_max(running.fetch_add(1, AcqRel) + 1, Relaxed);
                            }
                            for _ in 0..held {
                                running.fetch_sub(1, AcqRel);
                                limiter.release(Moment::from_nanos(round * 1_000_000), sample(1));
                            }
                        }
                    });
                }
            });
            assert_eq!(most.load(Relaxed), bound, "{threads} threads: all of its share and no more");
        }
    }
}
