//! Point reads by Zipf's law: from disk and from memory, by one thread and two, and beside a writer.

use crate::candidate::{Candidate, Key, Kind, Rows};
use crate::report::Table;
use crate::statistics::{median, micros, number, percentile, spread};
use crate::workload::{Batches, Random, ZIPF_EXPONENT, Zipf, load};
use crate::{Options, Outcome, machine};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Items in the database, 100 bytes each: with keys about twice what a candidate may cache.
const ITEMS: u64 = 1_000_000;

/// Reads by each thread in a case.
const READS: u64 = 200_000;

/// Reads of the case that begins with nothing in memory.
const COLD_READS: u64 = 20_000;

/// Writes of each batch of the writer beside.
const BESIDE: usize = 64;

/// Reads that share a transaction in one of the cases.
const SHARED: usize = 16;

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    threads: usize,
    cold: bool,
    writer: bool,
    at_once: usize,
}

const CASES: [Case; 6] = [
    Case { name: "nothing in memory, 1 thread", threads: 1, cold: true, writer: false, at_once: 1 },
    Case { name: "1 thread", threads: 1, cold: false, writer: false, at_once: 1 },
    Case {
        name: "1 thread, 16 reads a transaction",
        threads: 1,
        cold: false,
        writer: false,
        at_once: SHARED,
    },
    Case { name: "2 threads", threads: 2, cold: false, writer: false, at_once: 1 },
    Case { name: "1 thread beside a writer", threads: 1, cold: false, writer: true, at_once: 1 },
    Case { name: "2 threads beside a writer", threads: 2, cold: false, writer: true, at_once: 1 },
];

#[derive(Default)]
struct Cell {
    reads: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    commits: Vec<f64>,
    commit_p99_us: Vec<f64>,
}

/// Measures.
pub fn run(options: &Options) -> Outcome<Vec<Table>> {
    let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
    let kinds = options.in_turn(0);
    let items = options.sized(ITEMS);
    let zipf = Zipf::new(items);
    for kind in &kinds {
        let folder = folder.path().join(kind.argument());
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        load(kind.open(&folder)?.as_ref(), items, 100)?;
    }
    let mut cells: Vec<[Cell; CASES.len()]> = kinds.iter().map(|_| Default::default()).collect();
    for round in 0..options.rounds {
        for kind in options.in_turn(round) {
            let at = kinds.iter().position(|other| *other == kind).ok_or("?")?;
            let seed = (round as u64 + 1) << 32;
            measure(kind, &folder.path().join(kind.argument()), options, &zipf, seed, &mut cells[at])?;
        }
    }
    Ok(vec![table(&kinds, &cells, options)])
}

fn measure(
    kind: Kind,
    folder: &Path,
    options: &Options,
    zipf: &Zipf,
    seed: u64,
    cells: &mut [Cell; CASES.len()],
) -> Outcome {
    machine::forget(folder)?;
    let candidate = kind.open(folder)?;
    for (index, (case, cell)) in CASES.iter().zip(cells).enumerate() {
        let reads = options.sized(if case.cold { COLD_READS } else { READS }) as usize;
        let mut random = Random::new(seed + index as u64);
        let keys: Vec<_> = (0..case.threads).map(|_| zipf.keys(reads, &mut random)).collect();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = case.writer.then(|| {
                let sequence = seed + ((index as u64) << 24);
                let (candidate, stop) = (candidate.as_ref(), &stop);
                scope.spawn(move || write_beside(candidate, sequence, options.sized(ITEMS), stop))
            });
            let began = Instant::now();
            let readers: Vec<_> = keys
                .iter()
                .map(|keys| {
                    let candidate = candidate.as_ref();
                    scope.spawn(move || read(candidate, keys, case.at_once))
                })
                .collect();
            let mut latencies = Vec::new();
            for reader in readers {
                latencies.extend(reader.join().map_err(|_| "a reader panicked")??);
            }
            cell.reads.push((reads * case.threads) as f64 / began.elapsed().as_secs_f64());
            stop.store(true, Ordering::Relaxed);
            cell.p50_us.push(percentile(&mut latencies, 0.5));
            cell.p99_us.push(percentile(&mut latencies, 0.99));
            if let Some(writer) = writer {
                let (commits, p99_us) = writer.join().map_err(|_| "the writer panicked")??;
                cell.commits.push(commits);
                cell.commit_p99_us.push(p99_us);
            }
            Ok::<_, String>(())
        })?;
    }
    Ok(())
}

/// Reads `keys` and says how long each call took, in µs.
fn read(candidate: &dyn Candidate, keys: &[Key], at_once: usize) -> Outcome<Vec<f64>> {
    let mut reader = candidate.reader()?;
    let mut latencies = Vec::with_capacity(keys.len());
    let mut missing = 0;
    for keys in keys.chunks(at_once) {
        let began = Instant::now();
        reader.get(keys, &mut |_, row| {
            missing += usize::from(row.is_none_or(|(_, value)| value.len() != 100))
        })?;
        latencies.push(micros(began.elapsed()));
    }
    if missing == 0 { Ok(latencies) } else { Err(format!("{missing} items are not there")) }
}

/// Commits batches until told to stop; commits a second and the 99th percentile of one in µs.
fn write_beside(
    candidate: &dyn Candidate,
    sequence: u64,
    items: u64,
    stop: &AtomicBool,
) -> Outcome<(f64, f64)> {
    let mut batches = Batches::after(sequence, sequence, 100);
    let (mut latencies, mut committing) = (Vec::new(), Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let batch = batches.even(BESIDE, items);
        let began = Instant::now();
        candidate.commit(&batch, Rows::All)?;
        committing += began.elapsed();
        latencies.push(micros(began.elapsed()));
    }
    let commits = latencies.len() as f64 / committing.as_secs_f64();
    Ok((commits, percentile(&mut latencies, 0.99)))
}

fn table(kinds: &[Kind], cells: &[[Cell; CASES.len()]], options: &Options) -> Table {
    let mut table = Table::new(
        "Point reads",
        &format!(
            "{} items of 100 bytes, keys by Zipf's law (exponent {ZIPF_EXPONENT}), {} reads a thread ({} from disk: reopened, the kernel's cache dropped). Each read is a transaction of its own unless said \
             otherwise; where it is 16, the percentiles are of the 16. The writer commits batches of {BESIDE} all the while. Median (least – most) of {} rounds in turns.",
            number(options.sized(ITEMS) as f64),
            number(options.sized(READS) as f64),
            number(options.sized(COLD_READS) as f64),
            options.rounds
        ),
        &[
            "case",
            "candidate",
            "reads/s",
            "to SQLite",
            "p50 µs",
            "p99 µs",
            "writer: commits/s",
            "writer: p99 µs",
        ],
    );
    for (at, case) in CASES.iter().enumerate() {
        let first = cells.first().map_or(f64::NAN, |cells| median(&cells[at].reads));
        for (kind, cells) in kinds.iter().zip(cells) {
            let cell = &cells[at];
            table.row(vec![
                case.name.to_owned(),
                kind.name().to_owned(),
                spread(&cell.reads),
                format!("{} ×", number(median(&cell.reads) / first)),
                number(median(&cell.p50_us)),
                number(median(&cell.p99_us)),
                spread(&cell.commits),
                if cell.commits.is_empty() { String::new() } else { number(median(&cell.commit_p99_us)) },
            ]);
        }
    }
    table
}
