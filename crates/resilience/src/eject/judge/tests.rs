//! Tables of judgements.

use super::*;
use std::time::Duration;

/// One instance in every interval of a row: requests, failures, milliseconds.
type Row = (u64, u64, u64);

fn tally(instance: u64, (requests, failures, millis): Row) -> Tally {
    let mut interval = Interval::default();
    for n in 0..requests {
        interval.record(Duration::from_millis(millis), n < failures);
    }
    Tally { instance, interval, exempt: Exempt::Nothing }
}

/// What the judge finds in each of `intervals` with all instances always the same.
fn verdicts(rows: &[Row], intervals: usize) -> Vec<Vec<String>> {
    let mut judge = Judge::new();
    let tallies: Vec<Tally> = (0..).zip(rows).map(|(instance, row)| tally(instance, *row)).collect();
    let read = |verdicts: Vec<Verdict>| {
        verdicts.iter().map(|verdict| format!("{} {}", verdict.instance, verdict.cause)).collect()
    };
    (0..intervals).map(|_| read(judge.judge(&tallies, &EjectionRules::default()))).collect()
}

/// The first interval, from 1, with verdicts, and those.
#[track_caller]
fn check(rows: &[Row], expected: Option<(usize, &[&str])>) {
    let verdicts = verdicts(rows, 30);
    let first = verdicts.iter().position(|found| !found.is_empty());
    let seen = first.map(|at| (at + 1, verdicts[at].iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(seen, expected.map(|(at, list)| (at, list.to_vec())), "{rows:?}");
}

#[test]
fn nothing_is_found_among_equals_or_alone() {
    check(&[], None);
    check(&[(1000, 1000, 500)], None);
    check(&[(1000, 0, 5); 3], None);
    check(&[(1000, 1000, 5); 6], None);
    check(&[(1000, 500, 500); 6], None);
}

#[test]
fn a_slow_one_is_found_in_the_second_interval() {
    let slow = "1 answers in 104 ms, the others in 6.0 ms";
    check(&[(100, 0, 6), (100, 0, 104), (100, 0, 6)], Some((2, &[slow])));
    check(&[(100, 0, 6), (100, 0, 104)], Some((2, &[slow])));
    // Few requests: as many intervals as it takes to have 20, twice.
    check(&[(100, 0, 6), (5, 0, 104)], Some((8, &[slow])));
    check(&[(100, 0, 6), (2, 0, 104)], Some((20, &[slow])));
    check(&[(100, 0, 6), (1, 0, 104)], None);
    // Nobody to compare with.
    check(&[(1, 0, 6), (100, 0, 104)], None);
    // Three times is not more than three times, and 9 ms are no matter.
    check(&[(100, 0, 8), (100, 0, 24), (100, 0, 8)], None);
    check(&[(100, 0, 1), (100, 0, 10), (100, 0, 1)], None);
}

#[test]
fn one_that_fails_is_found() {
    check(
        &[(100, 0, 5), (100, 90, 5), (100, 2, 5)],
        Some((1, &["1 failed 90 % of 100 requests, the others 1.0 %"])),
    );
    check(&[(20, 0, 5), (4, 3, 5)], Some((5, &["1 failed 75 % of 20 requests, the others 0 %"])));
    // Half is not more than half; the others fail as well; too few of them.
    check(&[(100, 0, 5), (100, 50, 5)], None);
    check(&[(100, 40, 5), (100, 60, 5)], None);
    check(&[(1, 0, 5), (100, 60, 5)], None);
    // With five, the mean and its deviation.
    let mut rows = [(1000, 10, 5); 6];
    rows[2] = (1000, 100, 5);
    check(&rows, Some((1, &["2 failed 10 % of 1000 requests, the others 1.0 %"])));
    check(&rows[..4], None);
    // Outside of that, but by too little to matter; and by what chance explains.
    rows[2] = (1000, 50, 5);
    check(&rows, None);
    let mut rows = [(100, 10, 5); 6];
    rows[2] = (100, 20, 5);
    check(&rows, None);
}

#[test]
fn the_worst_comes_first() {
    let mut rows = [(100, 0, 5); 8];
    (rows[1], rows[2], rows[3], rows[4]) = ((100, 70, 5), (100, 95, 5), (100, 0, 60), (100, 0, 600));
    let order: Vec<String> = verdicts(&rows, 2)[1].iter().map(|text| text[..1].to_string()).collect();
    assert_eq!(order, ["2", "1", "4", "3"]);
}

#[test]
fn the_exempt_are_not_judged_and_the_ejected_start_from_nothing() {
    let rows = [(100, 0, 6), (100, 0, 104), (100, 0, 6)];
    let mut tallies: Vec<Tally> = (0..).zip(rows).map(|(instance, row)| tally(instance, row)).collect();
    let rules = EjectionRules::default();
    let mut judge = Judge::new();
    for (exempt, found) in [
        (Exempt::Latency, 0),
        (Exempt::Latency, 0),
        (Exempt::Nothing, 0),
        (Exempt::All, 0),
        (Exempt::Nothing, 0),
        (Exempt::Nothing, 1),
    ] {
        tallies[1].exempt = exempt;
        assert_eq!(judge.judge(&tallies, &rules).len(), found, "{exempt:?}");
    }
    // One that is missing is forgotten.
    judge.judge(&[tallies[0], tallies[2]], &rules);
    assert!(judge.judge(&tallies, &rules).is_empty());
}

#[test]
fn one_that_comes_back_from_being_slow_is_on_trial() {
    let rules = EjectionRules::default();
    let other = tally(1, (100, 0, 6));
    let mut judge = Judge::new();
    let mut found = |exempt: Exempt, millis: u64| {
        let first = Tally { exempt, ..tally(0, (100, 0, millis)) };
        judge.judge(&[first, other], &rules).len()
    };
    let seen: Vec<usize> = [104, 104].map(|millis| found(Exempt::Nothing, millis)).to_vec();
    assert_eq!(seen, [0, 1]);
    for _ in 0..50 {
        assert_eq!(found(Exempt::All, 104), 0);
    }
    assert_eq!(found(Exempt::Nothing, 104), 1, "once is enough");
    assert_eq!(found(Exempt::All, 104), 0);
    let seen: Vec<usize> = [6, 104, 104].map(|millis| found(Exempt::Nothing, millis)).to_vec();
    assert_eq!(seen, [0, 0, 1], "found sound it is one as all others");
}

#[test]
fn one_slow_interval_between_sound_ones_is_nothing() {
    let (sound, slow) = (tally(0, (100, 0, 6)), tally(0, (100, 0, 104)));
    let other = tally(1, (100, 0, 6));
    let mut judge = Judge::new();
    for n in 0..40 {
        let first = if n % 2 == 0 { slow } else { sound };
        assert!(judge.judge(&[first, other], &EjectionRules::default()).is_empty());
    }
}

#[test]
fn rules_are_turned_off_by_zero() {
    let rules = EjectionRules {
        latency_factor: 0.0,
        success_rate_sigmas: 0.0,
        failure_percent: 100,
        ..EjectionRules::default()
    };
    let mut tallies: Vec<Tally> = (0..6).map(|instance| tally(instance, (100, 0, 6))).collect();
    tallies[0] = tally(0, (100, 100, 600));
    let mut judge = Judge::new();
    assert!((0..5).all(|_| judge.judge(&tallies, &rules).is_empty()));
}
