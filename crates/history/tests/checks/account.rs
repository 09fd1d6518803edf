//! What a breach says of itself, and what a spent budget says.

use super::rows::*;
use tenet_history::{
    Entry, History, RecordAnswer, RecordModel, RecordOperation, RegisterAction, RegisterAnswer,
    RegisterModel, RegisterOperation, Verdict, check,
};

fn stale() -> Vec<Entry<RecordOperation, RecordAnswer>> {
    vec![
        row(0, 0..=10, put("a", 1), at(1)),
        row(1, 12..=15, get("a"), item(1, 1)),
        row(0, 20..=30, put("a", 2), at(2)),
        open(3, 25, put("b", 9)),
        row(1, 40..=50, get("a"), item(1, 1)),
        row(2, 45..=60, get("a"), item(2, 2)),
        row(2, 70..=80, put("a", 3), at(3)),
        row(2, 90..=95, get("a"), item(1, 1)),
    ]
}

#[test]
fn the_account_is_short_and_names_the_operation() {
    let report = check(&RecordModel, &stale().into_iter().collect(), 1_000_000);
    let Verdict::Not { account } = report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!((&account.record[..], account.unplaced, account.shortest), ("r", 4, true));
    assert_eq!(
        account.operations,
        [0, 2, 3, 4],
        "reads that are not needed are gone, and all that came later"
    );
    assert_eq!(account.states, ["{a=2@2}"]);
    let drawing = "\
record r: these operations have no order
  #0      client   0  |------|                                  put a=1 → @1
  #2      client   0                 |-------------|            put a=2 → @2
  #3      client   3                        |-----------------? put b=9 → unknown
✗ #4      client   1                                     |----| get a → 1@1
#4 could not be placed. Where it was tried, the record was:
  {a=2@2}
";
    assert_eq!(squeezed(&account.to_string()), squeezed(drawing), "\n{account}");
}

/// A drawing without the widths of its bars, which are nobody's contract.
fn squeezed(drawing: &str) -> String {
    drawing.split_whitespace().map(|word| word.replace('-', "")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_long_prefix_is_drawn_by_its_end() {
    let mut rows: Vec<_> = (0..500).map(|i| row(0, 10 * i..=10 * i + 5, put("a", i), at(i))).collect();
    rows.push(row(1, 6000..=6001, get("a"), item(3, 3)));
    let report = check(&RecordModel, &rows.into_iter().collect(), 10_000_000);
    let Verdict::Not { account } = report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!((account.unplaced, account.operations.len()), (500, 501));
    assert!(account.to_string().contains("… 453 operations that returned earlier"), "{account}");
    assert!(account.to_string().lines().count() < 60);
}

/// Writes of a register that all overlap, and a read that none explains: no order tried first can end the search.
fn hard(writes: u64) -> History<RegisterOperation, RegisterAnswer> {
    let on = |action| RegisterOperation { register: 1, action };
    let writes =
        (1..=writes).map(|value| row(0, 0..=100, on(RegisterAction::Write(value)), RegisterAnswer::Done));
    writes.chain([row(1, 50..=60, on(RegisterAction::Read), RegisterAnswer::Value(999))]).collect()
}

#[test]
fn a_budget_ends_every_search() {
    let report = check(&RegisterModel, &hard(40), 10_000);
    assert!(
        matches!(&report.verdict, Verdict::OutOfSteps { record } if record == "1"),
        "{:?}",
        report.verdict
    );
    assert!(report.steps <= 10_000);
    assert!(!check(&RegisterModel, &hard(6), 10_000).verdict.is_linearizable());
}

#[test]
fn a_hard_record_does_not_hide_the_breach_of_another() {
    let on = |action| RegisterOperation { register: 2, action };
    let breach = row(3, 0..=1, on(RegisterAction::Read), RegisterAnswer::Value(7));
    let entries = hard(40).entries().iter().cloned().chain([breach]).collect();
    let report = check(&RegisterModel, &entries, 10_000);
    assert!(
        matches!(&report.verdict, Verdict::Not { account } if account.record == "2"),
        "{:?}",
        report.verdict
    );
}
