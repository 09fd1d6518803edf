//! The tables: one row for each proxy and case, and who is behind whom.

mod verdict;

use super::run::Run;
use super::{Arguments, CPU_MOST, Case, Row};
use crate::Outcome;
use crate::report::{Report, spread};
use crate::statistics::{median, range};
use std::collections::BTreeMap;
use std::time::Duration;

/// One line about a run that has ended.
pub fn progress(row: &Row, round: usize, run: &Run) -> String {
    let phases = &run.phases;
    format!(
        "{}, {}, round {}: {:.2} % of {} succeeded ({}), critical {:.2} %, p50/p99 ms {}/{} → {}/{} → {}/{}, after {:.2} %, \
         recovered {}, calm {}, {:.2} attempts a call, goodput {:.0} %, load core {:.0} %, proxy core {:.0} %",
        row.case.title(),
        row.kind.title(),
        round + 1,
        phases.during.success() * 100.0,
        phases.during.calls,
        causes(std::iter::once(run)),
        phases.during.critical_success() * 100.0,
        ms(phases.before.p50_us),
        ms(phases.before.p99_us),
        ms(phases.during.p50_us),
        ms(phases.during.p99_us),
        ms(phases.after.p50_us),
        ms(phases.after.p99_us),
        phases.after.success() * 100.0,
        seconds(phases.recovered),
        seconds(phases.calm),
        run.attempts_per_call,
        run.goodput * 100.0,
        run.busy[0] * 100.0,
        run.busy[1] * 100.0,
    )
}

/// Prints what was found in one case, by rows of its proxies.
pub fn report(case: Case, rows: &[Row], missing: &[String], arguments: &Arguments) -> Outcome {
    let versions: Vec<String> =
        rows.iter().map(|row| format!("{} {}", row.kind.title(), row.kind.version())).collect();
    let mut report = Report::new(case.marker(), &versions.join(", "));
    missing.iter().for_each(|line| report.line(line));
    let during = if case == Case::Overload { arguments.overload } else { arguments.during };
    report.line(&format!(
        "{}: {} rounds in turns, each with a fresh proxy and fresh instances; {} s as usual, {during} s of it, {} s after. Medians, with least – most.",
        case.title(),
        arguments.rounds,
        arguments.before,
        arguments.after
    ));
    report.table(&if case == Case::Overload { overload_table(rows) } else { fault_table(rows) });
    verdict::lines(rows).iter().for_each(|line| report.line(line));
    report.line(&quiet(rows));
    report.finish(arguments.write)
}

fn fault_table(rows: &[Row]) -> Vec<Vec<String>> {
    let mut table = vec![
        [
            "proxy",
            "succeeded %",
            "failed, all rounds",
            "p50 ms before, during, after",
            "p99 ms before",
            "p99 ms during",
            "p99 ms after",
            "recovered after s",
            "attempts a call",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for row in rows {
        let phases = |pick: fn(&Run) -> f64| of(row, pick);
        let p50: [fn(&Run) -> f64; 3] = [
            |run| run.phases.before.p50_us as f64 / 1000.0,
            |run| run.phases.during.p50_us as f64 / 1000.0,
            |run| run.phases.after.p50_us as f64 / 1000.0,
        ];
        table.push(vec![
            row.kind.title().into(),
            figure(&phases(|run| run.phases.during.success() * 100.0), 2),
            causes(row.runs.iter()),
            p50.map(|pick| format!("{:.0}", median(&phases(pick)))).join(", "),
            figure(&phases(|run| run.phases.before.p99_us as f64 / 1000.0), 0),
            figure(&phases(|run| run.phases.during.p99_us as f64 / 1000.0), 0),
            figure(&phases(|run| run.phases.after.p99_us as f64 / 1000.0), 0),
            recovery(&phases(|run| or_never(run.phases.recovered))),
            figure(&phases(|run| run.attempts_per_call), 2),
        ]);
    }
    table
}

fn overload_table(rows: &[Row]) -> Vec<Vec<String>> {
    let mut table = vec![
        [
            "proxy",
            "goodput ÷ capacity %",
            "critical succeeded %",
            "failed, all rounds",
            "p50 ms of answers",
            "p99 ms of answers",
            "succeeded after it %",
            "as usual after s",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for row in rows {
        let phases = |pick: fn(&Run) -> f64| of(row, pick);
        table.push(vec![
            row.kind.title().into(),
            figure(&phases(|run| run.goodput * 100.0), 0),
            figure(&phases(|run| run.phases.during.critical_success() * 100.0), 2),
            causes(row.runs.iter()),
            figure(&phases(|run| run.phases.during.p50_us as f64 / 1000.0), 0),
            figure(&phases(|run| run.phases.during.p99_us as f64 / 1000.0), 0),
            figure(&phases(|run| run.phases.after.success() * 100.0), 2),
            recovery(&phases(|run| or_never(run.phases.calm))),
        ]);
    }
    table
}

/// How busy the machine was, and what was made again for it.
fn quiet(rows: &[Row]) -> String {
    let most = |core: usize| {
        rows.iter().flat_map(|row| &row.runs).map(|run| run.busy[core]).fold(0.0, f64::max) * 100.0
    };
    let again: usize = rows.iter().map(|row| row.again).sum();
    format!(
        "Busiest runs: load core {:.0} %, proxy core {:.0} %, both together {:.0} %; {again} runs were above {:.0} % and made again.",
        most(0),
        most(1),
        most(2),
        CPU_MOST * 100.0
    )
}

fn of(row: &Row, pick: fn(&Run) -> f64) -> Vec<f64> {
    row.runs.iter().map(pick).collect()
}

/// Seconds; never is later than anything.
fn or_never(time: Option<Duration>) -> f64 {
    time.map_or(f64::INFINITY, |time| time.as_secs_f64())
}

fn figure(values: &[f64], digits: usize) -> String {
    format!("{:.digits$} ({})", median(values), spread(values, digits))
}

fn recovery(values: &[f64]) -> String {
    let word = |seconds: f64| if seconds.is_finite() { format!("{seconds:.1}") } else { "never".into() };
    let (low, high) = range(values);
    format!("{} ({} – {})", word(median(values)), word(low), word(high))
}

fn ms(us: u64) -> String {
    format!("{:.0}", us as f64 / 1000.0)
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or("never".into(), |time| format!("{:.1} s", time.as_secs_f64()))
}

/// What failed during all these runs, most frequent first.
fn causes<'a>(runs: impl Iterator<Item = &'a Run>) -> String {
    let mut sum = BTreeMap::new();
    for (cause, count) in runs.flat_map(|run| &run.phases.during.causes) {
        *sum.entry(*cause).or_insert(0) += count;
    }
    let mut sum: Vec<_> = sum.into_iter().collect();
    sum.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<String> = sum.iter().map(|(cause, count)| format!("{cause} × {count}")).collect();
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests;
