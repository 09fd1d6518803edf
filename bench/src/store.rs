//! Whether one owner pays: many clients through the store beside the same clients at PostgreSQL itself.
//!
//! ```text
//!   core 1                                   core 0
//!   16, 64, 256 clients ── 1 connection each ──────────────▶ PostgreSQL      the measure
//!                       └─ gRPC, 8 connections ─▶ 1 or 2 ──▶ PostgreSQL      batches, joined reads
//!                                                 store processes ─▶ redb    reported apart
//! ```
//!
//! All of them run at once and are measured in turns. The store's processes share the measured core with PostgreSQL: what they cost is
//! charged to them.

mod call;
mod candidate;
mod direct;
mod load;
pub mod process;
mod server;
mod table;
mod workload;

use crate::gateway::order;
use crate::report::Report;
use crate::{Outcome, machine};
use candidate::{Candidates, Kind};
use load::Cell;
use std::time::Duration;
use table::Row;
use tenet_store::engine::postgres::CONNECTIONS;

/// Clients at once.
const CLIENTS: [usize; 3] = [16, 64, 256];
/// Writes of a hundred steps.
const WRITES: [u64; 3] = [0, 10, 50];

/// How long and what.
#[derive(clap::Args)]
pub struct Arguments {
    /// Rounds of each cell.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds before it that do not count.
    #[arg(long, default_value_t = 0.7)]
    warm: f64,
    /// Only so many clients.
    #[arg(long)]
    clients: Option<usize>,
    /// Only this share of writes, in percent.
    #[arg(long)]
    writes: Option<u64>,
    /// Only these ways.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Batches of writes at a time in a store process on PostgreSQL. Default: as the store has it.
    #[arg(long)]
    write_lanes: Option<usize>,
    /// Batches of reads at a time in a store process on PostgreSQL. Default: as the store has it.
    #[arg(long)]
    read_lanes: Option<usize>,
    /// Connections of a store process to PostgreSQL.
    #[arg(long, default_value_t = CONNECTIONS)]
    connections: usize,
    /// Write the tables into bench/README.md.
    #[arg(long)]
    write: bool,
}

/// Measures and prints the tables.
pub fn run(arguments: &Arguments) -> Outcome {
    machine::pin(&[machine::LOAD_CORE])?;
    if !candidate::disk_syncs() {
        return Err("temporary files are in memory, where a sync costs nothing: name a disk in TMPDIR".into());
    }
    let sync_us = server::sync_us()?;
    let candidates = Candidates::start(arguments)?;
    let kinds: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| arguments.only.is_empty() || arguments.only.contains(kind))
        .collect();
    let mut rows = Vec::new();
    for writes_percent in
        WRITES.into_iter().filter(|writes| arguments.writes.is_none_or(|only| only == *writes))
    {
        for clients in
            CLIENTS.into_iter().filter(|clients| arguments.clients.is_none_or(|only| only == *clients))
        {
            rows.extend(cell(&candidates, &kinds, (clients, writes_percent), arguments)?);
        }
    }
    let version = format!("PostgreSQL {}, Tenet {}", candidates.server.version(), env!("CARGO_PKG_VERSION"));
    let mut report = Report::new("store", &version);
    table::write(&mut report, &rows, arguments, sync_us);
    report.finish(arguments.write)
}

/// All rounds of one cell.
fn cell(
    candidates: &Candidates,
    kinds: &[Kind],
    (clients, writes_percent): (usize, u64),
    arguments: &Arguments,
) -> Outcome<Vec<Row>> {
    let row = |kind: &Kind| Row { writes_percent, clients, kind: *kind, rounds: Vec::new() };
    let mut rows: Vec<Row> = kinds.iter().map(row).collect();
    for round in 0..arguments.rounds {
        for index in order(round, kinds.len()) {
            let cell = Cell {
                clients,
                writes_percent,
                warm: Duration::from_secs_f64(arguments.warm),
                time: Duration::from_secs_f64(arguments.seconds),
                seed: round as u64,
            };
            let seen = load::measure(candidates, kinds[index], cell)?;
            println!(
                "store: {clients} clients, {writes_percent} % writes, round {}, {}: {:.0}/s, p99 {:.0} µs",
                round + 1,
                kinds[index].title(),
                seen.rate,
                seen.p99
            );
            rows[index].rounds.push(seen);
        }
    }
    Ok(rows)
}

/// What a client does before anything is measured.
fn on_runtime(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}

/// That an answer is what was asked for.
fn sound(value_bytes: usize, version: bool) -> Outcome {
    if value_bytes == workload::VALUE_BYTES && version {
        return Ok(());
    }
    Err(format!("an answer is not what was asked for: a value of {value_bytes} bytes"))
}
