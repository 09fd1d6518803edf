//! `tenet-bench`: measures proxies side by side on one core; `cargo xtask bench` builds and runs it.
//!
//! ```text
//!   core 1                         core 0                core 1
//!   load generator ── HTTP ──►  one proxy at a time  ──► backend (fixed answers)
//! ```
//!
//! What counts of the cost is the proxy's own user and system CPU, read from /proc before and after: it does not depend on how
//! fast the rest of the machine is. All proxies run at once and are measured in turns, round after round, so that a
//! slow spell of the machine meets all of them.

mod allocations;
mod backend;
mod callgrind;
mod connections;
mod contract;
mod cpu;
mod gateway;
mod instructions;
mod load;
mod machine;
mod peers;
mod refusal;
mod report;
mod resilience;
mod statistics;
mod store;
mod template;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// That of the product's binary: what the bench runs of the product within itself is to cost what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a step answers: nothing, or a message for the one at the terminal.
type Outcome<T = ()> = Result<T, String>;

/// Measure the gateway.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// CPU per request and latency at fixed rates, beside nginx, HAProxy and Envoy.
    Gateway(gateway::Arguments),
    /// Instructions per request, by callgrind.
    Instructions(callgrind::Arguments),
    /// Allocations per request, by callgrind.
    Allocations(callgrind::Arguments),
    /// What a refusal costs beside an answer of the route table, by CPU and by callgrind.
    Refusal(refusal::Arguments),
    /// How evenly two threads share HTTP/2 load over 1, 4 and 64 connections.
    Connections(connections::Arguments),
    /// Many clients through the store beside the same clients at PostgreSQL itself.
    Store(store::Arguments),
    /// One store process of `store`.
    #[command(hide = true)]
    StoreProcess(store::process::Arguments),
    /// What callers notice when instances fail or are overrun, beside HAProxy and Envoy.
    Resilience(resilience::Arguments),
    /// One instance of `resilience`.
    #[command(hide = true)]
    Instance(resilience::instance::Arguments),
    /// Run a program that ends when the bench does.
    #[command(hide = true)]
    Attached(resilience::attached::Arguments),
    /// Serve the backends alone, to try a proxy or a tool by hand.
    Backend,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Gateway(arguments) => gateway::run(&arguments),
        Command::Instructions(arguments) => instructions::run(&arguments),
        Command::Allocations(arguments) => allocations::run(&arguments),
        Command::Refusal(arguments) => refusal::run(&arguments),
        Command::Connections(arguments) => connections::run(&arguments),
        Command::Store(arguments) => store::run(&arguments),
        Command::StoreProcess(arguments) => store::process::run(&arguments),
        Command::Resilience(arguments) => resilience::run(&arguments),
        Command::Instance(arguments) => resilience::instance::run(&arguments),
        Command::Attached(arguments) => resilience::attached::run(&arguments),
        Command::Backend => backend::serve(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("tenet-bench: {message}");
            ExitCode::FAILURE
        }
    }
}
