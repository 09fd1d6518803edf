//! `cargo xtask bench`: builds what is measured and the harness in `bench/`, both optimised, and runs it.

use crate::shell::{Outcome, cargo, command, run as run_loudly, target_dir};
use crate::tools;

/// What to measure; everything else goes to the harness as it is (`--help` shows it).
#[derive(clap::Args)]
pub struct Arguments {
    /// `gateway`, `instructions`, `allocations`, `refusal`, `connections` or `resilience`.
    what: String,
    /// Options of the harness, e.g. `--rounds 3 --write`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Builds and runs.
pub fn run(arguments: &Arguments) -> Outcome {
    let binary = target_dir().join("release/tenet");
    let mut bench = command(target_dir().join("release/tenet-bench"));
    bench.arg(&arguments.what).args(&arguments.options);
    run_loudly(cargo().args(["build", "--release", "--package", "tenet-bench"]))?;
    match run_loudly(cargo().args(["build", "--release", "--package", "tenet"])) {
        Ok(()) => drop(bench.env("TENET_BIN", binary)),
        Err(why) => eprintln!("tenet is not measured: {why}"),
    }
    let peers: &[&str] = match arguments.what.as_str() {
        "gateway" => &["nginx", "haproxy"],
        "resilience" => &["haproxy"],
        _ => &[],
    };
    if !peers.is_empty() {
        match tools::python("envoy", tools::PYTHON_ENVOY) {
            Ok(python) => drop(bench.env("TENET_ENVOY_PYTHON", python)),
            Err(why) => eprintln!("Envoy is not measured: {why}"),
        }
        for peer in peers {
            if let Err(why) = tools::debian(peer, peer) {
                eprintln!("{peer} is not measured: {why}");
            }
        }
    }
    if matches!(arguments.what.as_str(), "instructions" | "allocations" | "refusal") {
        tools::debian("valgrind", "valgrind")?;
    }
    run_loudly(&mut bench)
}
