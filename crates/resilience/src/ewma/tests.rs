//! Tables of loads.

use super::*;
use proptest::prelude::*;

const START: Moment = Moment::from_nanos(1_000_000_000_000);

fn at(ms: u64) -> Moment {
    START.plus(Duration::from_millis(ms))
}

fn observed(latency_ms: u64, outcome: Outcome) -> Observation {
    Observation { latency: Duration::from_millis(latency_ms), outcome }
}

/// A service whose good answers take 10 ms, at `pressure` in flight.
fn average(pressure: u32) -> Average {
    let mut average = Average::new(LoadRules::default());
    (0..1000).for_each(|_| average.ended(observed(10, Outcome::Ok), pressure));
    average
}

/// One attempt at a time: each row starts, runs and ends so, at that millisecond.
fn after(rows: &[(u64, u64, Outcome)], average: &Average) -> Load {
    let mut load = Load::new(1.0, None);
    for (ms, latency, outcome) in rows {
        load.began(at(ms - latency));
        load.ended(at(*ms), observed(*latency, *outcome), average);
    }
    load
}

/// The score at `ms` in milliseconds lies within `low..=high`.
#[track_caller]
fn check(rows: &[(u64, u64, Outcome)], ms: u64, low: f64, high: f64) {
    let average = average(1);
    let score = after(rows, &average).score(at(ms), &average) / 1e6;
    assert!((low..=high).contains(&score), "{score} after {rows:?} at {ms} ms, not in {low}..={high}");
}

#[test]
fn the_score_follows_what_was_seen() {
    use Outcome::{Cancelled, Failed, Ok, Refused};
    // Never seen: the service's average.
    check(&[], 0, 10.0, 10.0);
    check(&[(100, 20, Ok)], 100, 20.0, 20.0);
    // Up at once: √(100 · (10 + 90/8)).
    check(&[(100, 10, Ok), (200, 100, Ok)], 200, 46.0, 46.1);
    // Down with time: after a second, e^−0.1 of the peak's and 7/8 of the mean's distance from what 100 ms idly fell to; after 10 s, all the way.
    check(&[(100, 100, Ok), (1_100, 10, Ok)], 1_100, 67.0, 67.1);
    check(&[(1_100, 1_000, Ok), (11_200, 10, Ok)], 11_200, 10.0, 10.0);
    // Unrefreshed it falls below the average, so that it is tried again, but no lower than half of that.
    check(&[(200, 100, Ok)], 5_200, 22.3, 22.4);
    check(&[(200, 100, Ok)], 10_200, 5.0, 5.01);
    check(&[(1_200, 1_000, Ok)], 11_200, 5.0, 5.01);
    check(&[(200, 100, Ok)], 400_000, 5.0, 5.01);
    // What was measured below that stays.
    check(&[(200, 2, Ok)], 400_000, 2.0, 2.0);
    // A fast failure is no fast answer: the average latency, and the penalty 1 + 4 · ¼².
    check(&[(100, 1, Failed)], 100, 12.5, 12.5);
    check(&[(100, 1, Failed), (101, 1, Failed), (102, 1, Failed)], 102, 23.0, 24.0);
    check(&[(100, 1, Failed), (200, 10, Ok), (300, 10, Ok), (400, 10, Ok)], 400, 10.0, 10.5);
    // A refusal is no latency, costs as much as a failure at first, and is forgotten within a second.
    check(&[(100, 20, Ok), (101, 1, Refused)], 101, 24.9, 25.0);
    check(&[(100, 20, Ok), (101, 1, Refused)], 1_101, 17.9, 18.1);
    // Cancelled after longer than usual it took at least that; before, nothing is known.
    check(&[(200, 10, Ok), (300, 50, Cancelled)], 300, 27.3, 27.4);
    check(&[(200, 20, Ok), (201, 1, Cancelled)], 201, 19.9, 20.0);
}

#[test]
fn one_that_was_never_called_is_preferred_to_one_whose_first_answer_was_slow() {
    let mut average = Average::new(LoadRules::default());
    let (mut known, unknown) = (Load::new(1.0, None), Load::new(1.0, None));
    for n in 0..32 {
        let observation = observed(if n == 0 { 20 } else { 10 }, Outcome::Ok);
        known.began(at(100 * n));
        known.ended(at(100 * n), observation, &average);
        average.ended(observation, 1);
        let now = at(100 * n);
        assert!(unknown.score(now, &average) <= known.score(now, &average) + 1.0, "after {n} more");
    }
}

#[test]
fn in_flight_counts_by_weight() {
    let average = average(1);
    for (weight, expected) in [(1.0, 30.0), (2.0, 20.0), (0.5, 50.0), (f64::NAN, 30.0), (0.0, 2010.0)] {
        let mut load = Load::new(weight, None);
        load.began(at(0));
        load.began(at(0));
        let score = load.score(at(0), &average) / 1e6;
        assert!((score - expected).abs() < 1e-6, "{score} for weight {weight}");
    }
}

#[test]
fn what_runs_and_does_not_end_raises_the_score_and_makes_suspect() {
    let average = average(1);
    let mut load = after(&[(100, 10, Outcome::Ok)], &average);
    load.began(at(1000));
    load.began(at(1900));
    assert!(!load.is_suspect(at(1030), &average));
    assert!(load.is_suspect(at(1050), &average));
    assert_eq!(load.score(at(2000), &average) / 1e6, 3000.0, "a second for each of the two and the next");
    // One answer is a sign of life.
    load.ended(at(2000), observed(100, Outcome::Ok), &average);
    assert!(!load.is_suspect(at(2050), &average));
    // A stream that goes on is none of stalling.
    load.streaming(at(2100), observed(10, Outcome::Ok), &average);
    assert!(!load.is_suspect(at(60_000), &average));
    assert_eq!(load.in_flight(), 1);
    load.stream_ended();
    assert_eq!(load.in_flight(), 0);
}

/// Attempts at a hung instance are given up, or run out of time, one by one; others run on.
#[test]
fn what_is_given_up_is_no_sign_of_life() {
    let average = average(1);
    for outcome in [Outcome::Cancelled, Outcome::Failed] {
        let mut load = after(&[(1_000, 10, Outcome::Ok)], &average);
        (0..3).for_each(|_| load.began(at(1_000)));
        load.ended(at(1_500), observed(500, outcome), &average);
        assert!(load.is_suspect(at(1_500), &average), "{outcome:?}");
        // One in flight and one more, each of which takes as long as nothing came.
        load.ended(at(2_000), observed(1_000, outcome), &average);
        let score = load.score(at(4_000), &average) / 1e6;
        assert!(score >= 3_000.0 * 2.0, "{score} after {outcome:?}");
        load.ended(at(4_001), observed(3_001, Outcome::Ok), &average);
        assert!(!load.is_suspect(at(4_001), &average), "{outcome:?}");
    }
}

#[test]
fn three_failures_in_a_row_are_suspect_until_time_or_an_answer_says_otherwise() {
    let average = average(1);
    let failed = [(100, 1, Outcome::Failed), (200, 1, Outcome::Failed), (300, 1, Outcome::Failed)];
    assert!(!after(&failed[..2], &average).is_suspect(at(300), &average));
    let mut load = after(&failed, &average);
    assert!(load.is_suspect(at(300), &average));
    assert!(!load.is_suspect(at(5_000), &average));
    load.returned(at(400));
    assert!(!load.is_suspect(at(400), &average));
}

#[test]
fn one_that_takes_nothing_is_suspect_for_a_moment_at_a_time() {
    let average = average(1);
    let refused = |count: u64| (0..count).map(|n| (100 + n, 1, Outcome::Refused)).collect::<Vec<_>>();
    assert!(!after(&refused(4), &average).is_suspect(at(104), &average));
    assert!(after(&refused(5), &average).is_suspect(at(105), &average));
    let always = after(&refused(100), &average);
    assert!(always.is_suspect(at(450), &average), "one that takes nothing is asked rarely");
    assert!(!always.is_suspect(at(550), &average), "and soon again");
    let outcome = |n| if n % 2 == 0 { Outcome::Refused } else { Outcome::Ok };
    let half: Vec<_> = (0..101).map(|n| (100 + n, 1, outcome(n))).collect();
    assert!(!after(&half, &average).is_suspect(at(201), &average), "one that takes half goes on");
}

/// However busy the others are, an instance that fails or refuses at once is the worse choice.
#[test]
fn the_penalty_grows_with_what_the_others_carry() {
    for outcome in [Outcome::Failed, Outcome::Refused] {
        for pressure in [1, 10, 100] {
            let average = average(pressure);
            let rows: Vec<_> = (0..8).map(|n| (100 + n, 1, outcome)).collect();
            let troubled = after(&rows, &average).score(at(110), &average);
            let mut busy = after(&[(100, 10, Outcome::Ok)], &average);
            (0..pressure).for_each(|_| busy.began(at(110)));
            assert!(troubled > busy.score(at(110), &average) * 1.2, "{outcome:?} at {pressure} in flight");
        }
    }
}

#[test]
fn utilisation_counts_while_it_is_fresh_and_the_silent_get_the_average() {
    let mut average = average(1);
    average.reported(at(0), 0.5);
    let mut load = after(&[], &average);
    assert_eq!(load.busyness(at(0), &average), 2.0, "silent");
    for (utilisation, expected) in [(0.0, 1.0), (0.75, 4.0), (7.0, 10.0), (f64::NAN, 10.0), (-1.0, 10.0)] {
        load.reported(at(0), utilisation);
        assert!((load.busyness(at(5000), &average) - expected).abs() < 1e-6, "{utilisation}");
        assert_eq!(load.busyness(at(5001), &average), 1.0, "stale");
    }
}

#[test]
fn what_was_given_up_counts_where_it_had_its_time() {
    let check = |silent_ms, won_ms: Option<u64>, late, expected| {
        let (silent, typical) = (Duration::from_millis(silent_ms), Duration::from_millis(10));
        let outcome = Outcome::of_given_up(silent, typical, won_ms.map(Duration::from_millis), late);
        assert_eq!(outcome, expected, "{silent_ms} ms, won in {won_ms:?}, late: {late}");
    };
    check(5000, None, false, Outcome::Cancelled); // its caller went away
    check(11, None, true, Outcome::Failed);
    check(10, None, true, Outcome::Cancelled); // the call had less time than is usual
    check(40, Some(3), false, Outcome::Cancelled); // four times what is typical, not more
    check(41, Some(3), false, Outcome::Failed);
    check(41, Some(11), false, Outcome::Cancelled); // the winner was slow, too
    check(45, Some(11), false, Outcome::Failed);
}

#[test]
fn slow_start_comes_up_in_its_time() {
    let slow_start = Duration::from_secs(10);
    let mut load = Load::new(1.0, Some(at(0)));
    for (ms, expected) in [(0, 0.1), (500, 0.1), (5_000, 0.5), (9_000, 0.9), (10_000, 1.0)] {
        assert_eq!(load.share(at(ms), 1.0, slow_start), expected, "at {ms}");
        assert_eq!(load.share(at(ms), 2.0, slow_start), expected / 2.0, "half the weight at {ms}");
    }
    assert_eq!(Load::new(1.0, None).share(at(0), 1.0, slow_start), 1.0);
    assert_eq!(Load::new(1.0, Some(at(0))).share(at(0), 1.0, Duration::ZERO), 1.0);
    load.returned(at(20_000));
    assert_eq!(load.share(at(21_000), 1.0, slow_start), 0.1);
}

proptest! {
    /// Whatever comes, in whatever order, scores stay finite and above zero and counts do not wrap.
    #[test]
    fn scores_are_always_numbers(events in prop::collection::vec((0u8..8, 0u64..u64::MAX, 0u64..u64::MAX), 0..100)) {
        let mut average = Average::new(LoadRules::default());
        let mut load = Load::new(1.0, None);
        for (kind, when, nanos) in events {
            let now = Moment::from_nanos(when);
            let outcome = [Outcome::Ok, Outcome::Failed, Outcome::Cancelled, Outcome::Refused][usize::from(kind) % 4];
            let observation = Observation { latency: Duration::from_nanos(nanos), outcome };
            match kind {
                0..4 => { load.ended(now, observation, &average); average.ended(observation, load.in_flight()) }
                4 => load.began(now),
                5 => load.streaming(now, observation, &average),
                6 => load.stream_ended(),
                _ => load.reported(now, f64::from_bits(nanos)),
            }
            let score = load.score(now, &average);
            prop_assert!(score.is_finite() && score > 0.0, "{score}");
            prop_assert!(load.in_flight() < 200);
        }
    }
}
