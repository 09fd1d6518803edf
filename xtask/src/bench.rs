//! `cargo xtask bench`: builds what is measured and the harness in `bench/`, both optimised, and runs it.

use crate::shell::{Outcome, cargo, command, root, run as run_loudly, target_dir};
use crate::tools;

/// What to measure; everything else goes to the harness as it is (`--help` shows it).
#[derive(clap::Args)]
pub struct Arguments {
    /// `gateway`, `instructions`, `allocations`, `refusal`, `connections`, `resilience`, `store` or `engines`.
    what: String,
    /// Options of the harness, e.g. `--rounds 3 --write`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Builds and runs.
pub fn run(arguments: &Arguments) -> Outcome {
    match arguments.what.as_str() {
        "engines" => return engines(&arguments.options),
        "store" => return store(&arguments.options),
        _ => {}
    }
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

/// Two halves: beside PostgreSQL, and beside SQLite, which nothing else is to compile. `postgres` or `embedded` before the options asks for one.
fn store(options: &[String]) -> Outcome {
    let (half, options) = match options.split_first() {
        Some((half, rest)) if half == "postgres" || half == "embedded" => (Some(half.as_str()), rest),
        _ => (None, options),
    };
    if half != Some("embedded") {
        let programs = tools::postgres()?;
        run_loudly(cargo().args(["build", "--release", "--package", "tenet-bench"]))?;
        let mut bench = command(target_dir().join("release/tenet-bench"));
        run_loudly(bench.env("TENET_POSTGRES", programs).arg("store").args(options))?;
    }
    if half == Some("postgres") {
        return Ok(());
    }
    build_engines()?;
    run_loudly(
        command(target_dir().join("release/tenet-bench-clients")).args(options).current_dir(target_dir()),
    )
}

/// The comparison of embedded engines is a workspace of its own, so that nothing else compiles the candidates.
fn build_engines() -> Outcome {
    let manifest = root().join("bench/engines/Cargo.toml");
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--manifest-path"]).arg(manifest);
    run_loudly(build.env("CARGO_TARGET_DIR", target_dir()))
}

fn engines(options: &[String]) -> Outcome {
    build_engines()?;
    if let Err(why) = tools::debian("strace", "strace") {
        eprintln!("power cuts cannot be rebuilt: {why}");
    }
    // Its databases are made below the folder it runs in.
    run_loudly(
        command(target_dir().join("release/tenet-bench-engines")).args(options).current_dir(target_dir()),
    )
}
