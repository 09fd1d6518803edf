//! `tenet-simulation`: runs seeds of the simulated fleet and prints what did not hold and a table; `cargo xtask simulate` starts it.

use clap::Parser;
use std::process::ExitCode;
use tenet_simulation::{Report, Run, Scenario, run};

/// Simulate the fleet.
#[derive(Parser)]
struct Cli {
    /// How many seeds.
    #[arg(long, default_value_t = 150)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One scenario for all seeds; else each seed has its own.
    #[arg(long)]
    scenario: Option<String>,
    /// Print what happens, event by event. For one seed.
    #[arg(long)]
    trace: bool,
    /// Seeds at the same time.
    #[arg(long, default_value_t = 1)]
    threads: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let scenario = match cli.scenario.as_deref().map(|name| (name, Scenario::named(name))) {
        Some((name, None)) => {
            let names: Vec<_> = Scenario::ALL.into_iter().map(Scenario::name).collect();
            eprintln!("tenet-simulation: no scenario {name:?}; there are {}", names.join(", "));
            return ExitCode::FAILURE;
        }
        Some((_, found)) => found,
        None => None,
    };
    let threads = cli.threads.max(1);
    let part = |offset: u64| -> Vec<Run> {
        let seeds = (cli.from + offset..cli.from + cli.seeds).step_by(threads as usize);
        seeds.map(|seed| run(scenario.unwrap_or_else(|| Scenario::of(seed)), seed, cli.trace)).collect()
    };
    let mut runs: Vec<Run> = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|offset| scope.spawn(move || part(offset))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
    });
    runs.sort_by_key(|run| run.seed);
    let mut report = Report::new();
    let mut found = 0;
    for run in &runs {
        report.add(run);
        found += usize::from(!run.findings.texts().is_empty());
        run.findings.texts().iter().for_each(|text| println!("{text}"));
    }
    println!("\n{report}");
    println!("{} seeds, {found} with findings", runs.len());
    if found == 0 && runs.len() as u64 == cli.seeds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
