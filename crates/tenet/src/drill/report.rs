//! The report of a drill, as JSON and for people.

use super::counters::{Counters, Sums, grown};
use super::limits::Verdict;
use super::tally::{Figures, success_percent};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The drill: `lose-zone b`.
    pub drill: String,
    /// Instances that were meant.
    pub instances: Vec<String>,
    /// Gateways that were meant.
    pub gateways: Vec<String>,
    /// Requests a second that were asked for.
    pub rps: u32,
    /// Calls over all phases.
    pub calls: u64,
    /// Calls that failed from the failure on.
    pub harmed: u64,
    /// These by cause.
    pub causes: BTreeMap<String, u64>,
    /// Before, during and after.
    pub phases: Phases,
    /// From the failure until a gateway noticed; `None` if none did.
    pub detected_after_ms: Option<u64>,
    /// Who noticed what.
    pub detected_by: Option<String>,
    /// From the failure until callers were served as before; `None` if that never came.
    pub recovered_after_ms: Option<u64>,
    /// From the end of the failure until callers were served as before it; `None` if that never came.
    pub settled_after_ms: Option<u64>,
    /// Families of counters that this version of the gateways does not have.
    pub absent: Vec<&'static str>,
    /// What `up` said in the end.
    pub remarks: Vec<String>,
    /// Each limit that was judged.
    pub limits: Vec<Verdict>,
    /// Whether all hold.
    pub held: bool,
}

/// The three parts.
#[derive(Clone, Debug, Serialize)]
pub struct Phases {
    /// Calls that had ended when the failure came.
    pub before: Row,
    /// Calls that it may have harmed.
    pub during: Row,
    /// Calls begun after it was undone.
    pub after: Row,
}

/// One part.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those answered with the caller's own mistake (4xx).
    pub caller_errors: u64,
    /// Share that did not fail.
    pub success_percent: f64,
    /// Calls a second that did not fail.
    pub goodput_rps: f64,
    /// The same by request, where the load has more than one.
    pub requests: BTreeMap<String, RequestRow>,
    /// Median latency from the intended start.
    pub p50_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
    /// Repeated by the caller because its connection was lost.
    pub repeated_lost: u64,
    /// Repeated by the caller because of silence.
    pub repeated_silent: u64,
    /// What the gateways counted.
    pub fleet: FleetRow,
}

/// One kind of request in one part.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RequestRow {
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub failed: u64,
    /// Share that did not fail.
    pub success_percent: f64,
}

/// Growth of the gateways' counters in one part; `None` where they have no such counter.
#[derive(Clone, Debug, Serialize)]
pub struct FleetRow {
    /// Calls: to upstreams where that is counted, else requests that ended.
    pub calls: Option<u64>,
    /// Attempts at instances.
    pub attempts: Option<u64>,
    /// Attempts for each call.
    pub amplification: Option<f64>,
    /// 1 and the extra attempts in whole call trees for each call at the edge; of a tree that was not told of, all it was granted.
    pub tree_amplification: Option<f64>,
    /// Retries by cause.
    pub retries: Option<BTreeMap<String, u64>>,
    /// Calls shed, by priority.
    pub shed: Option<BTreeMap<String, u64>>,
    /// Ejections.
    pub ejections: Option<u64>,
}

impl FleetRow {
    /// Between two readings.
    pub fn between(counters: &Counters, from: &Sums, to: &Sums) -> FleetRow {
        let parts = |family: &str| counters.has(family).then(|| grown(from, to, family));
        let sum = |family: &str| parts(family).map(|parts| parts.values().sum::<u64>());
        // Gateways that count calls to upstreams say it best; where they declare it and never count, requests and attempts of all
        // kinds are the next best, and the two must be of one kind.
        let pair = |calls: &str, attempts: &str| match (sum(calls), sum(attempts)) {
            (Some(calls @ 1..), Some(attempts)) => Some((Some(calls), Some(attempts))),
            _ => None,
        };
        let (calls, attempts) = pair("tenet_upstream_calls", "tenet_upstream_attempts")
            .unwrap_or_else(|| (sum("tenet_requests"), sum("tenet_attempts")));
        let amplification = match (calls, attempts) {
            (Some(calls @ 1..), Some(attempts)) => Some(rounded(attempts as f64 / calls as f64)),
            _ => None,
        };
        let tree_amplification = match (sum("tenet_tree_calls"), sum("tenet_tree_extra_attempts")) {
            (Some(calls @ 1..), Some(extra)) => Some(rounded(1.0 + extra as f64 / calls as f64)),
            _ => None,
        };
        FleetRow {
            calls,
            attempts,
            amplification,
            tree_amplification,
            retries: parts("tenet_upstream_retries"),
            shed: parts("tenet_upstream_shed"),
            ejections: sum("tenet_upstream_ejections"),
        }
    }
}

impl Row {
    /// From the callers' figures and the fleet's, over a part of that many microseconds; `names` are the load's requests.
    pub fn new(figures: &Figures, lasted_us: u64, names: &[String], fleet: FleetRow) -> Row {
        let latency = |q| figures.latency_ms(q).map(rounded);
        let request = |(place, (calls, failed)): (&usize, &(u64, u64))| {
            let success_percent = rounded(success_percent(*calls, *failed));
            let row = RequestRow { calls: *calls, failed: *failed, success_percent };
            (names.get(*place).cloned().unwrap_or_default(), row)
        };
        let several = if names.len() > 1 { Some(&figures.by_request) } else { None };
        let goodput = (figures.calls - figures.failed()) as f64 / (lasted_us.max(1) as f64 / 1e6);
        Row {
            calls: figures.calls,
            failed: figures.failed(),
            caller_errors: figures.caller_errors,
            success_percent: rounded(figures.success_percent()),
            goodput_rps: rounded(goodput),
            requests: several.into_iter().flatten().map(request).collect(),
            p50_ms: latency(0.5),
            p99_ms: latency(0.99),
            max_ms: latency(1.0),
            repeated_lost: figures.repeated_lost,
            repeated_silent: figures.repeated_silent,
            fleet,
        }
    }
}

/// To thousandths: more digits than that are noise.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Report {
    fn rows(&self) -> [(&'static str, &Row); 3] {
        [("before", &self.phases.before), ("during", &self.phases.during), ("after", &self.phases.after)]
    }
}

impl fmt::Display for Report {
    /// A few lines that fit a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant: Vec<&str> = self.instances.iter().chain(&self.gateways).map(String::as_str).collect();
        writeln!(f, "\ndrill {}: {}", self.drill, meant.join(", "))?;
        writeln!(
            f,
            "\n            calls   failed   success       p50       p99       max   attempts per call · at the edge"
        )?;
        let ms = |value: Option<f64>| value.map_or("–".to_owned(), |ms| format!("{ms:.1} ms"));
        for (name, row) in self.rows() {
            let ratio = |ratio: Option<f64>| ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
            let (amplification, tree) = (ratio(row.fleet.amplification), ratio(row.fleet.tree_amplification));
            writeln!(
                f,
                "  {name:<7} {:>8} {:>8} {:>7.2} % {:>9} {:>9} {:>9}   {amplification} · {tree}",
                row.calls,
                row.failed,
                row.success_percent,
                ms(row.p50_ms),
                ms(row.p99_ms),
                ms(row.max_ms),
            )?;
        }
        writeln!(f)?;
        line(f, "harmed", &format!("{} of {} calls{}", self.harmed, self.calls, listed(&self.causes)))?;
        let sum = |part: fn(&Row) -> u64| self.rows().iter().map(|(_, row)| part(row)).sum::<u64>();
        let (lost, silent) = (sum(|row| row.repeated_lost), sum(|row| row.repeated_silent));
        let again =
            format!("{lost} after a lost connection, {silent} after silence; not harmed if answered then");
        line(f, "repeated", &again)?;
        let mistakes = sum(|row| row.caller_errors);
        if mistakes > 0 {
            line(f, "4xx", &format!("{mistakes} answered with a mistake of the caller; these are answers"))?;
        }
        let after = |ms: Option<u64>, never: &str| ms.map_or(never.to_owned(), |ms| format!("after {ms} ms"));
        let by = self.detected_by.as_ref().map_or(String::new(), |by| format!(" ({by})"));
        line(f, "detected", &format!("{}{by}", after(self.detected_after_ms, "no gateway told of it")))?;
        let recovered = match self.recovered_after_ms {
            Some(0) => "at once: for a second callers noticed nothing".to_owned(),
            ms => after(ms, "not until the end"),
        };
        line(f, "recovered", &recovered)?;
        let settled = self
            .settled_after_ms
            .map_or("not until the end".to_owned(), |ms| format!("{ms} ms after the failure's end"));
        line(f, "settled", &settled)?;
        let goodput = |row: &Row| format!("{:.0}/s", row.goodput_rps);
        let [before, during, after] = self.rows().map(|(_, row)| goodput(row));
        line(f, "goodput", &format!("{before} before, {during} during, {after} after"))?;
        for (name, row) in &self.phases.during.requests {
            if row.failed > 0 {
                line(
                    f,
                    "  during",
                    &format!("{:.2} % of {} × {name} succeeded", row.success_percent, row.calls),
                )?;
            }
        }
        let during = &self.phases.during.fleet;
        let counted = |parts: &Option<BTreeMap<String, u64>>| match parts {
            None => "not counted by these gateways".to_owned(),
            Some(parts) => format!("{} during{}", parts.values().sum::<u64>(), listed(parts)),
        };
        line(f, "retries", &counted(&during.retries))?;
        line(f, "shed", &counted(&during.shed))?;
        if let Some(ejections) = during.ejections {
            line(f, "ejections", &format!("{ejections} during"))?;
        }
        if !self.absent.is_empty() {
            line(f, "absent", &format!("{} on /metrics", self.absent.join(", ")))?;
        }
        for remark in &self.remarks {
            line(f, "remark", remark)?;
        }
        writeln!(f)?;
        for verdict in &self.limits {
            let word = if verdict.held { "held" } else { "BROKEN" };
            writeln!(f, "  {word:<7} {:<22} {}", verdict.limit, verdict.found)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {name:<10} {text}")
}

/// `: 503 X 3, broken 1`; nothing where there is nothing.
fn listed(parts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = parts.iter().map(|(name, count)| format!("{name} × {count}")).collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_compared_with_calls_of_the_same_kind() {
        let check = |upstream: (u32, u32), trees: (u32, u32), expected: (u64, u64, f64, Option<f64>)| {
            let text = |factor: u32| {
                let row = |name: &str, value: u32| {
                    format!("# TYPE {name} counter\n{name}_total {}\n", value * factor)
                };
                row("tenet_requests", 10)
                    + &row("tenet_attempts", 15)
                    + &row("tenet_upstream_calls", upstream.0)
                    + &row("tenet_upstream_attempts", upstream.1)
                    + &row("tenet_tree_calls", trees.0)
                    + &row("tenet_tree_extra_attempts", trees.1)
            };
            let mut counters = Counters::default();
            counters.absorb("one", &text(0));
            let from = counters.sums();
            counters.absorb("one", &text(1));
            let row = FleetRow::between(&counters, &from, &counters.sums());
            assert_eq!((row.calls, row.attempts), (Some(expected.0), Some(expected.1)));
            assert_eq!(row.amplification, Some(expected.2));
            assert_eq!(row.tree_amplification, expected.3);
            assert_eq!(row.retries, None);
        };
        check((8, 10), (4, 1), (8, 10, 1.25, Some(1.25)));
        check((0, 0), (0, 0), (10, 15, 1.5, None));
    }
}
