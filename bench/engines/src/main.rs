//! `tenet-bench-engines`: measures SQLite, redb and fjall as the embedded engine of the data service;
//! `cargo xtask bench engines` builds and runs it.
//!
//! ```text
//!   commit  read  scan  growth      what it costs, candidates in turns, round after round
//!   kill                            a child commits and is killed; what it acknowledged must be there
//!   power                           a child is traced; states a power cut may leave are rebuilt from its system calls
//!   flip                            one byte on disk is changed; what do reads say?
//! ```

mod candidate;
mod commit;
mod flip;
mod growth;
mod kill;
mod ledger;
mod machine;
mod power;
mod read;
mod report;
mod scan;
mod statistics;
mod workload;

use candidate::Kind;
use clap::{Args, Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// What a step answers: nothing, or a message for the one at the terminal.
type Outcome<T = ()> = Result<T, String>;

/// Measure embedded engines.
#[derive(Parser)]
struct Cli {
    /// What to measure; everything when left out.
    #[arg(value_enum)]
    parts: Vec<Part>,
    #[command(flatten)]
    options: Options,
    /// Put the tables of this and earlier runs into docs/store.md.
    #[arg(long)]
    write: bool,
    /// Be the process that is killed, traced or reads what was damaged.
    #[arg(long, hide = true, value_enum, requires = "child_folder")]
    child: Option<Child>,
    /// Where the child works.
    #[arg(long, hide = true)]
    child_folder: Option<PathBuf>,
    /// Batches the child commits at most.
    #[arg(long, hide = true, default_value_t = u64::MAX)]
    child_batches: u64,
}

/// What all parts heed.
#[derive(Args, Clone)]
pub struct Options {
    /// A tenth of everything: a look whether it works.
    #[arg(long)]
    quick: bool,
    /// How often candidates take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these candidates.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
}

impl Options {
    /// The candidates, beginning with another one each round.
    fn in_turn(&self, round: usize) -> Vec<Kind> {
        let mut kinds: Vec<_> =
            Kind::ALL.into_iter().filter(|kind| self.only.is_empty() || self.only.contains(kind)).collect();
        let shift = round % kinds.len().max(1);
        kinds.rotate_left(shift);
        kinds
    }

    /// `whole`, or a tenth of it in a quick run.
    fn sized(&self, whole: u64) -> u64 {
        if self.quick { (whole / 10).max(1) } else { whole }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Commit,
    Read,
    Scan,
    Growth,
    Kill,
    Power,
    Flip,
}

#[derive(Clone, Copy, ValueEnum)]
enum Child {
    Commit,
    Read,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Outcome<ExitCode> {
    if let (Some(child), Some(folder)) = (cli.child, &cli.child_folder) {
        let kind = *cli.options.only.first().ok_or("a child needs --only")?;
        return match child {
            Child::Commit => {
                ledger::commit_until_killed(kind, folder, cli.child_batches).map(|()| ExitCode::SUCCESS)
            }
            Child::Read => Ok(flip::read_all(kind, folder)),
        };
    }
    let all = Part::value_variants();
    for part in if cli.parts.is_empty() && !cli.write { all } else { cli.parts.as_slice() } {
        match part {
            Part::Commit => report::keep("commit", &commit::run(&cli.options)?)?,
            Part::Read => report::keep("read", &read::run(&cli.options)?)?,
            Part::Scan => report::keep("scan", &scan::run(&cli.options)?)?,
            Part::Growth => report::keep("growth", &growth::run(&cli.options)?)?,
            Part::Kill => report::keep("kill", &kill::run(&cli.options)?)?,
            Part::Power => report::keep("power", &power::run(&cli.options)?)?,
            Part::Flip => report::keep("flip", &flip::run(&cli.options)?)?,
        }
    }
    if cli.write {
        report::write(&machine::describe())?;
    }
    Ok(ExitCode::SUCCESS)
}
