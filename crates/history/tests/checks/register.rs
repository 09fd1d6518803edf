//! Histories of a register, good and bad.

use super::rows::{judge, open, row};
use tenet_history::RegisterAction::{CompareAndSet, Read, Write};
use tenet_history::RegisterAnswer::{Done, Refused, Value};
use tenet_history::{RegisterAction, RegisterModel, RegisterOperation};

fn on(action: RegisterAction) -> RegisterOperation {
    RegisterOperation { register: 0, action }
}

#[test]
fn registers() {
    let set = |from, to| on(CompareAndSet { from, to });
    judge(
        &RegisterModel,
        vec![
            ("the start", true, vec![row(0, 0..=1, on(Read), Value(0))]),
            (
                "overlapping writes may go either way",
                true,
                vec![
                    row(0, 0..=9, on(Write(1)), Done),
                    row(1, 0..=9, on(Write(2)), Done),
                    row(2, 3..=4, on(Read), Value(2)),
                    row(2, 5..=6, on(Read), Value(1)),
                ],
            ),
            (
                "but one way",
                false,
                vec![
                    row(0, 0..=9, on(Write(1)), Done),
                    row(1, 0..=9, on(Write(2)), Done),
                    row(2, 3..=4, on(Read), Value(2)),
                    row(2, 5..=6, on(Read), Value(1)),
                    row(2, 7..=8, on(Read), Value(2)),
                ],
            ),
            (
                "a stale read",
                false,
                vec![
                    row(0, 0..=1, on(Write(1)), Done),
                    row(0, 2..=3, on(Write(2)), Done),
                    row(2, 5..=6, on(Read), Value(1)),
                ],
            ),
            ("a lost update", false, vec![row(0, 0..=9, set(0, 1), Done), row(1, 0..=9, set(0, 2), Done)]),
            (
                "unknown, seen late",
                true,
                vec![
                    open(0, 0, on(Write(1))),
                    row(1, 1..=2, on(Read), Value(0)),
                    row(1, 3..=4, on(Read), Value(1)),
                ],
            ),
            (
                "unknown, seen and unseen",
                false,
                vec![
                    open(0, 0, on(Write(1))),
                    row(1, 1..=2, on(Read), Value(1)),
                    row(1, 3..=4, on(Read), Value(0)),
                ],
            ),
            (
                "unknown, noticed by a refusal alone",
                true,
                vec![open(0, 0, on(Write(1))), row(1, 1..=2, set(0, 5), Refused)],
            ),
            (
                "unknown, noticed by a comparison alone",
                true,
                vec![open(0, 0, on(Write(1))), row(1, 1..=2, set(1, 5), Done)],
            ),
            (
                "unknown, too late to be noticed",
                false,
                vec![row(1, 1..=2, set(0, 5), Refused), open(0, 3, on(Write(1)))],
            ),
            (
                "an unknown write of the first value",
                true,
                vec![
                    row(0, 0..=1, on(Write(1)), Done),
                    open(0, 2, on(Write(0))),
                    row(1, 3..=4, on(Read), Value(0)),
                ],
            ),
        ],
    );
}
