//! Group commit: durable commits a second by batch size, how long one takes, CPU for a write, bytes to disk for a write.

use crate::candidate::{Candidate, Kind, Rows};
use crate::report::Table;
use crate::statistics::{median, micros, number, percentile, spread};
use crate::workload::{Batches, load};
use crate::{Options, Outcome, machine};
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes in a batch: a lone client up to many at once.
const BATCHES: [usize; 4] = [1, 8, 64, 512];

/// Bytes of a value.
const VALUES: [usize; 2] = [100, 1024];

/// Items that exist before and are overwritten evenly.
const ITEMS: u64 = 200_000;

/// How long each cell is measured each round.
const MEASURED: Duration = Duration::from_millis(1_200);

/// What one round saw of one cell.
#[derive(Default)]
struct Cell {
    commits: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    cpu_us: Vec<f64>,
    written: Vec<f64>,
}

/// Measures.
pub fn run(options: &Options) -> Outcome<Vec<Table>> {
    let mut tables = Vec::new();
    for value_bytes in VALUES {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        let kinds = options.in_turn(0);
        let mut cells: Vec<[Cell; BATCHES.len()]> = kinds.iter().map(|_| Default::default()).collect();
        for round in 0..options.rounds {
            for kind in options.in_turn(round) {
                let folder = folder.path().join(kind.argument());
                let candidate = prepared(kind, &folder, options, value_bytes)?;
                let cells = kinds.iter().position(|other| *other == kind).and_then(|at| cells.get_mut(at));
                measure(
                    candidate.as_ref(),
                    options,
                    (round as u64 + 1) << 32,
                    value_bytes,
                    cells.ok_or("?")?,
                )?;
            }
        }
        tables.push(table(value_bytes, &kinds, &cells, options));
    }
    Ok(tables)
}

/// Opens the candidate, loaded where its folder is new.
fn prepared(kind: Kind, folder: &Path, options: &Options, value_bytes: usize) -> Outcome<Box<dyn Candidate>> {
    let new = !folder.exists();
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let candidate = kind.open(folder)?;
    if new {
        load(candidate.as_ref(), options.sized(ITEMS), value_bytes)?;
    }
    Ok(candidate)
}

fn measure(
    candidate: &dyn Candidate,
    options: &Options,
    mut sequence: u64,
    value_bytes: usize,
    cells: &mut [Cell; BATCHES.len()],
) -> Outcome {
    for (size, cell) in BATCHES.into_iter().zip(cells) {
        let mut batches = Batches::after(sequence, sequence, value_bytes);
        let limit = MEASURED.mul_f64(if options.quick { 0.1 } else { 1.0 });
        let (mut latencies, mut making_us) = (Vec::new(), 0.0);
        let (began, cpu, written) = (Instant::now(), machine::cpu_us(), machine::written()?);
        let mut committing = Duration::ZERO;
        while began.elapsed() < limit {
            let making = machine::cpu_us();
            let batch = batches.even(size, options.sized(ITEMS));
            making_us += machine::cpu_us() - making;
            let commit = Instant::now();
            candidate.commit(&batch, Rows::All)?;
            committing += commit.elapsed();
            latencies.push(micros(commit.elapsed()));
        }
        let commits = latencies.len() as f64;
        sequence += (latencies.len() * size) as u64;
        cell.commits.push(commits / committing.as_secs_f64());
        cell.p50_us.push(percentile(&mut latencies, 0.5));
        cell.p99_us.push(percentile(&mut latencies, 0.99));
        cell.cpu_us.push((machine::cpu_us() - cpu - making_us) / (commits * size as f64));
        cell.written.push((machine::written()? - written) / (commits * size as f64));
    }
    Ok(())
}

fn table(value_bytes: usize, kinds: &[Kind], cells: &[[Cell; BATCHES.len()]], options: &Options) -> Table {
    let mut table = Table::new(
        &format!("Group commit, values of {value_bytes} bytes"),
        &format!(
            "One thread commits batches of puts over {} existing items, evenly chosen; each put also adds a row to the change log and one to the tokens. \
             A commit returns after its fsync. CPU and bytes written are the whole process's, background work included. Median (least – most) of {} rounds in turns.",
            number(options.sized(ITEMS) as f64),
            options.rounds
        ),
        &[
            "writes a batch",
            "candidate",
            "commits/s",
            "writes/s",
            "to SQLite",
            "p50 µs",
            "p99 µs",
            "CPU µs a write",
            "bytes to disk a write",
        ],
    );
    for (at, size) in BATCHES.into_iter().enumerate() {
        let first = cells.first().map_or(f64::NAN, |cells| median(&cells[at].commits));
        for (kind, cells) in kinds.iter().zip(cells) {
            let cell = &cells[at];
            let commits = median(&cell.commits);
            table.row(vec![
                size.to_string(),
                kind.name().to_owned(),
                spread(&cell.commits),
                number(commits * size as f64),
                format!("{} ×", number(commits / first)),
                number(median(&cell.p50_us)),
                number(median(&cell.p99_us)),
                number(median(&cell.cpu_us)),
                number(median(&cell.written)),
            ]);
        }
    }
    table
}
