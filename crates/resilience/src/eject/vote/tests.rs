//! The cap in any order of events, and the times. What threads do to it at once is in `tests/bounds/ejection.rs`.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

fn second(n: u64) -> Moment {
    Moment::from_start(Duration::from_secs(1000 + n))
}

fn ejected(votes: &[Vote], now: Moment) -> u32 {
    votes.iter().filter(|vote| vote.is_ejected(now)).count() as u32
}

#[test]
fn the_cap_is_a_third_but_one_of_two_and_never_all() {
    let rules = EjectionRules::default();
    for (all, expected) in [(0, 0), (1, 0), (2, 1), (3, 1), (5, 1), (6, 2), (9, 3), (100, 34)] {
        assert_eq!(rules.cap(all), expected, "of {all}");
    }
    let check = |cap_percent, all, expected| {
        assert_eq!(EjectionRules { cap_percent, ..rules }.cap(all), expected, "{cap_percent} % of {all}");
    };
    check(0, 9, 0);
    check(100, 9, 8);
    check(255, 9, 8);
    check(34, u32::MAX, 1_460_288_880);
}

#[test]
fn failures_in_a_row_ask_for_ejection() {
    let (ejection, rules) = (Ejection::new(), EjectionRules::default());
    let votes: Vec<Vote> = (0..3).map(|_| ejection.join()).collect();
    let fail = || votes[0].failed(&rules);
    assert_eq!([fail(), fail(), fail(), fail()], [None; 4]);
    votes[0].succeeded();
    assert_eq!([fail(), fail(), fail(), fail(), fail()], [None, None, None, None, Some(5)]);
    assert_eq!(fail(), Some(6), "as the first may have met a full cap");
    assert_eq!(ejection.try_eject(&votes[0], second(0), &rules), Some(second(5)));
    assert_eq!(ejection.try_eject(&votes[0], second(0), &rules), None, "it is already");
    assert_eq!(ejection.try_eject(&votes[1], second(0), &rules), None, "the cap of three is one");
    assert!(votes[0].is_ejected(Moment::from_nanos(second(5).nanos() - 1)));
    assert!(!votes[0].is_ejected(second(5)), "usable at once");
    assert_eq!(ejection.counts(), (3, 1), "its place is free after upkeep");
    let refs: Vec<&Vote> = votes.iter().collect();
    let mut returned = Vec::new();
    ejection.upkeep(&refs, second(5), &rules, |index| returned.push(index));
    assert_eq!((returned, ejection.counts()), (vec![0], (3, 0)));
    assert_eq!(fail(), None, "it starts from nothing");
    let off = EjectionRules { consecutive_failures: 0, ..rules };
    assert!((0..100).all(|_| votes[0].failed(&off).is_none()));
}

/// Each row: the second at which it is ejected, and how long.
#[test]
fn each_time_is_longer_and_calm_is_forgiven() {
    let (ejection, rules) = (Ejection::new(), EjectionRules::default());
    let votes = [ejection.join(), ejection.join()];
    let mut clock = 0;
    for (at, lasts) in [
        (0, 5),
        (6, 10),
        (17, 15),
        (33, 20),
        // Back at 53; calm for 20 s forgives two.
        (73, 15),
        // Back at 88; calm for an hour forgives all.
        (3700, 5),
    ] {
        for now in clock..=at {
            ejection.upkeep(&[&votes[0], &votes[1]], second(now), &rules, |_| {});
        }
        clock = at;
        assert_eq!(ejection.try_eject(&votes[0], second(at), &rules), Some(second(at + lasts)), "at {at}");
    }
    let mut at = second(4000);
    for _ in 0..40 {
        ejection.upkeep(&[&votes[0], &votes[1]], at, &rules, |_| {});
        let until = ejection.try_eject(&votes[0], at, &rules).unwrap();
        assert!(until.since(at) <= rules.longest);
        at = until;
    }
    ejection.upkeep(&[&votes[0]], at, &rules, |_| {});
    assert_eq!(ejection.try_eject(&votes[0], at, &rules), Some(at.plus(rules.longest)), "no calm in between");
}

#[test]
fn who_leaves_gives_its_place_back_once() {
    let (ejection, rules) = (Ejection::new(), EjectionRules::default());
    let votes: Vec<Vote> = (0..6).map(|_| ejection.join()).collect();
    assert!(ejection.try_eject(&votes[0], second(0), &rules).is_some());
    assert!(ejection.try_eject(&votes[1], second(1), &rules).is_some());
    ejection.leave(&votes[0]);
    ejection.leave(&votes[0]);
    assert_eq!(ejection.counts(), (5, 1));
    assert!(ejection.try_eject(&votes[0], second(2), &rules).is_none(), "who left is not ejected");
    assert!(votes[0].is_ejected(second(1_000_000)), "and gets nothing");
    assert_eq!(ejection.counts(), (5, 1));
}

#[test]
fn a_service_that_shrinks_takes_those_back_that_have_least_time_left() {
    let (ejection, rules) = (Ejection::new(), EjectionRules::default());
    let votes: Vec<Vote> = (0..9).map(|_| ejection.join()).collect();
    for (index, at) in [(0, 2), (1, 0), (2, 1)] {
        assert!(ejection.try_eject(&votes[index], second(at), &rules).is_some());
    }
    votes[6..].iter().for_each(|vote| ejection.leave(vote));
    let mut returned = Vec::new();
    let refs: Vec<&Vote> = votes[..6].iter().collect();
    ejection.upkeep(&refs, second(3), &rules, |index| returned.push(index));
    assert_eq!((returned, ejection.counts()), (vec![1], (6, 2)));
}

proptest! {
    /// Whatever happens, in whatever order: places are what is held, and no more than the cap.
    #[test]
    fn the_cap_holds(steps in prop::collection::vec((0u8..5, 0usize..10, 0u64..3), 0..200)) {
        let (ejection, rules) = (Ejection::new(), EjectionRules::default());
        let mut votes = vec![ejection.join(), ejection.join()];
        let mut now = 0;
        for (kind, index, seconds) in steps {
            now += seconds;
            let index = index % votes.len().max(1);
            match (kind, votes.get(index)) {
                (0..3, Some(vote)) => _ = ejection.try_eject(vote, second(now), &rules),
                (3, Some(_)) => ejection.leave(&votes.remove(index)),
                _ => votes.push(ejection.join()),
            }
            let refs: Vec<&Vote> = votes.iter().collect();
            ejection.upkeep(&refs, second(now), &rules, |_| {});
            let all = votes.len() as u32;
            prop_assert_eq!(ejection.counts(), (all, ejected(&votes, second(now))));
            prop_assert!(ejection.counts().1 <= rules.cap(all));
        }
    }
}
