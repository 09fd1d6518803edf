//! `cargo xtask`: everything done to this tree that is not building it.
//!
//! One file a command. Commands that need foreign tools get them through `tools`, which installs pinned versions
//! into a cache folder outside the checkout, or says exactly what is missing and how to get it.

mod bench;
mod ci;
mod console;
mod crash;
mod drill;
mod fuzz;
mod httpwg;
mod openapi_lint;
mod schemathesis;
mod serve;
mod shell;
mod simulate;
mod tally;
mod test;
mod tidy;
mod tools;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Work on the Tenet tree.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test there is, and say what could not run and why.
    Test(test::Arguments),
    /// Check the house rules.
    Tidy,
    /// Format, clippy and tidy, then every test.
    Ci,
    /// Measure the gateway beside its peers.
    Bench(bench::Arguments),
    /// Let parts of a real fleet fail under load, and say what callers noticed.
    Drill(drill::Arguments),
    /// Run the simulated fleet through its faults, seed by seed.
    Simulate(simulate::Arguments),
    /// Kill the store's processes and servers, let its disk fail, and see that nothing is lost.
    Crash(crash::Arguments),
    /// Run the fuzz targets, each for a while.
    Fuzz(fuzz::Arguments),
    /// Judge the example's OpenAPI document with openapi-spec-validator, spectral and redocly.
    OpenapiLint,
    /// Run the RFC 9113 cases of httpwg-cli against the gateway.
    Httpwg(httpwg::Arguments),
    /// Let schemathesis call the example through the gateway.
    Schemathesis(schemathesis::Arguments),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Ci => ci::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Drill(arguments) => drill::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Crash(arguments) => crash::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::OpenapiLint => openapi_lint::run(),
        Command::Httpwg(arguments) => httpwg::run(&arguments),
        Command::Schemathesis(arguments) => schemathesis::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Empty where everything was said already, as the tests' closing line does.
            if !message.is_empty() {
                eprintln!("cargo xtask: {message}");
            }
            ExitCode::FAILURE
        }
    }
}
