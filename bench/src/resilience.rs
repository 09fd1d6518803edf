//! What callers notice when instances fail, hang, vanish or are overrun: beside HAProxy and Envoy, both tuned.
//!
//! ```text
//!   core 1                          core 0               core 1
//!   callers, open loop ── HTTP ──►  one proxy  ──► six instances in three zones, 4 slots of 20 ms each
//!                                                   one slow · one failing · a zone stopped · a zone killed
//! ```
//!
//! Every run has a fresh proxy and fresh instances, and the proxies take turns.

pub mod attached;
mod call;
mod case;
mod fleet;
pub mod instance;
mod load;
mod proxy;
mod run;
mod service;
mod table;

use crate::gateway::order;
use crate::peers::Kind;
use crate::{Outcome, machine};
pub use case::Case;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use run::Run;

/// Busier than this, the machine and not the proxies would be measured.
const CPU_MOST: f64 = 0.70;
/// Runs that may be made again for that, in all rounds of a case.
const REPEATS: usize = 6;

/// What and how long.
#[derive(clap::Args)]
pub struct Arguments {
    /// Rounds of each case.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only this case.
    #[arg(long)]
    case: Option<Case>,
    /// Only this proxy: haproxy, envoy or tenet.
    #[arg(long)]
    proxy: Option<String>,
    /// Load as a share of what the instances can do together, in percent.
    #[arg(long, default_value_t = 65)]
    load_percent: u32,
    /// Seconds before the failure.
    #[arg(long, default_value_t = 5.0)]
    before: f64,
    /// Seconds of the failure.
    #[arg(long, default_value_t = 10.0)]
    during: f64,
    /// Seconds of overload; 30 for the figures of the README.
    #[arg(long, default_value_t = 10.0)]
    overload: f64,
    /// Load in overload as a share of what the instances can do together, in percent.
    #[arg(long, default_value_t = 300)]
    overload_percent: u32,
    /// Seconds after it.
    #[arg(long, default_value_t = 5.0)]
    after: f64,
    /// Zone that Tenet is told it lives in; empty for none, which makes all instances alike.
    #[arg(long, default_value = "")]
    zone: String,
    /// Print each window of half a second.
    #[arg(long)]
    windows: bool,
    /// Print what the proxy has counted after each run.
    #[arg(long)]
    counters: bool,
    /// Count busy runs, too: for a look on a busy machine, never for a figure.
    #[arg(long)]
    busy: bool,
    /// Write the tables into bench/README.md.
    #[arg(long)]
    write: bool,
}

/// All runs of one proxy in one case.
struct Row {
    case: Case,
    kind: Kind,
    runs: Vec<Run>,
    /// Runs that were made again because the machine was busy.
    again: usize,
}

/// Measures and prints the tables.
pub fn run(arguments: &Arguments) -> Outcome {
    machine::pin(&[machine::LOAD_CORE])?;
    let named =
        |kind: &Kind| arguments.proxy.as_ref().is_none_or(|name| kind.title().eq_ignore_ascii_case(name));
    let mut missing = Vec::new();
    let mut kinds = Vec::new();
    for kind in proxy::KINDS.into_iter().filter(named) {
        match kind.program() {
            Ok(_) => kinds.push(kind),
            Err(why) => missing.push(format!("{} is not measured: {why}", kind.title())),
        }
    }
    missing.iter().for_each(|line| eprintln!("{line}"));
    raise_file_limit()?;
    for case in Case::ALL.into_iter().filter(|case| arguments.case.is_none_or(|only| only == *case)) {
        let empty = |kind: &Kind| Row { case, kind: *kind, runs: Vec::new(), again: 0 };
        let mut of_case: Vec<Row> = kinds.iter().map(empty).collect();
        for round in 0..arguments.rounds {
            for index in order(round, kinds.len()) {
                measure(&mut of_case[index], round, arguments)?;
            }
        }
        table::report(case, &of_case, &missing, arguments)?;
    }
    Ok(())
}

/// Lets this process and its children open as many files as they may: a call under way is a connection at each of them.
fn raise_file_limit() -> Outcome {
    let failed = |error: nix::Error| format!("limit of open files: {error}");
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(failed)
}

/// One run that was made on a machine quiet enough.
fn measure(row: &mut Row, round: usize, arguments: &Arguments) -> Outcome {
    loop {
        let run = run::run(row.case, row.kind, arguments)?;
        let quiet = run.busy[2] <= CPU_MOST;
        println!("{}", table::progress(row, round, &run));
        run.counters.iter().for_each(|line| println!("  {line}"));
        if quiet || arguments.busy {
            row.runs.push(run);
            return Ok(());
        }
        row.again += 1;
        if row.again > REPEATS {
            return Err(format!("{}: the machine was too busy for a measurement", row.case.title()));
        }
    }
}
