//! `cargo xtask drill`: real processes fail under load, and what callers noticed is written down beside what was asked for.
//!
//! ```text
//!   a fleet (the example; slots set what an instance can do) ──▶ a case (`tenet drill`), some runs of it ──▶ a row each, judged
//! ```
//!
//! Capacity is that of the fault points' slots and not of the machine. Figures are reported; a run in which the machine itself was
//! busier than it may be is no measurement and is made again.

mod case;
mod cpu;
mod figures;

use crate::serve::{self, Served, Settings};
use crate::shell::{Outcome, cargo, command, root, run as run_loudly, target_dir};
use case::{CASES, Case, Fleet};
use figures::{HEAD, Row};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;

/// Busier than this, the machine and not the fleet would be measured.
const CPU_MOST: f64 = 0.70;
/// Runs of a case made again because the machine was busy, before it is given up.
const REPEATS: u32 = 3;
/// What is built: optimised, but each crate for itself, which takes a fifth of the time. Capacity is set by slots.
const PROFILE: &str = "drill";
/// Where the figures go with `--write`.
const DOCUMENT: &str = "docs/resilience.md";
const MARKS: [&str; 2] = ["<!-- drill:begin -->", "<!-- drill:end -->"];

/// How often, and which.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only the cases whose name contains this.
    #[arg(long)]
    case: Option<String>,
    /// Runs of each case.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Load as a share of what the instances can do together, in percent; default: the case's own.
    #[arg(long)]
    load_percent: Option<u32>,
    /// Count busy runs, too: for a look on a busy machine, never for a figure.
    #[arg(long)]
    busy: bool,
    /// Use the binaries that are there.
    #[arg(long)]
    no_build: bool,
    /// Put the table into docs/resilience.md. Only with all cases.
    #[arg(long, conflicts_with = "case")]
    write: bool,
}

/// Runs the cases and prints a table.
pub fn run(arguments: &Arguments) -> Outcome {
    if !arguments.no_build {
        let packages = ["--package", "tenet", "--package", "tenet-example-feed", "--bins"];
        run_loudly(cargo().args(["build", "--quiet", "--profile", PROFILE]).args(packages))?;
    }
    let mut text = format!("{}\n\n{HEAD}", case::intro(arguments.load_percent));
    println!("{text}");
    let mut broken = Vec::new();
    for fleet in &case::FLEETS {
        let wanted = |case: &&Case| {
            case.fleet == fleet.name && arguments.case.as_deref().is_none_or(|part| case.name.contains(part))
        };
        let mut cases = CASES.iter().filter(wanted).peekable();
        if cases.peek().is_none() {
            continue;
        }
        let served = serve(fleet)?;
        for case in cases {
            for number in 1..=arguments.runs {
                match measured(case, fleet, arguments, &served.folder) {
                    Ok(report) => {
                        let row = Row { case, fleet, number, report: &report };
                        println!("{row}");
                        text += &format!("\n{row}");
                        broken.extend(row.broken());
                    }
                    Err(why) => broken.push(format!("{}, run {number}: {why}", case.name)),
                }
            }
        }
    }
    println!();
    text += "\n";
    for line in &broken {
        println!("BROKEN {line}");
        text += &format!("\nNot as expected: {line}.\n");
    }
    if arguments.write {
        write(&text)?;
    }
    if broken.is_empty() { Ok(()) } else { Err(format!("{} expectations were not met", broken.len())) }
}

/// The example with the fleet's capacity and requests.
fn serve(fleet: &Fleet) -> Outcome<Served> {
    serve::feed_with(&Settings {
        profile: PROFILE,
        arguments: &["--fault-points"],
        edit: Some(&|text| fleet.edit(&text)),
    })
}

/// A run on a machine that was quiet enough, with its CPU share put into the report.
fn measured(case: &Case, fleet: &Fleet, arguments: &Arguments, project: &Path) -> Outcome<Value> {
    for _ in 0..REPEATS {
        let before = cpu::ticks();
        let mut report = drill(case, fleet, arguments, project)?;
        let share = cpu::share(before, cpu::ticks());
        report["cpu"] = share.into();
        if share <= CPU_MOST || arguments.busy {
            return Ok(report);
        }
        eprintln!("{}: the machine was {:.0} % busy; once more", case.name, share * 100.0);
    }
    Err("the machine was too busy for a measurement".into())
}

fn drill(case: &Case, fleet: &Fleet, arguments: &Arguments, project: &Path) -> Outcome<Value> {
    let rps = fleet.capacity() * arguments.load_percent.unwrap_or(case.load_percent) / 100;
    let mut drill = command(target_dir().join(PROFILE).join("tenet"));
    drill.arg("drill").args(case.drill).arg(project).args(["--rps", &rps.to_string(), "--json"]);
    drill.args([
        "--warm-up",
        "3s",
        "--before",
        "5s",
        "--during",
        case.during,
        "--after",
        "10s",
        "--only-stated-limits",
    ]);
    let output = drill.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stdout)))
}

/// Puts the text between its marks.
fn write(text: &str) -> Outcome {
    let path = root().join(DOCUMENT);
    let place = |error: std::io::Error| format!("{}: {error}", path.display());
    let document = std::fs::read_to_string(&path).map_err(place)?;
    let [begin, end] = MARKS;
    let parts = document.split_once(begin).and_then(|(head, rest)| Some((head, rest.split_once(end)?.1)));
    let (head, tail) = parts.ok_or_else(|| format!("{DOCUMENT}: no {begin} … {end}"))?;
    std::fs::write(&path, format!("{head}{begin}\n{}\n{end}{tail}", text.trim_end())).map_err(place)
}
