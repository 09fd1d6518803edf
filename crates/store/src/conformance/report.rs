//! What the suite saw: the guarantee matrix, and each check by name.

use super::guarantee::Guarantee;
use super::problem::Problem;
use crate::engine::Guarantees;
use std::fmt;

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's table and what must be so.
    pub check: String,
    /// What it is evidence of. None: every engine must do it.
    pub evidence: Option<Guarantee>,
    /// What came of it.
    pub result: Result<(), Problem>,
}

/// Whether a guarantee was seen to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// By every check of it that could be tried, of at least one.
    Yes,
    /// One of its checks failed.
    No,
    /// No check of it could be tried.
    NotTried,
}

/// A guarantee, what the engine says of it and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub guarantee: Guarantee,
    /// Whether the engine claims it.
    pub claimed: bool,
    /// What the engine says.
    pub claim: &'static str,
    /// What was seen.
    pub seen: Seen,
    /// By which checks, or what was wrong, or why nothing could be tried.
    pub how: String,
}

/// What the suite saw of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The engine's name.
    pub engine: String,
    /// What all random choices came from.
    pub seed: u64,
    /// The matrix.
    pub rows: Vec<Row>,
    /// Every check, in the order they were made.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(engine: &str, seed: u64, claims: &Guarantees, findings: Vec<Finding>) -> Report {
        let rows = Guarantee::ALL.into_iter().map(|guarantee| row(guarantee, claims, &findings)).collect();
        Report { engine: engine.into(), seed, rows, findings }
    }

    /// Where not even a first engine could be opened.
    pub(super) fn unopened(seed: u64, problem: Problem) -> Report {
        let finding = Finding { check: "open: an empty place".into(), evidence: None, result: Err(problem) };
        Report { engine: "unknown".into(), seed, rows: Vec::new(), findings: vec![finding] }
    }

    /// What is wrong, one line each, and how to repeat it: checks that every engine must pass, and guarantees that are claimed and were not seen.
    pub fn failures(&self) -> Vec<String> {
        let counts = |finding: &&Finding| {
            let row = self.rows.iter().find(|row| Some(row.guarantee) == finding.evidence);
            row.is_none_or(|row| row.claimed)
        };
        let failed = self.findings.iter().filter(counts).filter_map(|finding| match &finding.result {
            Err(Problem::Wrong(what)) => {
                Some(format!("{}: {what}\n  again: {}", finding.check, self.again(finding)))
            }
            _ => None,
        });
        failed.collect()
    }

    /// Guarantees that were seen and are not claimed: the engine gives more than it says.
    pub fn unclaimed(&self) -> Vec<Guarantee> {
        self.rows
            .iter()
            .filter(|row| !row.claimed && row.seen == Seen::Yes)
            .map(|row| row.guarantee)
            .collect()
    }

    /// Checks that could not be tried, with the reason.
    pub fn not_tried(&self) -> Vec<String> {
        let untried = self.findings.iter().filter_map(|finding| match &finding.result {
            Err(Problem::NotTried(why)) => Some(format!("{}: {why}", finding.check)),
            _ => None,
        });
        untried.collect()
    }

    fn again(&self, finding: &Finding) -> String {
        format!("{}={} {}='{}'", super::SEED, self.seed, super::ONLY, finding.check)
    }
}

/// A cell of a table holds no more than one can see at once; the whole of it is among the failures.
const LONGEST_HOW: usize = 160;

fn row(guarantee: Guarantee, claims: &Guarantees, findings: &[Finding]) -> Row {
    let of: Vec<&Finding> = findings.iter().filter(|finding| finding.evidence == Some(guarantee)).collect();
    let wrong = of.iter().find_map(|finding| match &finding.result {
        Err(Problem::Wrong(what)) => Some(format!("{}: {what}", finding.check)),
        _ => None,
    });
    let passed: Vec<&str> =
        of.iter().filter(|finding| finding.result.is_ok()).map(|finding| finding.check.as_str()).collect();
    let untried: Vec<&str> = of
        .iter()
        .filter_map(|finding| match &finding.result {
            Err(Problem::NotTried(why)) => Some(why.as_str()),
            _ => None,
        })
        .collect();
    let unasked = "no check of it was made";
    let (seen, how) = match (wrong, passed.is_empty()) {
        (Some(wrong), _) => (Seen::No, wrong.chars().take(LONGEST_HOW).collect()),
        (None, false) => (Seen::Yes, passed.join("; ")),
        (None, true) if untried.is_empty() => (Seen::NotTried, unasked.into()),
        (None, true) => (Seen::NotTried, untried.join("; ")),
    };
    let claimed = guarantee.is_claimed(claims);
    Row { guarantee, claimed, claim: guarantee.claim(claims), seen, how }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Seen::Yes => "yes",
            Seen::No => "no",
            Seen::NotTried => "not tried",
        })
    }
}

/// As Markdown, for docs/store.md.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.findings.iter().filter(|finding| finding.result.is_ok()).count();
        let (failures, untried) = (self.failures(), self.not_tried());
        writeln!(
            f,
            "**{}**: {passed} checks passed, {} failed, {} not tried (seed {}).\n",
            self.engine,
            failures.len(),
            untried.len(),
            self.seed
        )?;
        writeln!(f, "| guarantee | claimed | seen | how |\n|---|---|---|---|")?;
        for row in &self.rows {
            let note = if !row.claimed && row.seen == Seen::Yes { ", though not claimed" } else { "" };
            let how = row.how.replace('|', "\\|").replace('\n', " ");
            writeln!(f, "| {} | {} | {}{note} | {how} |", row.guarantee.name(), row.claim, row.seen)?;
        }
        section(f, "Failed", &failures)?;
        section(f, "Not tried", &untried)
    }
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:\n")?;
    lines.iter().try_for_each(|line| writeln!(f, "- {line}"))
}

/// The matrix of several engines, a row each: what it claims, with what was seen where that is something else.
pub fn matrix(reports: &[Report]) -> String {
    let names: Vec<&str> = Guarantee::ALL.into_iter().map(Guarantee::name).collect();
    let mut text =
        format!("| engine | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(Guarantee::ALL.len()));
    for report in reports {
        text.push_str(&format!("| {} |", report.engine));
        for row in &report.rows {
            let seen = match (row.claimed, row.seen) {
                (true, Seen::Yes) | (false, Seen::No) => "",
                (_, Seen::NotTried) => " (not tried)",
                (true, Seen::No) => " (**not seen**)",
                (false, Seen::Yes) => " (seen)",
            };
            text.push_str(&format!(" {}{seen} |", row.claim));
        }
        text.push('\n');
    }
    text
}
