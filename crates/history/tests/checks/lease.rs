//! Histories of a lease, good and bad.

use super::rows::{Row, judge, open, row};
use tenet_history::LeaseAnswer::{Done, Granted, Refused};
use tenet_history::{History, LeaseAction, LeaseModel, LeaseOperation, check};

pub fn acquire(holder: &str, ttl_ns: u64) -> LeaseOperation {
    on(LeaseAction::Acquire { holder: holder.into(), ttl_ns })
}

pub fn renew(token: u64, ttl_ns: u64) -> LeaseOperation {
    on(LeaseAction::Renew { token, ttl_ns })
}

pub fn release(token: u64) -> LeaseOperation {
    on(LeaseAction::Release { token })
}

fn on(action: LeaseAction) -> LeaseOperation {
    LeaseOperation { lease: "l".into(), action }
}

#[test]
fn leases() {
    let strict = LeaseModel::default();
    judge(
        &strict,
        vec![
            (
                "one after the other ran out",
                true,
                vec![
                    row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
                    row(1, 50..=60, acquire("y", 100), Refused),
                    row(1, 100..=110, acquire("y", 100), Granted { token: 2 }),
                ],
            ),
            (
                "a split brain: two holders at once",
                false,
                vec![
                    row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
                    row(1, 50..=60, acquire("y", 100), Granted { token: 2 }),
                ],
            ),
            (
                "the earliest end decides, not the first answer",
                true,
                vec![
                    row(0, 0..=50, acquire("x", 100), Granted { token: 1 }),
                    row(1, 90..=101, acquire("y", 100), Granted { token: 2 }),
                ],
            ),
            (
                "a renewal pushes the end",
                false,
                vec![
                    row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
                    row(0, 50..=60, renew(1, 100), Done),
                    row(1, 100..=140, acquire("y", 100), Granted { token: 2 }),
                ],
            ),
            (
                "a release frees it",
                true,
                vec![
                    row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
                    row(0, 10..=20, release(1), Done),
                    row(1, 21..=22, acquire("y", 100), Granted { token: 2 }),
                ],
            ),
            (
                "a refusal after a release",
                false,
                vec![
                    row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
                    row(0, 10..=20, release(1), Done),
                    row(1, 21..=22, acquire("y", 100), Refused),
                ],
            ),
            (
                "a token that does not grow",
                false,
                vec![
                    row(0, 0..=5, acquire("x", 10), Granted { token: 2 }),
                    row(1, 50..=60, acquire("y", 10), Granted { token: 2 }),
                ],
            ),
            (
                "an old token is renewed",
                false,
                vec![
                    row(0, 0..=5, acquire("x", 10), Granted { token: 1 }),
                    row(1, 50..=60, acquire("y", 100), Granted { token: 2 }),
                    row(0, 70..=75, renew(1, 100), Done),
                ],
            ),
            (
                "an old token is refused",
                true,
                vec![
                    row(0, 0..=5, acquire("x", 10), Granted { token: 1 }),
                    row(1, 50..=60, acquire("y", 100), Granted { token: 2 }),
                    row(0, 70..=75, renew(1, 100), Refused),
                    row(0, 76..=77, release(1), Refused),
                ],
            ),
            (
                "the holder is refused while it holds",
                false,
                vec![
                    row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
                    row(0, 70..=75, renew(1, 100), Refused),
                ],
            ),
            (
                "a grant of unknown outcome explains a refusal until it ran out",
                true,
                vec![
                    open(0, 0, acquire("x", 100)),
                    row(1, 20..=30, acquire("y", 10), Refused),
                    row(1, 120..=140, acquire("y", 10), Granted { token: 5 }),
                ],
            ),
            (
                "and not for longer",
                false,
                vec![
                    open(0, 0, acquire("x", 100)),
                    row(1, 20..=30, acquire("y", 10), Refused),
                    row(1, 140..=150, acquire("y", 10), Refused),
                ],
            ),
            (
                "and not both ways",
                false,
                vec![
                    open(0, 0, acquire("x", 100)),
                    row(1, 20..=30, acquire("y", 10), Refused),
                    row(1, 50..=60, acquire("y", 10), Granted { token: 5 }),
                ],
            ),
            (
                "an unknown release",
                true,
                vec![
                    row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
                    open(0, 10, release(1)),
                    row(1, 20..=30, acquire("y", 10), Refused),
                    row(1, 31..=32, acquire("y", 10), Granted { token: 2 }),
                ],
            ),
        ],
    );
}

#[test]
fn a_store_may_be_late_by_what_it_states() {
    let rows: Vec<Row<LeaseModel>> = vec![
        row(0, 0..=5, acquire("x", 100), Granted { token: 1 }),
        row(1, 110..=120, acquire("y", 100), Refused),
    ];
    let history: History<_, _> = rows.into_iter().collect();
    for (late_ns, expected) in [(0, false), (5, false), (6, true)] {
        let report = check(&LeaseModel { late_ns }, &history, 1_000);
        assert_eq!(report.verdict.is_linearizable(), expected, "late by {late_ns} ns");
    }
}
