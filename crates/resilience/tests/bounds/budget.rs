//! The retry budget: random histories on one thread, storms on many, each checked over every interval.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tenet_resilience::Moment;
use tenet_resilience::budget::{BudgetRules, RetryBudget};

use super::on_threads;

fn rules(percent: u32, floor_per_second: u32, window_ms: u64) -> BudgetRules {
    BudgetRules { percent, floor_per_second, window: Duration::from_millis(window_ms) }
}

fn at(ms: u64) -> Moment {
    Moment::from_nanos(ms * 1_000_000)
}

/// What happened in one tick of the virtual clock.
#[derive(Clone, Copy, Default)]
struct Tick {
    ms: u64,
    deposits: u64,
    withdrawn: u64,
    given_back: u64,
}

/// The bound as it is stated, for every interval that begins and ends at a tick.
fn assert_bound(rules: &BudgetRules, ticks: &[Tick]) {
    let window = rules.window.as_millis() as u64;
    for (first, from) in ticks.iter().enumerate() {
        let before = ticks[..first].iter().filter(|tick| tick.ms + window >= from.ms);
        let mut deposits: u64 = before.map(|tick| tick.deposits).sum();
        let mut net = 0i64;
        for to in &ticks[first..] {
            deposits += to.deposits;
            net += to.withdrawn as i64 - to.given_back as i64;
            let interval = to.ms - from.ms;
            // Both sides times 100,000: hundredths of a retry, and milliseconds.
            let paid = u64::from(rules.percent) * deposits * 1000;
            let floor = u64::from(rules.floor_per_second) * (interval + window) * 100;
            assert!(
                net * 100_000 <= (paid + floor) as i64,
                "{net} withdrawn from {} to {} ms, {deposits} deposits count",
                from.ms,
                to.ms
            );
        }
    }
}

proptest! {
    #[test]
    fn no_history_passes_the_bound(
        percent in 0u32..150,
        floor in 0u32..20,
        window in 16u64..3000,
        steps in prop::collection::vec((0u64..400, 0u64..30, 0u64..30, 0u64..5), 1..80),
    ) {
        let rules = rules(percent, floor, window);
        let budget = RetryBudget::new(&rules);
        let (mut ms, mut ticks, mut outstanding) = (0, Vec::new(), 0);
        for (pause, deposits, tries, give_back) in steps {
            ms += pause;
            (0..deposits).for_each(|_| budget.deposit(at(ms)));
            let left = budget.left(at(ms));
            let withdrawn = (0..tries).filter(|_| budget.try_withdraw(at(ms))).count() as u64;
            prop_assert_eq!(withdrawn, tries.min(left), "what is left is what can be withdrawn");
            outstanding += withdrawn;
            let given_back = give_back.min(outstanding);
            outstanding -= given_back;
            (0..given_back).for_each(|_| budget.give_back());
            ticks.push(Tick { ms, deposits, withdrawn, given_back });
        }
        assert_bound(&rules, &ticks);
    }
}

/// All threads deposit and withdraw as fast as they can within a tick, and meet before and after the clock moves, so that what
/// happened at which time is known exactly. Every tenth withdrawal is given back.
fn storm(threads: u64, rules: &BudgetRules, step_ms: impl Fn(u64) -> u64 + Sync) -> Vec<Tick> {
    const TICKS: u64 = 120;
    const ROUNDS: u64 = 40;
    let budget = RetryBudget::new(rules);
    let (now, barrier) = (AtomicU64::new(0), Barrier::new(threads as usize));
    let logs: Vec<Vec<Tick>> = on_threads(threads, |_, _| {
        let mut log = Vec::new();
        for tick in 0..TICKS {
            barrier.wait();
            let ms = now.load(Ordering::SeqCst);
            let mut seen = Tick { ms, ..Tick::default() };
            // Traffic stops for a third of the time: the storm goes on with what was saved up.
            let deposits = if tick % 30 < 20 { 1 + tick % 7 } else { 0 };
            for round in 0..ROUNDS {
                if round < deposits {
                    budget.deposit(at(ms));
                    seen.deposits += 1;
                }
                if budget.try_withdraw(at(ms)) {
                    seen.withdrawn += 1;
                    if seen.withdrawn.is_multiple_of(10) {
                        budget.give_back();
                        seen.given_back += 1;
                    }
                }
            }
            log.push(seen);
            if barrier.wait().is_leader() {
                now.fetch_add(step_ms(tick), Ordering::SeqCst);
            }
        }
        log
    });
    (0..TICKS as usize)
        .map(|tick| {
            logs.iter().map(|log| log[tick]).fold(Tick::default(), |sum, each| Tick {
                ms: each.ms,
                deposits: sum.deposits + each.deposits,
                withdrawn: sum.withdrawn + each.withdrawn,
                given_back: sum.given_back + each.given_back,
            })
        })
        .collect()
}

#[test]
fn no_storm_passes_the_bound_at_1_2_and_8_threads() {
    for threads in [1, 2, 8] {
        for rules in [BudgetRules::default(), rules(20, 0, 1000), rules(100, 3, 500), rules(0, 10, 1000)] {
            for step in [7, 61, 62, 63, 250] {
                let ticks = storm(threads, &rules, |tick| if tick % 40 == 39 { 2500 } else { step });
                assert_bound(&rules, &ticks);
                let supply: u64 = ticks.iter().map(|tick| tick.deposits * u64::from(rules.percent)).sum();
                let net: u64 = ticks.iter().map(|tick| tick.withdrawn - tick.given_back).sum();
                // The storm takes what there is: it starts with a deposit in the same tick, so hardly any is forgotten.
                assert!(net * 100 >= supply / 2, "{threads} threads withdrew {net} of {supply} hundredths");
            }
        }
    }
}
