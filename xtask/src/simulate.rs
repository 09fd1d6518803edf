//! `cargo xtask simulate`: builds the simulation optimised and runs it over as many seeds as asked for.

use crate::shell::{Outcome, cargo, command, run as run_loudly, target_dir};

/// What to simulate; `--help` behind `--` shows the simulation's own words for it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Options of the simulation: `--seeds N`, `--from SEED`, `--scenario NAME`, `--trace`, `--threads N`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Builds and runs.
pub fn run(arguments: &Arguments) -> Outcome {
    run_loudly(cargo().args(["build", "--release", "--package", "tenet-simulation"]))?;
    run_loudly(command(target_dir().join("release/tenet-simulation")).args(&arguments.options))
}
