//! The shares of priorities, and the gradient by hand.

use super::gradient::Gradient;
use super::window::Seen;
use super::*;

#[test]
fn priorities_fill_their_shares_in_order() {
    let limiter = Limiter::new(&LimitRules { initial: 100, ..LimitRules::default() });
    let fill = |priority| (0..1000).take_while(|_| limiter.try_acquire(priority).is_ok()).count();
    assert_eq!(fill(Priority::Sheddable), 80);
    assert_eq!(fill(Priority::Normal), 20);
    assert_eq!(fill(Priority::Sheddable), 0);
    assert_eq!(fill(Priority::Critical), 30);
    assert_eq!(limiter.try_acquire(Priority::Critical), Err(Refused));
    assert_eq!(fill(Priority::Exempt), 1000, "health checks are never refused");
    let fixed = Limiter::new(&LimitRules::fixed(10));
    let taken = (0..20).filter(|_| fixed.try_acquire(Priority::Critical).is_ok()).count();
    assert_eq!(taken, 10, "a bulkhead is a bound for everybody");
}

#[test]
fn a_bound_below_the_least_limit_holds() {
    for max in [1, 4, 10] {
        let limiter = Limiter::new(&LimitRules { max, ..LimitRules::default() });
        assert_eq!(limiter.limit(), u64::from(max));
        for round in 1..=200u64 {
            let taken = (0..1000).take_while(|_| limiter.try_acquire(Priority::Normal).is_ok()).count();
            assert_eq!(taken, max as usize, "round {round}");
            for _ in 0..taken {
                let sample = Sample { latency: Duration::from_millis(10), outcome: Outcome::Ok };
                limiter.release(Moment::START.plus(Duration::from_millis(40 * round)), sample);
            }
        }
        assert!(limiter.base().is_some(), "windows were closed, and the limit was free to move");
    }
}

/// A window of 100 ms in which `most` were always in flight and each took this long.
fn seen(latency_ms: f64, most: u64) -> Seen {
    let answered = (most as f64 * 100.0 / latency_ms) as u64;
    Seen {
        seconds: 0.1,
        answered,
        mean: latency_ms * 1e6,
        low: latency_ms * 1e6,
        least: latency_ms * 1e6,
        most,
        ..Seen::default()
    }
}

#[test]
fn an_unused_limit_does_not_grow_and_a_used_one_does() {
    let mut gradient = Gradient::new(&LimitRules::default());
    for _ in 0..100 {
        assert_eq!(gradient.step(&seen(10.0, 20)), 64);
    }
    let grown = (0..10).map(|_| gradient.step(&seen(10.0, 64))).last().unwrap();
    assert!(grown > 75, "{grown}");
}

#[test]
fn it_doubles_until_it_was_too_high_once_and_then_grows_by_half() {
    let mut gradient = Gradient::new(&LimitRules::default());
    let full = |latency_ms, limit| Seen { refused: true, ..seen(latency_ms, limit) };
    let limits: Vec<u64> = (0..4).map(|n| gradient.step(&full(10.0, 64 << n))).collect();
    assert_eq!(limits, [128, 256, 512, 1024]);
    let lowered = gradient.step(&full(40.0, 1024));
    assert!(lowered < 1024, "{lowered}");
    let grown = gradient.step(&full(10.0, lowered));
    assert!((grown as f64 / lowered as f64 - 1.5).abs() < 0.01, "{grown}: from {lowered} on");
    // Who waits at the service is no load that moved here.
    let waited = gradient.step(&full(13.0, grown));
    assert!(waited < grown * 11 / 10, "{waited}: from {grown} on by steps");
}

#[test]
fn a_queue_lowers_it_until_the_queue_is_small() {
    // 16 slots of 10 ms: what is in flight beyond them waits.
    let mut gradient = Gradient::new(&LimitRules::default());
    gradient.step(&seen(10.0, 16));
    let mut limit = 64;
    for _ in 0..100 {
        limit = gradient.step(&seen(10.0 * (limit as f64 / 16.0).max(1.0), limit));
    }
    assert!((24..=36).contains(&limit), "{limit}: 1.5 × 16 and a little");
    for _ in 0..5000 {
        limit = gradient.step(&seen(10.0 * (limit as f64 / 16.0).max(1.0), limit));
    }
    assert!((24..=36).contains(&limit), "{limit}: an overload of minutes does not teach that slow is normal");
}

#[test]
fn honest_slowness_is_learnt_without_a_collapse() {
    // 64 slots of 10 ms become 64 slots of 25 ms.
    let mut gradient = Gradient::new(&LimitRules::default());
    let mut limit = 64;
    for _ in 0..200 {
        limit = gradient.step(&seen(10.0 * (limit as f64 / 64.0).max(1.0), limit));
    }
    let before = limit;
    let mut least = limit;
    for _ in 0..60 {
        limit = gradient.step(&seen(25.0 * (limit as f64 / 64.0).max(1.0), limit));
        least = least.min(limit);
    }
    assert!(least as f64 >= before as f64 * 0.2, "fell to {least} of {before}");
    assert!(limit >= 90, "six seconds later it is at {limit}");
}

#[test]
fn calls_that_run_out_of_time_lower_it_too() {
    let mut gradient = Gradient::new(&LimitRules::default());
    gradient.step(&seen(10.0, 64));
    let late = Seen { dropped: seen(10.0, 64).answered, ..seen(10.0, 64) };
    let limit = (0..40).map(|_| gradient.step(&late)).last().unwrap();
    assert!(limit < 40, "{limit}");
}
