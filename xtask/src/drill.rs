//! `cargo xtask drill`: real processes fail under load, and what callers noticed is written down beside what was asked for.
//!
//! The example runs with `TENET_FAULT_SLOTS`, so that what an instance can do is set by its fault point and not by the machine. Each
//! case is a `tenet drill` at a share of that capacity, several times over. Figures are reported; a run in which the machine itself was
//! busier than it may be is no measurement and is made again.

use crate::serve::{self, Settings};
use crate::shell::{Outcome, command, target_dir};
use crate::shell::{cargo, run as run_loudly};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;

/// Calls an instance takes at a time, and what each takes: 1,454 a second.
const SLOTS: u32 = 16;
const SLOT_MS: u32 = 11;
/// Instances of the service under load, one in each zone.
const INSTANCES: u32 = 3;
/// Busier than this, the machine and not the fleet would be measured.
const CPU_MOST: f64 = 0.70;
/// Runs of a case made again because the machine was busy, before it is given up.
const REPEATS: u32 = 3;

/// How hard and how often.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only the cases whose name contains this.
    #[arg(long)]
    case: Option<String>,
    /// Runs of each case.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Load as a share of what the instances can do together, in percent.
    #[arg(long, default_value_t = 70)]
    load_percent: u32,
    /// Count busy runs, too: for a look on a busy machine, never for a figure.
    #[arg(long)]
    busy: bool,
}

/// One failure and what is expected of it.
struct Case {
    name: &'static str,
    drill: &'static [&'static str],
    /// Most failed calls, and the most that p99 during may be of p99 before.
    harmed: u64,
    p99_ratio: f64,
    recovery_ms: u64,
}

const CASES: [Case; 4] = [
    Case { name: "zone killed", drill: &["lose-zone", "b"], harmed: 3, p99_ratio: 3.0, recovery_ms: 2000 },
    Case {
        name: "zone hangs",
        drill: &["hang-zone", "b", "--repeat-after", "500ms"],
        harmed: 3,
        p99_ratio: 3.0,
        recovery_ms: 2000,
    },
    Case {
        name: "instance 100 ms slower",
        drill: &["slow-instance", "accounts-b-1", "--delay", "100ms"],
        harmed: 3,
        p99_ratio: 3.0,
        recovery_ms: 2000,
    },
    Case {
        name: "instance fails fast",
        drill: &["error-instance", "accounts-b-1"],
        harmed: 3,
        p99_ratio: 3.0,
        recovery_ms: 2000,
    },
];

/// Runs the cases and prints a table.
pub fn run(arguments: &Arguments) -> Outcome {
    run_loudly(cargo().args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "tenet",
        "--package",
        "tenet-example-feed",
        "--bins",
    ]))?;
    let rps = SLOTS * 1000 / SLOT_MS * INSTANCES * arguments.load_percent / 100;
    let served = serve::feed_with(&Settings {
        profile: "release",
        arguments: &["--fault-points"],
        edit: Some(&|text| text.replace("env = { FEED_JOURNAL = \".tenet/feed\" }", &slots()) + TRAFFIC),
    })?;
    println!(
        "{rps} calls a second, {} % of {INSTANCES} instances of {SLOTS} slots of {SLOT_MS} ms",
        arguments.load_percent
    );
    println!(
        "\n| case | run | calls | harmed | by | p99 before | p99 during | recovered | attempts per call | CPU |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut broken = Vec::new();
    let wanted = |case: &&Case| arguments.case.as_deref().is_none_or(|part| case.name.contains(part));
    for case in CASES.iter().filter(wanted) {
        for number in 1..=arguments.runs {
            match measured(case, rps, &served.folder, arguments.busy) {
                Ok(report) => broken.extend(row(case, number, &report)),
                Err(why) => broken.push(format!("{}, run {number}: {why}", case.name)),
            }
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    println!();
    broken.iter().for_each(|line| println!("BROKEN {line}"));
    Err(format!("{} expectations were not met", broken.len()))
}

fn slots() -> String {
    format!("env = {{ FEED_JOURNAL = \".tenet/feed\", TENET_FAULT_SLOTS = \"{SLOTS}x{SLOT_MS}ms\" }}")
}

/// Idempotent calls of one service, so that the capacity is that of its instances.
const TRAFFIC: &str = r#"
[[traffic.requests]]
weight = 1000000
path = "/v1/users/u{user}"
"#;

/// A run on a machine that was quiet enough, with its CPU share put into the report.
fn measured(case: &Case, rps: u32, project: &Path, busy: bool) -> Outcome<Value> {
    for _ in 0..REPEATS {
        let before = cpu();
        let mut report = drill(case, rps, project)?;
        let share = before
            .zip(cpu())
            .map_or(0.0, |((busy, all), (busy_now, all_now))| (busy_now - busy) / (all_now - all).max(1.0));
        report["cpu"] = share.into();
        if share <= CPU_MOST || busy {
            return Ok(report);
        }
        eprintln!("{}: the machine was {:.0} % busy; once more", case.name, share * 100.0);
    }
    Err("the machine was too busy for a measurement".into())
}

fn drill(case: &Case, rps: u32, project: &Path) -> Outcome<Value> {
    let mut drill = command(target_dir().join("release/tenet"));
    drill.arg("drill").args(case.drill).arg(project).args(["--rps", &rps.to_string(), "--json"]);
    drill.args(["--before", "5s", "--during", "10s", "--after", "5s", "--only-stated-limits"]);
    let output = drill.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stdout)))
}

/// Prints a row; what is not as expected.
fn row(case: &Case, number: u32, report: &Value) -> Vec<String> {
    let (before, during) = (&report["phases"]["before"], &report["phases"]["during"]);
    let figure = |value: &Value| value.as_f64().map_or("-".to_owned(), |value| format!("{value:.1}"));
    let harmed = report["harmed"].as_u64().unwrap_or(u64::MAX);
    let causes = report["causes"].as_object().map(|causes| {
        causes.iter().map(|(cause, times)| format!("{cause} × {times}")).collect::<Vec<_>>().join(", ")
    });
    let recovered = report["recovered_after_ms"].as_u64();
    println!(
        "| {} | {number} | {} | {harmed} | {} | {} ms | {} ms | {} | {} | {:.0} % |",
        case.name,
        report["calls"],
        causes.unwrap_or_default(),
        figure(&before["p99_ms"]),
        figure(&during["p99_ms"]),
        recovered.map_or("never".to_owned(), |ms| format!("{ms} ms")),
        figure(&during["fleet"]["amplification"]),
        report["cpu"].as_f64().unwrap_or_default() * 100.0,
    );
    let ratio = during["p99_ms"].as_f64().zip(before["p99_ms"].as_f64()).map(|(now, then)| now / then);
    let mut broken = Vec::new();
    if harmed > case.harmed {
        broken
            .push(format!("{}, run {number}: {harmed} harmed, expected at most {}", case.name, case.harmed));
    }
    if ratio.is_none_or(|ratio| ratio > case.p99_ratio) {
        broken.push(format!(
            "{}, run {number}: p99 {ratio:.1?} × before, expected at most {}",
            case.name, case.p99_ratio
        ));
    }
    if recovered.is_none_or(|ms| ms > case.recovery_ms) {
        broken.push(format!(
            "{}, run {number}: recovered {recovered:?}, expected within {} ms",
            case.name, case.recovery_ms
        ));
    }
    broken
}

/// Busy and all time of all cores since the machine started, in clock ticks (proc_stat(5)).
fn cpu() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        text.lines().next()?.split_ascii_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    let all: f64 = ticks.iter().take(8).sum();
    let idle: f64 = ticks.get(3)? + ticks.get(4)?;
    Some((all - idle, all))
}
