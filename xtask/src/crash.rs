//! `cargo xtask crash`: processes and servers are killed and disks fail, seed by seed, and nothing that the store acknowledged may be lost.
//!
//! What is run is the example `crash` of the store, so that it is built as its tests are. A run that was stopped goes on with `--from`
//! and the seed that was printed last; a seed that found something is run alone with `--from SEED --seeds 1`.

use crate::shell::{Outcome, cargo, command, run as run_loudly, target_dir};
use crate::tools;

/// Which seeds, and of what.
#[derive(clap::Args)]
pub struct Arguments {
    /// Whose processes are killed: `embedded` or `postgres`.
    #[arg(long, default_value = "embedded")]
    engine: String,
    /// What is done to PostgreSQL: `kill`, `promote`, `partition`, `slow` or `crowd`.
    #[arg(long, default_value = "kill")]
    injury: String,
    /// Let the disk below the embedded engine fail instead: power cuts, syncs and writes that fail, no room, turned bytes.
    #[arg(long, conflicts_with = "engine")]
    faults: bool,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Kills of each seed, on one folder or one server.
    #[arg(long, default_value_t = 20)]
    kills: u64,
    /// Build optimised.
    #[arg(long)]
    release: bool,
}

/// Builds and runs.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", "tenet-store", "--example", "crash"]);
    if arguments.release {
        build.arg("--release");
    }
    run_loudly(&mut build)?;
    let profile = if arguments.release { "release" } else { "debug" };
    let mut crash = command(target_dir().join(profile).join("examples/crash"));
    if arguments.faults {
        crash.arg("--faults");
    } else {
        crash.args(["--engine", &arguments.engine]);
    }
    if arguments.engine == "postgres" {
        crash.args(["--injury", &arguments.injury]);
    }
    for (name, number) in
        [("--from", arguments.from), ("--seeds", arguments.seeds), ("--kills", arguments.kills)]
    {
        crash.args([name, &number.to_string()]);
    }
    crash.arg("--keep").arg(target_dir().join("crash"));
    if arguments.engine == "postgres" {
        crash.env("TENET_POSTGRES", tools::postgres()?);
    }
    run_loudly(&mut crash)
}
