//! The estimate against exact quantiles, and how soon it follows a change.

use super::*;

const MS: u64 = 1_000_000;

/// A fixed sequence of numbers uniform in (0, 1): the tests vary the distribution, not the luck.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

fn estimate(quantile: f64) -> DelayEstimate {
    DelayEstimate::new(&DelayRules { quantile, ..DelayRules::default() })
}

/// Records `count` samples of `latency_ns`, `every_ns` apart, and says when the last was.
fn feed(estimate: &mut DelayEstimate, from: Moment, every_ns: u64, count: u64, latency_ns: u64) -> Moment {
    for step in 0..count {
        estimate.record(from.plus(Duration::from_nanos(step * every_ns)), latency_ns);
    }
    from.plus(Duration::from_nanos(count * every_ns))
}

fn off(estimated: Option<Duration>, exact_ns: u64) -> f64 {
    let estimated = estimated.map_or(f64::NAN, |delay| delay.as_nanos() as f64);
    (estimated - exact_ns as f64).abs() / exact_ns as f64
}

#[test]
fn quantiles_are_as_accurate_as_stated() {
    let check = |what: &str, latency: &dyn Fn(f64) -> f64| {
        for quantile in [0.5, 0.9, 0.95, 0.99, 0.999] {
            for count in [100, 1000, 20_000] {
                let mut uniform = Uniform(0x2545_F491_4F6C_DD1D);
                let mut samples: Vec<u64> = (0..count).map(|_| latency(uniform.next()) as u64).collect();
                let mut estimate = estimate(quantile);
                for (step, sample) in samples.iter().enumerate() {
                    estimate.record(Moment::from_nanos(step as u64), *sample);
                }
                samples.sort_unstable();
                let exact = samples[((quantile * count as f64).ceil() as usize).clamp(1, samples.len()) - 1];
                let estimated = estimate.quantile(Moment::from_nanos(count));
                let off = off(estimated, exact);
                assert!(off <= RELATIVE_ERROR, "{what}, {quantile} of {count}: {estimated:?} for {exact} ns");
            }
        }
    };
    check("the same each time", &|_| 7.0e6);
    check("uniform, 1 to 2 ms", &|u| 1e6 + u * 1e6);
    check("exponential, mean 5 ms", &|u| 2e3 - u.ln() * 5e6);
    check("Pareto, 1 ms and a heavy tail", &|u| (1e6 / u.powf(1.0 / 1.5)).min(1e11));
    check("two modes, a cache of 90 %", &|u| if u < 0.9 { 50e3 + u * 1e3 } else { 80e6 + u * 1e6 });
    check("log-uniform over all buckets", &|u| 1024.0 * (1e11f64 / 1024.0).powf(u));
}

#[test]
fn says_nothing_before_there_are_samples_enough() {
    let mut estimate = estimate(0.95);
    let end = feed(&mut estimate, Moment::START, MS, u64::from(MIN_SAMPLES) - 1, 10 * MS);
    assert_eq!(estimate.quantile(end), None);
    estimate.record(end, 10 * MS);
    assert!(off(estimate.quantile(end), 10 * MS) <= RELATIVE_ERROR);
}

#[test]
fn odd_rules_and_latencies_do_no_harm() {
    for (quantile, window) in
        [(f64::NAN, Duration::ZERO), (-1.0, Duration::MAX), (2.0, Duration::from_nanos(1))]
    {
        let mut estimate = DelayEstimate::new(&DelayRules { quantile, window });
        for step in 0..1000 {
            estimate.record(Moment::from_nanos(step), if step % 2 == 0 { 0 } else { u64::MAX });
            let _ = estimate.quantile(Moment::from_nanos(step / 2));
        }
        estimate.record(Moment::from_nanos(u64::MAX), 1);
        let _ = estimate.quantile(Moment::START);
    }
}

#[test]
fn a_change_is_followed_within_a_window_or_two_hundred_samples() {
    // (what, nanoseconds between samples, samples before the change)
    let check = |what: &str, every_ns: u64, before: u64| {
        for (old, new) in [(10 * MS, 40 * MS), (40 * MS, 10 * MS)] {
            let mut estimate = estimate(0.95);
            let change = feed(&mut estimate, Moment::START, every_ns, before, old);
            assert!(off(estimate.quantile(change), old) <= RELATIVE_ERROR, "{what}: {old} before");
            let window_ns = DelayRules::default().window.as_nanos() as u64;
            let follow = (window_ns / every_ns).max(2 * u64::from(MIN_SAMPLES)) + 1;
            let end = feed(&mut estimate, change, every_ns, follow, new);
            assert!(off(estimate.quantile(end), new) <= RELATIVE_ERROR, "{what}: from {old} to {new}");
        }
    };
    check("1000 a second", MS, 17_345);
    check("30 a second", 33 * MS, 2000);
    check("5 a second", 200 * MS, 777);
    check("5 a second, the first generation", 200 * MS, 130);
}

#[test]
fn a_slow_down_shows_when_five_percent_are_slow() {
    let mut estimate = estimate(0.95);
    let change = feed(&mut estimate, Moment::START, MS, 4000, 10 * MS);
    let end = feed(&mut estimate, change, MS, 205, 40 * MS);
    assert!(off(estimate.quantile(end), 10 * MS) <= RELATIVE_ERROR, "not yet");
    let end = feed(&mut estimate, end, MS, u64::from(RECOMPUTE_SAMPLES), 40 * MS);
    assert!(off(estimate.quantile(end), 40 * MS) <= RELATIVE_ERROR, "{:?}", estimate.quantile(end));
}

#[test]
fn a_few_new_samples_show_after_a_tenth_of_a_second() {
    let mut estimate = estimate(0.5);
    let end = feed(&mut estimate, Moment::START, 1, 100, 10 * MS);
    assert!(off(estimate.quantile(end), 10 * MS) <= RELATIVE_ERROR);
    let end = feed(&mut estimate, end, 1, 120, 20 * MS);
    assert!(off(estimate.quantile(end), 10 * MS) <= RELATIVE_ERROR, "cached");
    let later = end.plus(Duration::from_nanos(RECOMPUTE_AFTER_NS));
    assert!(off(estimate.quantile(later), 20 * MS) <= RELATIVE_ERROR);
}

#[test]
fn what_leaves_the_window_leaves_the_quantile_also_without_new_samples() {
    let mut estimate = estimate(0.5);
    let half = DelayRules::default().window / 2;
    feed(&mut estimate, Moment::START, 1, 300, 10 * MS);
    let second = Moment::START.plus(half);
    let end = feed(&mut estimate, second, 1, 200, 20 * MS);
    assert!(off(estimate.quantile(end), 10 * MS) <= RELATIVE_ERROR, "300 of 500");
    assert!(off(estimate.quantile(end.plus(half)), 20 * MS) <= RELATIVE_ERROR, "200 of 200");
}

#[test]
fn what_is_far_too_old_is_forgotten() {
    let window = DelayRules::default().window;
    let mut estimate = estimate(0.95);
    let end = feed(&mut estimate, Moment::START, MS, 2000, 10 * MS);
    assert!(estimate.quantile(end.plus(window)).is_some(), "a pause of a window is nothing");
    assert_eq!(estimate.quantile(end.plus(window * 2 * (MAX_WINDOWS as u32 + 1))), None);
}

#[test]
fn hedging_by_the_estimate_stays_at_its_share() {
    // The share of calls that got a second attempt after it was the estimate's own doing for long; `told` whether losers are told of.
    let hedged = |told: bool| {
        let (mut estimate, mut random) = (estimate(0.95), Uniform(7));
        let mut took = || (-random.next().ln() * 10.0 * MS as f64) as u64;
        let (mut second, calls) = (0u64, 40_000u64);
        for call in 0..calls {
            let now = Moment::from_nanos(call * MS);
            let (first, delay) = (took(), estimate.quantile(now).map(|delay| delay.as_nanos() as u64));
            let Some(delay) = delay.filter(|delay| first > *delay) else {
                estimate.record(now, first);
                continue;
            };
            second += u64::from(call >= calls / 2);
            let hedge = took();
            let (won, lost) =
                if delay + hedge < first { (hedge, delay + hedge) } else { (first, first - delay) };
            estimate.record(now, won);
            if told {
                estimate.cut_short(now, lost);
            }
        }
        second as f64 / (calls / 2) as f64
    };
    let share = hedged(true);
    assert!((0.04..0.06).contains(&share), "{share}");
    // What the rule is for.
    assert!(hedged(false) > 0.08, "{}", hedged(false));
}

#[test]
fn what_was_cut_short_early_says_nothing() {
    let mut estimate = estimate(0.5);
    let end = feed(&mut estimate, Moment::START, 1, 200, 10 * MS);
    for step in 0..1000 {
        estimate.cut_short(end.plus(Duration::from_millis(step)), MS);
    }
    assert!(off(estimate.quantile(end.plus(Duration::from_secs(1))), 10 * MS) <= RELATIVE_ERROR);
}
