//! The budget against its stated bound: by rows, by random histories on one thread, and by storms on 1, 2 and 8 threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

fn rules(percent: u32, floor_per_second: u32, window_ms: u64) -> BudgetRules {
    BudgetRules { percent, floor_per_second, window: Duration::from_millis(window_ms) }
}

fn at(ms: u64) -> Moment {
    Moment::from_nanos(ms * MS)
}

fn withdraw_all(budget: &RetryBudget, now: Moment) -> u64 {
    let mut taken = 0;
    while budget.try_withdraw(now) {
        taken += 1;
    }
    taken
}

#[test]
fn what_can_be_withdrawn_after_some_deposits() {
    let check = |what: &str, rules: BudgetRules, deposits: &[(u64, u64)], now: u64, expected: u64| {
        let budget = RetryBudget::new(&rules);
        for &(ms, count) in deposits {
            (0..count).for_each(|_| budget.deposit(at(ms)));
        }
        assert_eq!(budget.left(at(now)), expected, "{what}: left");
        assert_eq!(withdraw_all(&budget, at(now)), expected, "{what}: withdrawn");
        assert_eq!(budget.left(at(now)), 0, "{what}: left after");
    };
    let plain = rules(20, 0, 10_000);
    check("nothing paid, no floor", plain, &[], 0, 0);
    check("four calls pay for none", plain, &[(0, 4)], 0, 0);
    check("five calls pay for one", plain, &[(0, 5)], 0, 1);
    check(
        "one call at a time, over slices",
        plain,
        &[(0, 1), (1000, 1), (2000, 1), (3000, 1), (4000, 1)],
        4000,
        1,
    );
    check("a deposit lives for 15 slices", plain, &[(0, 500)], 9999, 100);
    check("and is gone after the window", plain, &[(0, 500)], 10_000, 0);
    check("made late in its slice it goes with it", plain, &[(624, 500)], 10_000, 0);
    check("an hour is not remembered", plain, &[(0, 500), (3_600_000, 50)], 3_600_000, 10);
    check("the floor is saved up at the start", rules(20, 10, 10_000), &[], 0, 100);
    check("and never more than a window of it", rules(20, 10, 10_000), &[], 3_600_000, 100);
    check("both together", rules(20, 10, 10_000), &[(5000, 500)], 5000, 200);
    check("nothing allowed", rules(0, 0, 10_000), &[(0, 500)], 0, 0);
    check("a window of nothing does not divide by it", rules(100, 0, 0), &[(0, 5)], 0, 5);
    check("a window without end", rules(100, 0, u64::MAX / MS), &[(0, 5)], 1 << 40, 5);
}

#[test]
fn the_floor_comes_back_with_time() {
    let budget = RetryBudget::new(&rules(20, 10, 10_000));
    assert_eq!(withdraw_all(&budget, at(0)), 100);
    for (ms, expected) in [(99, 0), (100, 1), (250, 1), (300, 1), (1300, 10), (11_300, 100)] {
        assert_eq!(withdraw_all(&budget, at(ms)), expected, "at {ms} ms");
    }
}

#[test]
fn what_was_given_back_can_be_withdrawn_again() {
    let budget = RetryBudget::new(&rules(20, 0, 10_000));
    (0..10).for_each(|_| budget.deposit(at(0)));
    assert_eq!(withdraw_all(&budget, at(0)), 2);
    budget.give_back();
    assert_eq!(withdraw_all(&budget, at(1000)), 1);
    budget.give_back();
    assert_eq!(budget.left(at(10_000)), 0, "what it was paid with was forgotten meanwhile");
    // Give-backs of withdrawals that never were cannot make more than the window holds.
    (0..1000).for_each(|_| budget.give_back());
    (0..10).for_each(|_| budget.deposit(at(20_000)));
    assert_eq!(withdraw_all(&budget, at(20_000)), 2);
}

#[test]
fn a_thread_with_an_old_now_neither_fails_nor_finds_more() {
    let budget = RetryBudget::new(&rules(20, 0, 10_000));
    (0..50).for_each(|_| budget.deposit(at(0)));
    assert_eq!(budget.left(at(12_000)), 0);
    assert_eq!(budget.left(at(5000)), 0, "forgotten for one is forgotten for all");
    budget.deposit(at(5000));
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
    let logs: Vec<Vec<Tick>> = std::thread::scope(|scope| {
        let run = |_| {
            let (budget, now, barrier, step_ms) = (&budget, &now, &barrier, &step_ms);
            scope.spawn(move || {
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
                            if seen.withdrawn % 10 == 0 {
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
            })
        };
        let handles: Vec<_> = (0..threads).map(run).collect();
        handles.into_iter().map(|handle| handle.join().expect("a storm thread")).collect()
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
