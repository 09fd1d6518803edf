//! Whatever happens to its attempts, a call keeps its bounds.

use super::*;
use crate::budget::BudgetRules;
use proptest::prelude::*;

/// What comes next of a call under way.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Time passes until a second attempt might begin.
    Silence,
    /// It finds no instance.
    SilenceWithoutInstance,
    /// An attempt ends.
    End(Ended),
    /// An attempt ends and the repetition is given up while it waits.
    EndAndLeave(Ended),
}

fn any_step() -> impl Strategy<Value = Step> {
    let ended = || {
        prop_oneof![
            Just(Ended::NeverLeft),
            Just(Ended::NotRun(Pushback::None)),
            Just(Ended::Failed(Pushback::None)),
            Just(Ended::Failed(Pushback::After(Duration::from_millis(3)))),
        ]
    };
    prop_oneof![
        2 => Just(Step::Silence),
        1 => Just(Step::SilenceWithoutInstance),
        4 => ended().prop_map(Step::End),
        1 => ended().prop_map(Step::EndAndLeave),
    ]
}

proptest! {
    #[test]
    fn no_call_passes_its_attempts_and_what_it_paid_is_what_it_made(
        attempts in 1u32..5,
        hedged in any::<bool>(),
        idempotent in any::<bool>(),
        allowance in 0u32..6,
        steps in prop::collection::vec(any_step(), 0..40),
    ) {
        let rules = CallRules { attempts, ..CallRules::default() };
        let budget = RetryBudget::new(&BudgetRules { floor_per_second: 100, ..BudgetRules::default() });
        let allowance = Allowance::new(allowance);
        let whole = allowance.left();
        let means = Means { budget: &budget, allowance: &allowance, typical: Duration::from_millis(1) };
        let mut now = Moment::START.plus(Duration::from_secs(100));
        let terms = Terms {
            idempotent,
            copyable: true,
            hedge_after: hedged.then_some(Duration::from_millis(5)),
            deadline: now.plus(Duration::from_secs(1000)),
        };
        let mut call = Call::begin(&rules, terms, now);
        // Attempts that run, and those that were paid for and made.
        let (mut running, mut paid, mut free) = (1u32, 0u32, 0u32);
        for step in steps {
            match step {
                Step::Silence | Step::SilenceWithoutInstance => {
                    let Some(at) = call.second_at() else { continue };
                    now = now.max(at);
                    if call.second(now, means).is_ok() {
                        if matches!(step, Step::Silence) {
                            running += 1;
                            paid += 1;
                        } else {
                            call.unplaced(means);
                        }
                    }
                }
                Step::End(ended) | Step::EndAndLeave(ended) => {
                    running -= 1;
                    match call.ended(now, ended, true, means, 7) {
                        Next::Wait => prop_assert!(running > 0),
                        Next::GiveUp(_) => break,
                        Next::Retry { at } => {
                            prop_assert!(at >= now && running == 0);
                            if matches!(step, Step::EndAndLeave(_)) {
                                call.abandon(means);
                                break;
                            }
                            now = at;
                            call.again(now);
                            running += 1;
                            if ended == Ended::NeverLeft { free += 1 } else { paid += 1 }
                        }
                    }
                }
            }
            prop_assert!(running <= 2, "at most two at a time");
        }
        prop_assert!(paid < attempts.max(1), "{paid} paid repetitions with {attempts} attempts");
        prop_assert!(free <= FREE_MAX);
        prop_assert_eq!(whole - allowance.left(), paid, "what was not made was given back");
    }
}

#[test]
fn the_time_of_a_second_attempt_does_not_become_that_of_a_third() {
    let rules = CallRules { attempts: 2, ..CallRules::default() };
    let (budget, allowance) = (RetryBudget::new(&BudgetRules::default()), Allowance::new(8));
    let means = Means { budget: &budget, allowance: &allowance, typical: Duration::ZERO };
    let now = Moment::START.plus(Duration::from_secs(1));
    let terms = Terms {
        idempotent: true,
        copyable: true,
        hedge_after: Some(Duration::from_millis(10)),
        deadline: now.plus(Duration::from_secs(1)),
    };
    let mut call = Call::begin(&rules, terms, now);
    let hedge = call.second_at().expect("the hedge");
    call.second(hedge, means).expect("nothing was spent before");
    assert_eq!(call.ended(hedge, Ended::Failed(Pushback::None), true, means, 0), Next::Wait);
    assert_eq!(call.second_at(), None, "two attempts were all it had");
    assert_eq!(call.attempts(), 2);
}
