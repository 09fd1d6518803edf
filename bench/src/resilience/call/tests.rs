//! Summaries and recovery of made-up calls.

use super::{Call, Cause, Ended, Phases, Summary};
use std::time::{Duration, Instant};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A call every ms from 0 to `until`; `how` says how long it takes, or why it fails after how long.
fn calls(start: Instant, until: u64, how: impl Fn(u64) -> (u64, Option<Cause>)) -> Vec<Call> {
    (0..until)
        .map(|at| {
            let (took, cause) = how(at);
            let ended = cause.map_or(Ended::Answered, Ended::Failed);
            Call { due: start + ms(at), end: start + ms(at + took), ended, critical: at % 10 == 0 }
        })
        .collect()
}

#[test]
fn a_summary_counts_causes_and_takes_percentiles_of_answers() {
    let start = Instant::now();
    let calls = calls(start, 100, |at| match at {
        10..15 => (1000, Some(Cause::Silence)),
        20 => (1, Some(Cause::Status(503))),
        99 => (70, None),
        _ => (20, None),
    });
    let summary = Summary::of(calls.iter());
    assert_eq!((summary.calls, summary.failed(), summary.answered()), (100, 6, 94));
    assert_eq!(
        summary.causes.into_iter().collect::<Vec<_>>(),
        [(Cause::Status(503), 1), (Cause::Silence, 5)]
    );
    assert_eq!((summary.p50_us, summary.p99_us), (20_000, 70_000));
    // Of the critical ones 10 and 20 failed.
    assert_eq!(summary.critical, (10, 8));
    assert!((Summary::default().success() - 1.0).abs() < 1e-9);
}

#[test]
fn recovery_is_the_first_window_from_which_on_all_are_as_before() {
    let start = Instant::now();
    let check = |how: &dyn Fn(u64) -> (u64, Option<Cause>), expected: Option<u64>| {
        let calls = calls(start, 4000, how);
        let (fault, undone, end) = (start + ms(1000), start + ms(3000), start + ms(4000));
        let phases = Phases::of(&calls, start, fault, undone, end);
        assert_eq!(phases.recovered, expected.map(ms));
        assert_eq!(phases.calm, Some(Duration::ZERO));
    };
    let fails = |from: u64, until: u64| {
        move |at| if (from..until).contains(&at) { (1, Some(Cause::Status(502))) } else { (20, None) }
    };
    check(&|_| (20, None), Some(0));
    check(&fails(1000, 1001), Some(500));
    check(&fails(1600, 1601), Some(1000));
    // One that was under way at the fault belongs to the first window.
    check(&|at| if at == 990 { (20, Some(Cause::BrokenConnection)) } else { (20, None) }, Some(500));
    // It comes back: the last bad window counts.
    check(&|at| if at == 1100 || at == 2400 { (1, Some(Cause::Silence)) } else { (20, None) }, Some(1500));
    check(&fails(2999, 3000), None);
    // Latency: five slow calls of 500 are below the 99th percentile, six are not; three times the p99 before is good.
    check(&|at| if (1200..1205).contains(&at) { (500, None) } else { (20, None) }, Some(0));
    check(&|at| if (1200..1206).contains(&at) { (500, None) } else { (20, None) }, Some(500));
    check(&|at| if at >= 1200 { (60, None) } else { (20, None) }, Some(0));
}

#[test]
fn phases_are_split_by_what_was_under_way() {
    let start = Instant::now();
    let calls = calls(start, 4000, |_| (20, None));
    let at = |at: u64| start + ms(at);
    let phases = Phases::of(&calls, at(500), at(1000), at(3000), at(4000));
    // Due from 500 on and ended before 1000; then until 3000; then the rest.
    assert_eq!((phases.before.calls, phases.during.calls, phases.after.calls), (480, 2020, 1000));
}
