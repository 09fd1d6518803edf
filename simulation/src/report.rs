//! The table at the end: what faults did, by scenario, in the median and in the worst seed.

use crate::figures::{Figures, millis};
use crate::{Run, Scenario};
use std::collections::BTreeMap;
use std::fmt;

/// Figures of many runs.
#[derive(Clone, Debug, Default)]
pub struct Report {
    runs: BTreeMap<Scenario, Vec<Figures>>,
    findings: BTreeMap<(String, Scenario), u32>,
}

impl Report {
    /// Without runs.
    pub fn new() -> Report {
        Report::default()
    }

    /// Adds a run.
    pub fn add(&mut self, run: &Run) {
        self.runs.entry(run.scenario).or_default().push(run.figures.clone());
        for what in run.findings.counts().keys() {
            *self.findings.entry((what.clone(), run.scenario)).or_default() += 1;
        }
    }
}

/// Median and worst.
fn two(mut values: Vec<f64>, high_is_bad: bool) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return (f64::NAN, f64::NAN) };
    (values[last / 2], if high_is_bad { values[last] } else { values[0] })
}

fn cell((median, worst): (f64, f64), decimals: usize) -> String {
    if median.is_nan() { "-".into() } else { format!("{median:.decimals$} / {worst:.decimals$}") }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Median / worst over seeds. Success: idempotent calls while faults last. Goodput: of what was asked\nfor, or of the whole fleet's capacity where that is less. Times in seconds.\n"
        )?;
        writeln!(
            f,
            "| scenario | seeds | success % | goodput % | p99 before ms | during ms | after ms | detect | recover | settle | retries % | ejections |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for (scenario, runs) in &self.runs {
            let of =
                |get: &dyn Fn(&Figures) -> Option<f64>| -> Vec<f64> { runs.iter().filter_map(get).collect() };
            let seconds = |nanos: Option<u64>| Some(nanos? as f64 / 1e9);
            let faulty = |run: &Figures| run.during.requests > 0;
            let success = of(&|run| faulty(run).then(|| run.during.idempotent_success() * 100.0));
            let goodput = of(&|run| Some(run.goodput? * 100.0));
            let retries = of(&|run| {
                faulty(run).then(|| 100.0 * run.during.retries as f64 / run.during.requests as f64)
            });
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                scenario.name(),
                runs.len(),
                cell(two(success, false), 2),
                cell(two(goodput, false), 1),
                cell(two(of(&|run| Some(millis(run.before.p99))), true), 0),
                cell(two(of(&|run| faulty(run).then(|| millis(run.during.p99))), true), 0),
                cell(two(of(&|run| Some(millis(run.after.p99))), true), 0),
                cell(two(of(&|run| seconds(run.detect)), true), 2),
                cell(two(of(&|run| seconds(run.recover)), true), 0),
                cell(two(of(&|run| seconds(run.settle)), true), 0),
                cell(two(retries, true), 1),
                cell(two(of(&|run| Some(f64::from(run.ejections))), true), 0),
            )?;
        }
        if !self.findings.is_empty() {
            writeln!(f, "\n| property that did not hold | scenario | seeds |\n|---|---|---|")?;
            for ((what, scenario), seeds) in &self.findings {
                writeln!(f, "| {what} | {} | {seeds} |", scenario.name())?;
            }
        }
        Ok(())
    }
}
