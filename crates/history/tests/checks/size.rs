//! A history as long as a crash run's: checked in a few steps an operation.

use super::generate::{Dice, Fate, Plan, RecordEntry, run};
use std::time::Instant;
use tenet_history::{Expected, History, RecordModel, RecordOperation, Verdict, check};

const OPERATIONS: u64 = 100_000;
const CLIENTS: u64 = 64;
const RECORDS: u64 = 1_000;
/// Steps an operation, at most: each is tried once where it fits, and in the states before where it might have.
const STEPS_EACH: u64 = 8;

/// What 64 clients did, one operation each at a time: half of them reads, one in 50 of unknown outcome. Record `r0` is a whale that
/// takes a tenth of it all.
fn long(seed: u64) -> Vec<RecordEntry> {
    let mut dice = Dice(seed);
    let mut free_ns: Vec<u64> = (0..CLIENTS).map(|client| 1_000 + client).collect();
    let plans = (0..OPERATIONS).map(|index| {
        let client = (index % CLIENTS) as usize;
        let call_ns = free_ns[client] + dice.below(200);
        let point_ns = call_ns + dice.below(500);
        let return_ns = point_ns + dice.below(500);
        free_ns[client] = return_ns + 1;
        let record = if dice.below(10) == 0 { 0 } else { dice.below(RECORDS) };
        let (record, key) = (format!("r{record}"), ["a", "b", "c"][dice.below(3) as usize]);
        let operation = match dice.below(20) {
            0..5 => RecordOperation::put(&record, key, index),
            5 => RecordOperation::delete(&record, key),
            6 | 7 => RecordOperation::compare_and_set(&record, key, Expected::Version(0), index),
            8 => RecordOperation::compare_and_set(&record, key, Expected::Version(7), index),
            9 => RecordOperation::mutate(&record, &[], &[("a", Some(index)), ("b", Some(index))]),
            10 | 11 => RecordOperation::scan(&record),
            _ => RecordOperation::get(&record, key),
        };
        let fate = match dice.below(100) {
            0 => Fate::AppliedUnknown,
            1 => Fate::LostUnknown,
            _ => Fate::Answered,
        };
        Plan { client: client as u32, call_ns, point_ns, return_ns, operation, fate }
    });
    run(plans.collect())
}

#[test]
fn a_long_history_takes_a_few_steps_an_operation() {
    let history: History<_, _> = long(1).into_iter().collect();
    let began = Instant::now();
    let report = check(&RecordModel, &history, OPERATIONS * STEPS_EACH * 10);
    println!(
        "{} operations of {} records: {} steps, {:?}",
        OPERATIONS,
        report.records,
        report.steps,
        began.elapsed()
    );
    assert!(report.verdict.is_linearizable(), "{:?}", report.verdict);
    assert!(report.steps <= OPERATIONS * STEPS_EACH, "{} steps", report.steps);
}

#[test]
fn one_lie_in_a_long_history_is_found_and_told_shortly() {
    let mut entries = long(2);
    let stale = entries
        .iter()
        .rposition(|entry| matches!(entry.answer(), Some(tenet_history::RecordAnswer::Item(Some(_)))))
        .unwrap();
    let tenet_history::Outcome::Answered { answer, .. } = &mut entries[stale].outcome else { unreachable!() };
    *answer = tenet_history::RecordAnswer::Item(None);
    let read = entries[stale].clone();
    let history: History<_, _> = entries.into_iter().collect();
    let number = history.entries().iter().position(|entry| *entry == read).unwrap();
    let began = Instant::now();
    let report = check(&RecordModel, &history, OPERATIONS * STEPS_EACH * 10);
    println!("the same with one lie: {} steps, {:?}", report.steps, began.elapsed());
    let Verdict::Not { account } = report.verdict else { panic!("{:?}", report.verdict) };
    println!("{account}");
    assert_eq!((account.unplaced, account.shortest), (number, true));
}
