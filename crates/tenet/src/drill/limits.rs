//! What a drill must keep to be passed: limits, their defaults by kind, and the judgement. Pure.

use super::args::RunArgs;
use super::fault::Fault;
use serde::Serialize;

/// Limits; `None` is not judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Most calls that failed, from the failure on.
    pub max_harmed: Option<u64>,
    /// Least share of calls during the failure that did not fail, in percent.
    pub min_success_percent: Option<f64>,
    /// p99 during the failure over p99 before.
    pub max_p99_ratio: Option<f64>,
    /// From the failure until callers are served as before, in milliseconds.
    pub max_recovery_ms: Option<u64>,
    /// From the end of the failure until callers are served as before it, in milliseconds.
    pub max_settle_ms: Option<u64>,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Calls that failed from the failure on.
    pub harmed: u64,
    /// Of the calls during the failure, in percent.
    pub success_percent: f64,
    /// `None` where nothing was measured before or during.
    pub p99_ratio: Option<f64>,
    /// `None` if it never came.
    pub recovery_ms: Option<u64>,
    /// From the failure's end; `None` if it never came.
    pub settle_ms: Option<u64>,
}

/// One limit and whether it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The limit, as its flag.
    pub limit: String,
    /// What was found.
    pub found: String,
    /// Whether it holds.
    pub held: bool,
}

impl Limits {
    /// Those that were stated, and for the others what suits the kind of failure.
    ///
    /// A process that is gone is noticed by the kernel's reset, so little may fail and the fleet must have settled within 2 s. One that
    /// hangs or swallows calls is only noticed by time running out, so what was under way may fail. One that is slow or fails is
    /// noticed by comparing, which takes some calls. A slow network leaves no way around it where the zone is needed: callers must
    /// be served, how fast is not judged. Under overload only what comes after it is judged; an orderly restart loses nothing.
    pub fn of(fault: &Fault, run: &RunArgs) -> Limits {
        let (success, recovery_ms, settle_ms) = match fault {
            _ if run.only_stated_limits => (None, None, None),
            Fault::LoseZone { .. } | Fault::LoseInstance { .. } => (Some(99.9), Some(2_000), None),
            Fault::HangZone { .. } | Fault::HangInstance { .. } | Fault::BlackHole { .. } => {
                (Some(99.0), Some(5_000), None)
            }
            Fault::ErrorInstance { .. } => (Some(99.0), Some(5_000), None),
            Fault::SlowInstance { .. } => (Some(99.9), Some(5_000), None),
            Fault::SlowNetwork { .. } => (Some(99.9), None, None),
            // What is too much is refused, and how much that is only the fleet's capacity says.
            Fault::Overload { .. } => (None, None, Some(5_000)),
            Fault::RollingRestart => (Some(100.0), Some(1_000), None),
        };
        Limits {
            max_harmed: run.max_harmed,
            min_success_percent: run.min_success.or(success),
            max_p99_ratio: run.max_p99_ratio,
            max_recovery_ms: run.max_recovery.map(|limit| limit.0).or(recovery_ms),
            max_settle_ms: run.max_settle.map(|limit| limit.0).or(settle_ms),
        }
    }

    /// Judges each.
    pub fn judge(&self, found: &Found) -> Vec<Verdict> {
        let verdict = |limit: String, found: String, held: bool| Verdict { limit, found, held };
        let mut verdicts = Vec::new();
        if let Some(limit) = self.max_harmed {
            verdicts.push(verdict(
                format!("--max-harmed {limit}"),
                format!("{} harmed", found.harmed),
                found.harmed <= limit,
            ));
        }
        if let Some(limit) = self.min_success_percent {
            verdicts.push(verdict(
                format!("--min-success {limit}"),
                format!("{:.3} % succeeded", found.success_percent),
                found.success_percent >= limit,
            ));
        }
        if let Some(limit) = self.max_p99_ratio {
            verdicts.push(verdict(
                format!("--max-p99-ratio {limit}"),
                found.p99_ratio.map_or("not measured".to_owned(), |ratio| format!("p99 {ratio:.2} × before")),
                found.p99_ratio.is_some_and(|ratio| ratio <= limit),
            ));
        }
        if let Some(limit) = self.max_recovery_ms {
            verdicts.push(verdict(
                format!("--max-recovery {limit}ms"),
                found
                    .recovery_ms
                    .map_or("never recovered".to_owned(), |ms| format!("recovered after {ms} ms")),
                found.recovery_ms.is_some_and(|ms| ms <= limit),
            ));
        }
        if let Some(limit) = self.max_settle_ms {
            verdicts.push(verdict(
                format!("--max-settle {limit}ms"),
                found
                    .settle_ms
                    .map_or("never settled".to_owned(), |ms| format!("settled {ms} ms after the end")),
                found.settle_ms.is_some_and(|ms| ms <= limit),
            ));
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stated_limit_is_judged_and_no_other() {
        let (p99_ratio, recovery_ms, settle_ms) = (Some(2.0), Some(700), Some(50));
        let found = Found { harmed: 3, success_percent: 99.5, p99_ratio, recovery_ms, settle_ms };
        let check = |limits: Limits, found: &Found, expected: &[bool]| {
            let held: Vec<bool> = limits.judge(found).iter().map(|verdict| verdict.held).collect();
            assert_eq!(held, expected, "{limits:?}");
        };
        let all = |harmed, success, ratio, recovery, settle| Limits {
            max_harmed: Some(harmed),
            min_success_percent: Some(success),
            max_p99_ratio: Some(ratio),
            max_recovery_ms: Some(recovery),
            max_settle_ms: Some(settle),
        };
        check(Limits::default(), &found, &[]);
        check(all(3, 99.5, 2.0, 700, 50), &found, &[true; 5]);
        check(all(2, 99.6, 1.9, 699, 49), &found, &[false; 5]);
        // What was not measured does not hold.
        let nothing = Found { p99_ratio: None, recovery_ms: None, settle_ms: None, ..found };
        check(all(3, 0.0, 9.0, 9_000, 9_000), &nothing, &[true, true, false, false, false]);
    }
}
