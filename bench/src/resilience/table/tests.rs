//! Tables and verdicts of made-up runs.

use super::super::call::{Cause, Phases, Summary};
use super::{Case, Row, Run, fault_table, overload_table, quiet, recovery, verdict};
use crate::peers::Kind;
use std::time::Duration;

fn run(failed: u64, p99_ms: u64, recovered_ms: Option<u64>) -> Run {
    let summary = |failed: u64, p99_ms: u64| Summary {
        calls: 10_000,
        causes: if failed > 0 { [(Cause::Status(503), failed)].into() } else { [].into() },
        critical: (1000, 1000),
        p50_us: 20_000,
        p99_us: p99_ms * 1000,
    };
    let time = recovered_ms.map(Duration::from_millis);
    let phases = Phases {
        before: summary(0, 25),
        during: summary(failed, p99_ms),
        after: summary(0, 25),
        recovered: time,
        calm: time,
    };
    Run { phases, attempts_per_call: 1.04, goodput: 0.97, busy: [0.3, 0.5, 0.4], counters: Vec::new() }
}

fn row(case: Case, kind: Kind, runs: &[(u64, u64, Option<u64>)]) -> Row {
    let runs =
        runs.iter().map(|(failed, p99_ms, recovered_ms)| run(*failed, *p99_ms, *recovered_ms)).collect();
    Row { case, kind, runs, again: 1 }
}

#[test]
fn rows_hold_medians_with_least_and_most() {
    let rounds = [(0, 30, Some(500)), (10, 70, None), (2, 40, Some(1000))];
    let faults = [row(Case::Hang, Kind::Envoy, &rounds)];
    let table = fault_table(&faults);
    assert_eq!(
        table[1],
        [
            "Envoy",
            "99.98 (99.90 – 100.00)",
            "503 × 12",
            "20, 20, 20",
            "25 (25 – 25)",
            "40 (30 – 70)",
            "25 (25 – 25)",
            "1.0 (0.5 – never)",
            "1.04 (1.04 – 1.04)"
        ]
    );
    assert_eq!(table[0].len(), table[1].len());
    let overload = overload_table(&[row(Case::Overload, Kind::Tenet, &rounds)]);
    assert_eq!((overload[0].len(), overload[1][1].as_str()), (overload[1].len(), "97 (97 – 97)"));
    assert_eq!(recovery(&[f64::INFINITY; 3]), "never (never – never)");
    assert!(
        quiet(&faults)
            .starts_with("Busiest runs: load core 30 %, proxy core 50 %, both together 40 %; 1 runs")
    );
}

#[test]
fn a_loss_is_called_one() {
    let check = |ours, peer, expected: &str| {
        let rows = [row(Case::ZoneLoss, Kind::Haproxy, &[peer]), row(Case::ZoneLoss, Kind::Tenet, &[ours])];
        assert_eq!(verdict::lines(&rows), [expected]);
    };
    check(
        (0, 30, Some(0)),
        (5, 90, None),
        "zone lost, Tenet beside HAProxy: success % 100.00 to 99.95 ahead; p99 ms during 30 to 90 ahead; recovery s 0.0 to never ahead: held.",
    );
    check(
        (5, 30, Some(500)),
        (5, 29, Some(0)),
        "zone lost, Tenet beside HAProxy: success % 99.95 to 99.95 level; p99 ms during 30 to 29 level; recovery s 0.5 to 0.0 LOST: LOST.",
    );
    check(
        (5, 40, None),
        (0, 29, None),
        "zone lost, Tenet beside HAProxy: success % 99.95 to 100.00 LOST; p99 ms during 40 to 29 LOST; recovery s never to never level: LOST.",
    );
}
