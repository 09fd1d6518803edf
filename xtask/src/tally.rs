//! Counting: what each runner said about its tests, added up to the one closing line.

use std::collections::BTreeMap;

/// How many tests passed, failed and could not run, with a word on each that did not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ran and held.
    pub passed: u64,
    /// Ran and did not hold, or should have run and could not be started.
    pub failed: u64,
    /// Could not run here.
    pub skipped: u64,
    /// What failed, and what was skipped and why, for the summary.
    pub notes: Vec<String>,
}

impl Tally {
    /// One test that passed.
    pub fn passed() -> Tally {
        Tally { passed: 1, ..Tally::default() }
    }

    /// One test, or a whole runner that should have run, that failed.
    pub fn failed(what: &str) -> Tally {
        Tally { failed: 1, notes: vec![format!("failed   {what}")], ..Tally::default() }
    }

    /// `count` tests that cannot run here, and what to do about it.
    pub fn skipped(count: u64, what: &str) -> Tally {
        Tally { skipped: count, notes: vec![format!("skipped  {what}")], ..Tally::default() }
    }

    /// Adds another runner's numbers.
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.notes.extend(other.notes);
    }

    /// The closing line.
    pub fn line(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }

    /// Moves one test from passed to skipped for each line of the file the tests' harness wrote (`TENET_SKIPS`:
    /// `test name<TAB>reason`). A test that ran twice counts once.
    pub fn apply_skips(&mut self, text: &str) {
        let skips: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
        for (test, reason) in skips {
            self.passed = self.passed.saturating_sub(1);
            self.skipped += 1;
            self.notes.push(format!("skipped  {test}: {reason}"));
        }
    }
}

/// Reads what a runner prints, line by line.
pub trait Reader {
    /// Looks at one line.
    fn see(&mut self, line: &str);
    /// The numbers, once the runner has ended; `None` where it never came to its summary.
    fn tally(self) -> Option<Tally>;
}

/// `cargo nextest run`: `     Summary [   0.1s] 10 tests run: 9 passed (1 slow), 1 failed, 2 skipped`.
#[derive(Default)]
pub struct Nextest {
    tally: Option<Tally>,
    failures: Vec<String>,
}

impl Reader for Nextest {
    fn see(&mut self, line: &str) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Summary [") {
            let counts = rest.split_once(':').map_or("", |(_, counts)| counts);
            let number = |word: &str| {
                counts
                    .split(',')
                    .filter(|part| part.contains(word))
                    .filter_map(|part| part.split_whitespace().next()?.parse::<u64>().ok())
                    .sum()
            };
            // "exec failed" (the binary could not be started) is among "failed".
            let failed = number("failed") + number("timed out");
            self.tally = Some(Tally {
                passed: number("passed"),
                failed,
                skipped: number("skipped"),
                notes: Vec::new(),
            });
        } else if ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV [", "SIGKILL ["]
            .iter()
            .any(|mark| line.starts_with(mark))
        {
            let name = line.split_once(']').map_or(line, |(_, name)| name).trim();
            // "( 3/10) crate test": the counter says nothing to the reader of the summary.
            let name = name
                .strip_prefix('(')
                .and_then(|rest| rest.split_once(')'))
                .map_or(name, |(_, name)| name)
                .trim();
            self.failures.push(format!("failed   {name}"));
        }
    }

    fn tally(self) -> Option<Tally> {
        let mut failures = self.failures;
        // Each failure is printed when it happens and again in the summary.
        failures.sort();
        failures.dedup();
        self.tally.map(|tally| Tally { notes: failures, ..tally })
    }
}

/// `cargo test`: one `test result: ok. 3 passed; 0 failed; 1 ignored; ...` for each binary.
#[derive(Default)]
pub struct Libtest {
    tally: Tally,
    seen: bool,
}

impl Reader for Libtest {
    fn see(&mut self, line: &str) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |word: &str| {
                rest.split(['.', ';'])
                    .filter(|part| part.trim_end().ends_with(word))
                    .filter_map(|part| part.split_whitespace().next()?.parse::<u64>().ok())
                    .sum::<u64>()
            };
            self.seen = true;
            self.tally.passed += number(" passed");
            self.tally.failed += number(" failed");
            self.tally.skipped += number(" ignored");
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.tally.notes.push(format!("failed   {name}"));
        }
    }

    fn tally(self) -> Option<Tally> {
        self.seen.then_some(self.tally)
    }
}

/// `node --test --test-reporter=tap`: closing lines `# pass 3`, `# fail 0`, `# cancelled 0`, `# skipped 0`, `# todo 0`.
#[derive(Default)]
pub struct NodeTap {
    tally: Tally,
    seen: bool,
}

impl Reader for NodeTap {
    fn see(&mut self, line: &str) {
        let text = line.trim();
        if let Some((word, number)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) {
            let Ok(number) = number.trim().parse::<u64>() else { return };
            match word {
                "pass" => {
                    self.tally.passed += number;
                    self.seen = true;
                }
                "fail" | "cancelled" => self.tally.failed += number,
                "skipped" | "todo" => self.tally.skipped += number,
                _ => {}
            }
        } else if let Some(rest) = text.strip_prefix("not ok ") {
            if !rest.contains("# TODO") && !rest.contains("# SKIP") {
                let name = rest.split_once(" - ").map_or(rest, |(_, name)| name);
                self.tally.notes.push(format!("failed   console: {name}"));
            }
        } else if text.starts_with("ok ")
            && let Some((name, reason)) = text.split_once("# SKIP")
        {
            let name = name.split_once(" - ").map_or(name, |(_, name)| name).trim();
            self.tally.notes.push(format!("skipped  console: {name}: {}", reason.trim()));
        }
    }

    fn tally(self) -> Option<Tally> {
        self.seen.then_some(self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::{Libtest, Nextest, NodeTap, Reader, Tally};

    fn check(mut reader: impl Reader, text: &str, expected: Option<(u64, u64, u64)>, notes: usize) {
        text.lines().for_each(|line| reader.see(line));
        let tally = reader.tally();
        assert_eq!(tally.as_ref().map(|t| (t.passed, t.failed, t.skipped)), expected, "{text}");
        assert_eq!(tally.map_or(0, |t| t.notes.len()), notes, "{text}");
    }

    #[test]
    fn nextest_summaries_are_read() {
        check(
            Nextest::default(),
            "     Summary [   0.101s] 10 tests run: 10 passed, 0 skipped",
            Some((10, 0, 0)),
            0,
        );
        check(
            Nextest::default(),
            "        PASS [   0.1s] ( 1/15) a b::c\n        FAIL [   0.2s] ( 2/15) a b::d\n     Summary [   9.101s] 15 tests run: 12 passed (1 slow), 1 failed, 2 timed out, 3 skipped\n        FAIL [   0.2s] ( 2/15) a b::d",
            Some((12, 3, 3)),
            1,
        );
        check(
            Nextest::default(),
            "     Summary [   0.1s] 1 test run: 1 passed (1 leaky), 4 skipped",
            Some((1, 0, 4)),
            0,
        );
        check(Nextest::default(), "error: could not compile", None, 0);
    }

    #[test]
    fn libtest_results_are_added_up() {
        check(
            Libtest::default(),
            "test a ... ok\ntest b ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\ntest result: ok. 3 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.05s",
            Some((4, 1, 2)),
            1,
        );
        check(Libtest::default(), "error[E0425]", None, 0);
    }

    #[test]
    fn node_summaries_are_read() {
        check(
            NodeTap::default(),
            "ok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no browser\n# tests 3\n# suites 0\n# pass 1\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n# duration_ms 12.5",
            Some((1, 1, 1)),
            2,
        );
    }

    #[test]
    fn skips_move_from_passed() {
        let mut tally = Tally { passed: 5, ..Tally::default() };
        tally.apply_skips("a\tno python\nb\tno node\na\tno python\nnonsense\n");
        assert_eq!(tally.line(), "3 passed, 0 failed, 2 skipped");
        assert_eq!(tally.notes, ["skipped  a: no python", "skipped  b: no node"]);
    }
}
