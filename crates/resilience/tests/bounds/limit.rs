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
