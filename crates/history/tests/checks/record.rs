//! Histories of a record, good and bad.

use super::rows::*;
use tenet_history::{Expected, History, RecordAnswer, RecordModel, RecordOperation, Verdict, check};

#[test]
fn certain_outcomes() {
    judge(
        &RecordModel,
        vec![
            ("nothing", true, vec![]),
            ("a read of the empty record", true, vec![row(0, 0..=1, get("a"), absent())]),
            ("a read of what nobody wrote", false, vec![row(0, 0..=1, get("a"), item(1, 1))]),
            (
                "a write and its read",
                true,
                vec![row(0, 0..=1, put("a", 1), at(1)), row(1, 2..=3, get("a"), item(1, 1))],
            ),
            (
                "a read beside a write may see it or not, but not go back",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(0, 10..=20, put("a", 2), at(2)),
                    row(1, 11..=12, get("a"), item(1, 1)),
                    row(1, 13..=14, get("a"), item(2, 2)),
                ],
            ),
            (
                "and goes back",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(0, 10..=20, put("a", 2), at(2)),
                    row(1, 11..=12, get("a"), item(2, 2)),
                    row(1, 13..=14, get("a"), item(1, 1)),
                ],
            ),
            (
                "a stale read",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(0, 2..=3, put("a", 2), at(2)),
                    row(1, 4..=5, get("a"), item(1, 1)),
                ],
            ),
            (
                "the right value with a wrong version",
                false,
                vec![row(0, 0..=1, put("a", 1), at(1)), row(1, 4..=5, get("a"), item(1, 2))],
            ),
            (
                "a lost update: both of two conditional writes on one version",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(1, 2..=9, cas("a", 1, 2), at(2)),
                    row(2, 2..=9, cas("a", 1, 3), at(3)),
                ],
            ),
            (
                "one of the two is refused",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(1, 2..=9, cas("a", 1, 2), at(2)),
                    row(2, 2..=9, cas("a", 1, 3), refused()),
                ],
            ),
            (
                "a refusal without a reason to refuse",
                false,
                vec![row(0, 0..=1, put("a", 1), at(1)), row(1, 2..=9, cas("a", 1, 2), refused())],
            ),
            (
                "a refusal that names what it met",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(1, 2..=9, cas("a", 7, 2), refused_by("a", Some(1))),
                    row(1, 2..=9, cas("b", 7, 2), refused_by("b", None)),
                ],
            ),
            (
                "a refusal that names what was not there",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(1, 2..=9, cas("a", 7, 2), refused_by("a", Some(3))),
                ],
            ),
            (
                "versions that fall",
                false,
                vec![row(0, 0..=1, put("a", 1), at(5)), row(0, 2..=3, put("b", 1), at(4))],
            ),
            (
                "writes that overlap go by their versions",
                true,
                vec![
                    row(0, 0..=9, put("a", 1), at(5)),
                    row(1, 0..=9, put("a", 2), at(4)),
                    row(0, 10..=11, get("a"), item(1, 5)),
                ],
            ),
            (
                "and not by others",
                false,
                vec![
                    row(0, 0..=9, put("a", 1), at(5)),
                    row(1, 0..=9, put("a", 2), at(4)),
                    row(0, 10..=11, get("a"), item(2, 4)),
                ],
            ),
            (
                "one version twice",
                false,
                vec![row(0, 0..=9, put("a", 1), at(5)), row(1, 0..=9, put("b", 2), at(5))],
            ),
            (
                "a mutate, scanned",
                true,
                vec![
                    row(0, 0..=1, mutate(&[("a", Some(1)), ("b", Some(2))]), at(1)),
                    row(1, 2..=3, scan(), items(&[("a", 1, 1), ("b", 2, 1)])),
                ],
            ),
            (
                "half of a mutate",
                false,
                vec![
                    row(0, 0..=9, mutate(&[("a", Some(1)), ("b", Some(2))]), at(1)),
                    row(1, 2..=3, scan(), items(&[("a", 1, 1)])),
                ],
            ),
            (
                "a mutate in two steps",
                false,
                vec![
                    row(0, 0..=9, mutate(&[("a", Some(1)), ("b", Some(2))]), at(1)),
                    row(1, 2..=3, get("a"), item(1, 1)),
                    row(1, 4..=5, get("b"), absent()),
                ],
            ),
            (
                "a mutate with two versions",
                false,
                vec![
                    row(0, 0..=9, mutate(&[("a", Some(1)), ("b", Some(2))]), at(1)),
                    row(1, 10..=13, scan(), items(&[("a", 1, 1), ("b", 2, 2)])),
                ],
            ),
            (
                "a range",
                true,
                vec![
                    row(0, 0..=1, mutate(&[("a", Some(1)), ("b", Some(2)), ("c", Some(3))]), at(1)),
                    row(
                        1,
                        2..=3,
                        RecordOperation::scan_range("r", Some("b"), Some("c")),
                        items(&[("b", 2, 1)]),
                    ),
                ],
            ),
            (
                "a range with its end",
                false,
                vec![
                    row(0, 0..=1, mutate(&[("a", Some(1)), ("b", Some(2)), ("c", Some(3))]), at(1)),
                    row(
                        1,
                        2..=3,
                        RecordOperation::scan_range("r", Some("b"), Some("c")),
                        items(&[("b", 2, 1), ("c", 3, 1)]),
                    ),
                ],
            ),
            (
                "deleted",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(0, 2..=3, delete("a"), at(2)),
                    row(1, 4..=5, get("a"), absent()),
                ],
            ),
            (
                "risen again after a delete",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(0, 2..=3, delete("a"), at(2)),
                    row(1, 4..=5, get("a"), absent()),
                    row(1, 6..=7, get("a"), item(1, 1)),
                ],
            ),
            (
                "put where absent",
                true,
                vec![
                    row(0, 0..=1, RecordOperation::compare_and_set("r", "a", Expected::Absent, 1), at(1)),
                    row(0, 2..=3, RecordOperation::compare_and_set("r", "a", Expected::Absent, 2), refused()),
                ],
            ),
            (
                "put where absent, twice",
                false,
                vec![
                    row(0, 0..=9, RecordOperation::compare_and_set("r", "a", Expected::Absent, 1), at(1)),
                    row(1, 0..=9, RecordOperation::compare_and_set("r", "a", Expected::Absent, 2), at(2)),
                ],
            ),
            ("an answer that does not belong to the operation", false, vec![row(0, 0..=1, get("a"), at(1))]),
        ],
    );
}

#[test]
fn tokens() {
    let tokened = |value| put("a", value).with_token("t");
    judge(
        &RecordModel,
        vec![
            (
                "a repetition is told the first version, also long after",
                true,
                vec![
                    row(0, 0..=1, tokened(1), at(1)),
                    row(1, 2..=3, put("a", 2), at(2)),
                    row(0, 4..=5, tokened(1), at(1)),
                    row(0, 6..=7, get("a"), item(2, 2)),
                ],
            ),
            (
                "a repetition applied twice",
                false,
                vec![
                    row(0, 0..=1, tokened(1), at(1)),
                    row(1, 2..=3, put("a", 2), at(2)),
                    row(0, 4..=5, tokened(1), at(3)),
                ],
            ),
            (
                "a repetition applied twice in silence",
                false,
                vec![
                    row(0, 0..=1, tokened(1), at(1)),
                    row(1, 2..=3, put("a", 2), at(2)),
                    row(0, 4..=5, tokened(1), at(1)),
                    row(0, 6..=7, get("a"), item(1, 1)),
                ],
            ),
            (
                "the first attempt's outcome is unknown, the second is told of it",
                true,
                vec![
                    open(0, 0, tokened(1)),
                    row(1, 2..=3, get("a"), item(1, 1)),
                    row(1, 4..=5, put("a", 2), at(2)),
                    row(0, 6..=7, tokened(1), at(1)),
                    row(0, 8..=9, get("a"), item(2, 2)),
                ],
            ),
            (
                "the second attempt was the one that took effect",
                true,
                vec![
                    open(0, 0, tokened(1)),
                    row(1, 2..=3, get("a"), absent()),
                    row(0, 6..=7, tokened(1), at(1)),
                    row(0, 8..=9, get("a"), item(1, 1)),
                ],
            ),
            (
                "both attempts took effect",
                false,
                vec![
                    open(0, 0, tokened(1)),
                    row(1, 2..=3, get("a"), item(1, 1)),
                    row(0, 6..=7, tokened(1), at(2)),
                ],
            ),
            (
                "the effect must stand before the first answer",
                false,
                vec![
                    row(0, 0..=9, tokened(1), at(1)),
                    row(0, 0..=2, tokened(1), at(1)),
                    row(1, 3..=4, get("a"), absent()),
                ],
            ),
            (
                "a refusal leaves no trace",
                true,
                vec![
                    row(0, 0..=1, cas("a", 5, 1).with_token("t"), refused()),
                    row(0, 2..=3, put("a", 7), at(5)),
                    row(0, 4..=5, cas("a", 5, 1).with_token("t"), at(6)),
                ],
            ),
            (
                "a repetition that is refused after it was written",
                false,
                vec![row(0, 0..=1, tokened(1), at(1)), row(0, 2..=3, tokened(1), refused())],
            ),
        ],
    );
}

#[test]
fn unknown_outcomes() {
    judge(
        &RecordModel,
        vec![
            (
                "never seen",
                true,
                vec![
                    open(0, 0, put("a", 1)),
                    row(1, 2..=3, get("a"), absent()),
                    row(1, 4..=5, get("a"), absent()),
                ],
            ),
            ("seen at once", true, vec![open(0, 0, put("a", 1)), row(1, 2..=3, get("a"), item(1, 9))]),
            (
                "seen late",
                true,
                vec![
                    open(0, 0, put("a", 1)),
                    row(1, 2..=3, get("a"), absent()),
                    row(1, 4..=5, get("a"), item(1, 9)),
                ],
            ),
            (
                "seen, then unseen",
                false,
                vec![
                    open(0, 0, put("a", 1)),
                    row(1, 2..=3, get("a"), item(1, 9)),
                    row(1, 4..=5, get("a"), absent()),
                ],
            ),
            (
                "seen before it was called",
                false,
                vec![row(1, 2..=3, get("a"), item(1, 9)), open(0, 4, put("a", 1))],
            ),
            (
                "seen with two versions",
                false,
                vec![
                    open(0, 0, put("a", 1)),
                    row(1, 2..=3, get("a"), item(1, 8)),
                    row(1, 4..=5, get("a"), item(1, 9)),
                ],
            ),
            (
                "seen with another's version",
                false,
                vec![
                    open(0, 0, put("a", 1)),
                    row(0, 1..=2, put("b", 1), at(8)),
                    row(1, 4..=5, get("a"), item(1, 8)),
                ],
            ),
            (
                "seen with a version before a write that returned before its call",
                false,
                vec![
                    row(0, 0..=1, put("b", 1), at(8)),
                    open(0, 2, put("a", 1)),
                    row(1, 4..=5, get("a"), item(1, 7)),
                ],
            ),
            (
                "two of the same, either may be the one",
                true,
                vec![
                    open(0, 0, put("a", 1)),
                    row(0, 2..=3, put("a", 2), at(5)),
                    open(0, 4, put("a", 1)),
                    row(1, 6..=7, get("a"), item(1, 6)),
                ],
            ),
            (
                "two of the same, each once",
                false,
                vec![
                    open(0, 0, put("a", 1)),
                    open(0, 0, put("a", 1)),
                    row(1, 6..=7, get("a"), item(1, 6)),
                    row(1, 8..=9, get("a"), item(1, 7)),
                    row(1, 10..=11, get("a"), item(1, 8)),
                ],
            ),
            (
                "half of an unknown mutate",
                false,
                vec![
                    open(0, 0, mutate(&[("a", Some(1)), ("b", Some(2))])),
                    row(1, 2..=3, scan(), items(&[("a", 1, 9)])),
                ],
            ),
            (
                "an unknown mutate with two versions",
                false,
                vec![
                    open(0, 0, mutate(&[("a", Some(1)), ("b", Some(2))])),
                    row(1, 2..=3, get("a"), item(1, 9)),
                    row(1, 4..=5, get("b"), item(2, 10)),
                ],
            ),
            (
                "noticed by a refusal alone",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, put("a", 2)),
                    row(1, 3..=4, cas("a", 1, 3), refused()),
                ],
            ),
            (
                "a refusal that no unknown write explains",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, put("b", 2)),
                    row(1, 3..=4, cas("a", 1, 3), refused()),
                ],
            ),
            (
                "noticed by a refusal that names its version, which others must agree with",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, put("a", 2)),
                    row(1, 3..=4, cas("a", 1, 3), refused_by("a", Some(4))),
                    row(1, 5..=6, put("b", 2), at(5)),
                    row(1, 7..=8, cas("a", 4, 3), at(6)),
                ],
            ),
            (
                "and do not",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, put("a", 2)),
                    row(1, 3..=4, cas("a", 1, 3), refused_by("a", Some(4))),
                    row(1, 5..=6, put("b", 2), at(3)),
                ],
            ),
            (
                "its version is not the one that was refused before",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, put("a", 2)),
                    row(1, 3..=4, cas("a", 1, 9), refused()),
                    row(1, 5..=6, cas("a", 4, 3), refused()),
                    row(1, 7..=8, cas("a", 4, 3), at(6)),
                ],
            ),
            (
                "it took effect only after that refusal",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, put("a", 2)),
                    row(1, 5..=6, cas("a", 4, 3), refused()),
                    row(1, 7..=8, cas("a", 4, 3), at(6)),
                ],
            ),
            (
                "an unknown delete, noticed",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, delete("a")),
                    row(1, 3..=4, get("a"), item(1, 1)),
                    row(1, 5..=6, get("a"), absent()),
                ],
            ),
            (
                "an unknown delete that comes and goes",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, delete("a")),
                    row(1, 3..=4, get("a"), absent()),
                    row(1, 5..=6, get("a"), item(1, 1)),
                ],
            ),
            (
                "an unknown delete does not excuse a loss before it",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(1, 3..=4, get("a"), absent()),
                    open(0, 5, delete("a")),
                ],
            ),
            (
                "an unknown delete noticed by a put where absent",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, delete("a")),
                    row(1, 3..=4, RecordOperation::compare_and_set("r", "a", Expected::Absent, 2), at(3)),
                ],
            ),
            (
                "an unknown conditional write needs its condition",
                false,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    row(0, 2..=3, put("a", 2), at(2)),
                    open(0, 4, cas("a", 1, 3)),
                    row(1, 5..=6, get("a"), item(3, 3)),
                ],
            ),
            (
                "an unknown compare-and-set that makes another fail",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(0, 2, cas("a", 1, 2)),
                    row(1, 3..=4, cas("a", 1, 3), refused()),
                    row(1, 5..=6, get("a"), item(2, 7)),
                ],
            ),
            ("an unknown read", true, vec![open(0, 0, get("a")), row(0, 1..=2, get("a"), absent())]),
        ],
    );
}

#[test]
fn writes_that_change_nothing() {
    let unchanged = || RecordAnswer::Unchanged;
    let gone = |key| delete(key).with_token("t");
    judge(
        &RecordModel,
        vec![
            ("a delete of nothing", true, vec![row(0, 0..=1, delete("a"), unchanged())]),
            ("or with a version, as the store likes", true, vec![row(0, 0..=1, delete("a"), at(1))]),
            (
                "a delete that says it found nothing, of what is there",
                false,
                vec![row(0, 0..=1, put("a", 1), at(1)), row(0, 2..=3, delete("a"), unchanged())],
            ),
            ("a put that changes nothing", false, vec![row(0, 0..=1, put("a", 1), unchanged())]),
            (
                "found gone by an unknown delete",
                true,
                vec![
                    row(0, 0..=1, put("a", 1), at(1)),
                    open(1, 2, delete("a")),
                    row(0, 4..=5, delete("a"), unchanged()),
                ],
            ),
            (
                "its repetition changes nothing, whatever is there by then",
                true,
                vec![
                    row(0, 0..=1, gone("a"), unchanged()),
                    row(0, 2..=3, put("a", 1), at(1)),
                    row(0, 4..=5, gone("a"), unchanged()),
                    row(0, 6..=7, get("a"), item(1, 1)),
                ],
            ),
            (
                "and has no version",
                false,
                vec![
                    row(0, 0..=1, gone("a"), unchanged()),
                    row(0, 2..=3, put("a", 1), at(1)),
                    row(0, 4..=5, gone("a"), at(2)),
                ],
            ),
            (
                "nobody heard of the first, and the second repeats it",
                true,
                vec![
                    open(0, 0, gone("a")),
                    row(0, 2..=3, put("a", 1), at(1)),
                    row(0, 4..=5, gone("a"), unchanged()),
                    row(0, 6..=7, get("a"), item(1, 1)),
                ],
            ),
        ],
    );
}

#[test]
fn many_unknown_outcomes_that_nobody_asked_for_cost_nothing() {
    // Each delete and each put could have happened at any time; one absence needs one of them.
    let mut rows = vec![row(0, 0..=1, put("a", 1), at(1)), row(0, 2..=3, put("b", 1), at(2))];
    for client in 0..64 {
        rows.push(open(client, 10, delete(if client % 2 == 0 { "a" } else { "b" })));
        rows.push(open(client, 11, cas("a", 1, 100 + u64::from(client))));
        rows.push(open(client, 12, mutate(&[("a", Some(7)), ("b", None)])));
        rows.push(open(client, 13, mutate(&[("b", Some(u64::from(client))), ("c", None)])));
    }
    for round in 0..20 {
        let at_ns = 100 * round + 20;
        rows.push(row(70, at_ns..=at_ns + 1, get("a"), absent()));
        rows.push(row(70, at_ns + 2..=at_ns + 3, get("b"), item(1, 2)));
        rows.push(row(70, at_ns + 4..=at_ns + 5, cas("b", 9, 9), refused()));
        rows.push(row(70, at_ns + 6..=at_ns + 7, put("c", round), at(10 + round)));
    }
    rows.push(row(70, 5_000..=5_001, get("b"), absent()));
    let history: History<_, _> = rows.iter().cloned().collect();
    let report = check(&RecordModel, &history, 100_000);
    assert!(report.verdict.is_linearizable() && report.steps < 2_000, "{report:?}");
    rows.push(row(70, 5_002..=5_003, get("b"), item(1, 2)));
    let report = check(&RecordModel, &rows.into_iter().collect(), 1_000_000);
    assert!(matches!(report.verdict, Verdict::Not { .. }), "{report:?}");
}

#[test]
fn records_are_apart() {
    judge(
        &RecordModel,
        vec![(
            "each has its own versions",
            true,
            vec![
                row(0, 0..=1, RecordOperation::put("r", "a", 1), at(5)),
                row(0, 2..=3, RecordOperation::put("s", "a", 2), at(1)),
                row(0, 4..=5, RecordOperation::get("r", "a"), item(1, 5)),
            ],
        )],
    );
}
