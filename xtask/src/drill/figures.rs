//! A run's row in the table, and what in it is not as expected.

use super::case::{Case, Fleet, GET_ME};
use serde_json::Value;
use std::fmt;

/// Over the rows.
pub const HEAD: &str = "| case | run | calls during | harmed | by | p99 before | p99 during | recovered | settled | goodput ÷ capacity | CRITICAL | attempts per call | CPU |
|---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// One run.
pub struct Row<'a> {
    pub case: &'a Case,
    pub fleet: &'a Fleet,
    pub number: u32,
    pub report: &'a Value,
}

impl Row<'_> {
    fn during(&self) -> &Value {
        &self.report["phases"]["during"]
    }

    fn goodput(&self) -> f64 {
        self.during()["goodput_rps"].as_f64().unwrap_or_default() / f64::from(self.fleet.capacity())
    }

    /// Share of CRITICAL calls that succeeded, in percent, where the load has any.
    fn critical(&self) -> Option<f64> {
        self.during()["requests"][format!("GET {GET_ME}")]["success_percent"].as_f64()
    }

    fn p99_ratio(&self) -> Option<f64> {
        let p99 = |phase: &str| self.report["phases"][phase]["p99_ms"].as_f64();
        Some(p99("during")? / p99("before")?)
    }

    /// What is not as expected, a sentence each.
    pub fn broken(&self) -> Vec<String> {
        let expected = &self.case.expected;
        let whole = |name: &str| self.report[name].as_u64().map(|value| value as f64);
        let checks = [
            ("calls", self.during()["calls"].as_f64(), expected.calls.map(|least| least as f64), false),
            ("harmed", whole("harmed"), expected.harmed.map(|most| most as f64), true),
            ("p99 during ÷ before", self.p99_ratio(), expected.p99_ratio, true),
            ("ms to recover", whole("recovered_after_ms"), expected.recovery_ms.map(|ms| ms as f64), true),
            ("ms to settle", whole("settled_after_ms"), expected.settle_ms.map(|ms| ms as f64), true),
            ("goodput ÷ capacity", Some(self.goodput()), expected.goodput, false),
            ("% of CRITICAL", self.critical(), expected.critical_percent, false),
        ];
        let broken = |(what, found, bound, at_most): (&str, Option<f64>, Option<f64>, bool)| {
            let bound = bound?;
            let holds = found.is_some_and(|found| if at_most { found <= bound } else { found >= bound });
            let found = found.map_or("nothing".to_owned(), |found| format!("{found:.2}"));
            let word = if at_most { "most" } else { "least" };
            let place = format!("{}, run {}", self.case.name, self.number);
            (!holds).then(|| format!("{place}: {found} {what}, expected at {word} {bound}"))
        };
        checks.into_iter().filter_map(broken).collect()
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let (before, during) = (&report["phases"]["before"], self.during());
        let figure = |value: Option<f64>, unit: &str| {
            value.map_or("-".to_owned(), |value| format!("{value:.1}{unit}"))
        };
        let after = |name: &str| report[name].as_u64().map_or("never".to_owned(), |ms| format!("{ms} ms"));
        let causes = report["causes"].as_object().map(|causes| {
            causes.iter().map(|(cause, times)| format!("{cause} × {times}")).collect::<Vec<_>>().join(", ")
        });
        let critical = self.critical().map_or("-".to_owned(), |percent| format!("{percent:.2} %"));
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2} | {critical} | {} | {:.0} % |",
            self.case.name,
            self.number,
            during["calls"],
            report["harmed"],
            causes.unwrap_or_default(),
            figure(before["p99_ms"].as_f64(), " ms"),
            figure(during["p99_ms"].as_f64(), " ms"),
            after("recovered_after_ms"),
            after("settled_after_ms"),
            self.goodput(),
            during["fleet"]["amplification"].as_f64().map_or("-".to_owned(), |ratio| format!("{ratio:.3}")),
            report["cpu"].as_f64().unwrap_or_default() * 100.0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{CASES, FLEETS};
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_as_expected_is_said_and_what_was_not_measured_is_not_as_expected() {
        let report = |harmed: u64, during_ms: f64| {
            let phases = json!({ "before": { "p99_ms": 10.0 }, "during": { "calls": 30_000, "p99_ms": during_ms, "goodput_rps": 4000.0 } });
            json!({ "harmed": harmed, "recovered_after_ms": 0, "settled_after_ms": null, "phases": phases })
        };
        let check = |name: &str, report: &Value, expected: &[&str]| {
            let case = CASES.iter().find(|case| case.name == name).unwrap();
            let fleet = FLEETS.iter().find(|fleet| fleet.name == case.fleet).unwrap();
            let broken = Row { case, fleet, number: 1, report }.broken();
            assert_eq!(broken.len(), expected.len(), "{broken:?}");
            assert!(broken.iter().zip(expected).all(|(found, part)| found.contains(part)), "{broken:?}");
        };
        check("zone killed", &report(3, 30.0), &[]);
        check("zone killed", &report(4, 31.0), &["4.00 harmed", "3.10 p99"]);
        let mut few = report(0, 10.0);
        few["phases"]["during"]["calls"] = json!(29_999);
        check("zone hangs", &few, &["29999.00 calls"]);
        check("rolling restart", &report(1, 90.0), &["1.00 harmed"]);
        check("3 × capacity", &report(9, 90.0), &["nothing ms to settle", "nothing % of CRITICAL"]);
    }
}
