//! Ordered scans of 10, 100 and 10,000 items: of a fresh database, after many overwrites and deletes, and behind a
//! removed front, the pattern of a queue.

use crate::candidate::{Candidate, Kind, Rows, Table as Rowset, key};
use crate::report::Table;
use crate::statistics::{median, micros, number, percentile, spread};
use crate::workload::{Batches, ITEMS_OF_A_RECORD, Random, load, numbered};
use crate::{Options, Outcome};
use std::time::{Duration, Instant};

/// Items in the database, 100 bytes each.
const ITEMS: u64 = 200_000;

/// Rows read for each cell, in scans of one length.
const ROWS: u64 = 400_000;

/// The longest scans, so that 10 items at a time end soon enough.
const SCANS: u64 = 10_000;

/// The longest one cell is measured: scans behind many deletes may take milliseconds each.
const LIMIT: Duration = Duration::from_secs(1);

/// Lengths of scans.
const LENGTHS: [usize; 3] = [10, 100, 10_000];

/// Items of each record that are removed from its front, as a queue is.
const FRONT: u32 = 9_000;

#[derive(Default)]
struct Cell {
    rows: Vec<f64>,
    p50_us: Vec<f64>,
}

/// Three lengths in two states, then the queue.
const CELLS: usize = LENGTHS.len() * 2 + 1;

/// Measures.
pub fn run(options: &Options) -> Outcome<Vec<Table>> {
    let kinds = options.in_turn(0);
    let mut cells: Vec<[Cell; CELLS]> = kinds.iter().map(|_| Default::default()).collect();
    for round in 0..options.rounds {
        for kind in options.in_turn(round) {
            let at = kinds.iter().position(|other| *other == kind).ok_or("?")?;
            measure(kind, options, round as u64, &mut cells[at])?;
        }
    }
    Ok(vec![table(&kinds, &cells, options)])
}

fn measure(kind: Kind, options: &Options, seed: u64, cells: &mut [Cell; CELLS]) -> Outcome {
    let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
    let candidate = kind.open(folder.path())?;
    let items = options.sized(ITEMS);
    load(candidate.as_ref(), items, 100)?;
    let (fresh, rest) = cells.split_at_mut(LENGTHS.len());
    let (churned, queue) = rest.split_at_mut(LENGTHS.len());
    for (length, cell) in LENGTHS.into_iter().zip(fresh) {
        scans(candidate.as_ref(), options, seed, length, 0, cell)?;
    }
    churn(candidate.as_ref(), items)?;
    for (length, cell) in LENGTHS.into_iter().zip(churned) {
        scans(candidate.as_ref(), options, seed, length, 0, cell)?;
    }
    for record in 0..items / ITEMS_OF_A_RECORD {
        candidate.remove(Rowset::Items, &key(record, 0), &key(record, FRONT))?;
    }
    queue
        .iter_mut()
        .try_for_each(|cell| scans(candidate.as_ref(), options, seed, 10, ITEMS_OF_A_RECORD, cell))
}

/// Overwrites every item twice in scattered order, then deletes every other one.
fn churn(candidate: &dyn Candidate, items: u64) -> Outcome {
    let mut batches = Batches::after(1 << 40, 2, 100);
    for pass in 0..3_u64 {
        let numbers: Vec<_> = (0..items).map(|at| at.wrapping_mul(7_368_787) % items).collect();
        for numbers in numbers.chunks(20_000) {
            let writes: Vec<_> = numbers
                .iter()
                .filter(|number| pass < 2 || number.is_multiple_of(2))
                .map(|number| batches.write(numbered(*number), pass == 2))
                .collect();
            candidate.commit(&writes, Rows::Items)?;
        }
    }
    Ok(())
}

/// Scans of `length` rows; each begins at an item chosen evenly, or at the front of its record where `align` says so.
fn scans(
    candidate: &dyn Candidate,
    options: &Options,
    seed: u64,
    length: usize,
    align: u64,
    cell: &mut Cell,
) -> Outcome {
    let mut reader = candidate.reader()?;
    let mut random = Random::new(seed);
    let items = options.sized(ITEMS);
    let scans = (options.sized(ROWS) / length as u64).clamp(1, options.sized(SCANS));
    let (mut seen, mut bytes, mut latencies) = (0_u64, 0, Vec::new());
    let began = Instant::now();
    for _ in 0..scans {
        if began.elapsed() > LIMIT {
            break;
        }
        let number = random.below(items);
        let record = number / ITEMS_OF_A_RECORD;
        // A long scan is of the whole record, or it would mostly find less than it asks for.
        let whole = align > 0 || length as u64 >= ITEMS_OF_A_RECORD;
        let from = if whole { key(record, 0) } else { numbered(number) };
        let one = Instant::now();
        reader.scan(Rowset::Items, &from, &key(record + 1, 0), length, &mut |key, _, value| {
            seen += 1;
            bytes += key.len() + value.len();
        })?;
        latencies.push(micros(one.elapsed()));
    }
    std::hint::black_box(bytes);
    cell.rows.push(seen as f64 / began.elapsed().as_secs_f64());
    cell.p50_us.push(percentile(&mut latencies, 0.5));
    Ok(())
}

fn table(kinds: &[Kind], cells: &[[Cell; CELLS]], options: &Options) -> Table {
    let mut table = Table::new(
        "Ordered scans",
        &format!(
            "{} items of 100 bytes in records of {}. Churned: right after every item was overwritten twice in scattered order and every other one deleted. Queue: right after the first {} items \
             of each record were removed, 10 items from the front of a record. Median (least – most) of {} rounds in turns.",
            number(options.sized(ITEMS) as f64),
            number(ITEMS_OF_A_RECORD as f64),
            number(f64::from(FRONT)),
            options.rounds
        ),
        &["state", "items a scan", "candidate", "rows/s", "to SQLite", "p50 µs a scan"],
    );
    for at in 0..CELLS {
        let (state, length) = match at {
            0..3 => ("fresh", LENGTHS[at]),
            3..6 => ("churned", LENGTHS[at - 3]),
            _ => ("queue", 10),
        };
        let first = cells.first().map_or(f64::NAN, |cells| median(&cells[at].rows));
        for (kind, cells) in kinds.iter().zip(cells) {
            table.row(vec![
                state.to_owned(),
                number(length as f64),
                kind.name().to_owned(),
                spread(&cells[at].rows),
                format!("{} ×", number(median(&cells[at].rows) / first)),
                number(median(&cells[at].p50_us)),
            ]);
        }
    }
    table
}
