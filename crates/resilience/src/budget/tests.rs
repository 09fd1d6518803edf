//! What can be withdrawn, by rows. The bound itself is tested in `tests/bounds`, with threads.

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
