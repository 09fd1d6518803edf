//! `tenet-bench-clients`: many clients of the store's owner over the embedded engine, beside as many at SQLite itself, all in one process;
//! `cargo xtask bench store` builds and runs it.
//!
//! ```text
//!   N threads ── a connection each ──▶ SQLite, write-ahead log, an fsync a commit     as people use it
//!   N tasks ──▶ owner: joined reads, near cache, group commit ──▶ redb                as `tenet store` has it
//! ```

mod own;
mod sqlite;
#[path = "../statistics.rs"]
#[allow(dead_code)] // what the other program of this crate prints
mod statistics;
mod table;
#[path = "../../../src/store/workload.rs"]
mod workload;

use clap::Parser;
use statistics::percentile;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use workload::Zipf;

/// What a step answers: nothing, or a message for the one at the terminal.
type Outcome<T = ()> = Result<T, String>;

/// Clients at once.
const CLIENTS: [usize; 3] = [16, 64, 256];
/// Writes of a hundred steps.
const WRITES: [u64; 3] = [0, 10, 50];

/// Measure the store's owner on the embedded engine beside SQLite.
#[derive(Parser)]
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
    /// Write the table into bench/README.md.
    #[arg(long)]
    write: bool,
}

/// One measurement.
pub struct Cell {
    clients: usize,
    writes_percent: u64,
    seed: u64,
    zipf: Arc<Zipf>,
    phase: Arc<Phase>,
}

/// Told to all clients.
#[derive(Default)]
pub struct Phase {
    counts: AtomicBool,
    stop: AtomicBool,
}

impl Phase {
    /// Whether clients are to go on.
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Acquire)
    }

    /// Keeps how long a step took that ends now, where it counts.
    fn keep(&self, latencies: &mut Vec<f64>, began: Instant) {
        if self.counts.load(Ordering::Acquire) {
            latencies.push(statistics::micros(began.elapsed()));
        }
    }
}

/// What was seen of one candidate in one cell.
pub struct Seen {
    rate: f64,
    p50: f64,
    p99: f64,
}

/// Does the steps of many clients.
trait Candidate {
    /// As tables name it.
    fn title(&self) -> &'static str;

    /// Lets the clients of the cell work until they are told to stop; how long each step that counts took, in µs.
    fn work(&self, cell: &Cell) -> Outcome<Vec<f64>>;
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenet-bench-clients: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome {
    // Below the folder it runs in, as the other program's: a disk, not the memory that /tmp may be.
    let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
    let candidates: [Box<dyn Candidate>; 2] = [
        Box::new(sqlite::Sqlite::load(&folder.path().join("sqlite"))?),
        Box::new(own::Own::load(&folder.path().join("own"))?),
    ];
    let zipf = Arc::new(Zipf::new());
    let mut rows = Vec::new();
    for writes_percent in
        WRITES.into_iter().filter(|writes| arguments.writes.is_none_or(|only| only == *writes))
    {
        for clients in
            CLIENTS.into_iter().filter(|clients| arguments.clients.is_none_or(|only| only == *clients))
        {
            let mut of_cell = [Vec::new(), Vec::new()];
            for round in 0..arguments.rounds {
                for place in (0..candidates.len()).map(|place| (place + round) % candidates.len()) {
                    let cell = Cell {
                        clients,
                        writes_percent,
                        seed: round as u64,
                        zipf: zipf.clone(),
                        phase: Arc::default(),
                    };
                    let seen = measure(&*candidates[place], &cell, arguments)?;
                    println!(
                        "store-embedded: {clients} clients, {writes_percent} % writes, round {}, {}: {:.0}/s, p99 {:.0} µs",
                        round + 1,
                        candidates[place].title(),
                        seen.rate,
                        seen.p99
                    );
                    of_cell[place].push(seen);
                }
            }
            rows.push(table::Row { clients, writes_percent, seen: of_cell });
        }
    }
    table::report(&candidates.each_ref().map(|candidate| candidate.title()), &rows, arguments)
}

/// One candidate in one cell.
fn measure(candidate: &dyn Candidate, cell: &Cell, arguments: &Arguments) -> Outcome<Seen> {
    let (warm, time) = (Duration::from_secs_f64(arguments.warm), Duration::from_secs_f64(arguments.seconds));
    let (mut latencies, took) = std::thread::scope(|scope| {
        let clock = scope.spawn(|| {
            std::thread::sleep(warm);
            let began = Instant::now();
            cell.phase.counts.store(true, Ordering::Release);
            std::thread::sleep(time);
            cell.phase.counts.store(false, Ordering::Release);
            let took = began.elapsed();
            cell.phase.stop.store(true, Ordering::Release);
            took
        });
        let latencies = candidate.work(cell);
        let took = clock.join().map_err(|_| "the clock ended".to_owned());
        Outcome::Ok((latencies?, took?))
    })?;
    Ok(Seen {
        rate: latencies.len() as f64 / took.as_secs_f64(),
        p50: percentile(&mut latencies, 0.5),
        p99: percentile(&mut latencies, 0.99),
    })
}
