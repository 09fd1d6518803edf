//! File growth: bytes on disk for a live byte after loading, overwriting and deleting, and what upkeep and a backup give,
//! take and hold up.

use crate::candidate::{Candidate, Kind, Rows};
use crate::report::Table;
use crate::statistics::{micros, number};
use crate::workload::{Batches, load, numbered};
use crate::{Options, Outcome, machine};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Items, 100 bytes each: overwriting a million three times takes more than the three minutes a part may.
const ITEMS: u64 = 200_000;

/// Bytes of an item that the service would call its own: key, version, value.
const ITEM_BYTES: u64 = 12 + 8 + 100;

/// Writes in a batch while the database is filled.
const BATCH: usize = 20_000;

/// The pace of the writer beside upkeep and backup.
const PACE: Duration = Duration::from_millis(5);

/// Measures; one round, because states follow from each other.
pub fn run(options: &Options) -> Outcome<Vec<Table>> {
    let items = options.sized(ITEMS);
    let mut sizes = Table::new(
        "File growth",
        &format!(
            "{} items of 100 bytes, loaded in order, each overwritten three times in scattered order, then every other one deleted, in durable batches of {}. Bytes on disk for each live byte \
             (key, version, value); half of each value compresses, which fjall makes use of. Database open, logs included. One round.",
            number(items as f64),
            number(BATCH as f64)
        ),
        &["state", "candidate", "MB on disk", "for each live byte", "took s"],
    );
    let mut work = Table::new(
        "Upkeep and backup while serving",
        &format!(
            "After the deletes above. Meanwhile a writer begins a commit of 8 puts every {} ms; its longest wait shows what is held up. Backup is a consistent copy that can be opened.",
            PACE.as_millis()
        ),
        &[
            "what",
            "candidate",
            "took s",
            "writer: commits",
            "writer: longest ms",
            "MB after, or of the copy",
            "for each live byte",
        ],
    );
    for kind in options.in_turn(0).into_iter().filter(|kind| *kind != Kind::RedbQuick) {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        let candidate = kind.open(folder.path())?;
        grow(kind, candidate.as_ref(), folder.path(), items, &mut sizes)?;
        let live = (items / 2 * ITEM_BYTES) as f64;
        let mut row = |what: &str, beside: Beside, measured: &Path| -> Outcome {
            let bytes = machine::occupied(measured)?;
            let mut cells = vec![what.to_owned(), kind.name().to_owned()];
            let Beside { took, commits, longest_us } = beside;
            cells.extend([number(took.as_secs_f64()), commits.to_string(), number(longest_us / 1e3)]);
            cells.extend([number(bytes / 1e6), number(bytes / live)]);
            work.row(cells);
            Ok(())
        };
        let copy = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        let backup = beside(candidate.as_ref(), items, || candidate.back_up(copy.path()))?;
        row("backup", backup, copy.path())?;
        for step in candidate.upkeep() {
            let upkeep = beside(candidate.as_ref(), items, || candidate.keep_up(step))?;
            row(step, upkeep, folder.path())?;
        }
        let began = Instant::now();
        drop(candidate);
        let candidate = kind.open(folder.path())?;
        let reopened = Beside { took: began.elapsed(), commits: 0, longest_us: f64::NAN };
        row("closed and reopened", reopened, folder.path())?;
        drop(candidate);
    }
    Ok(vec![sizes, work])
}

/// What a writer met while something else was done.
struct Beside {
    took: Duration,
    commits: u64,
    longest_us: f64,
}

fn grow(kind: Kind, candidate: &dyn Candidate, folder: &Path, items: u64, table: &mut Table) -> Outcome {
    let mut state = |name: &str, live: u64, took: Duration| -> Outcome {
        let bytes = machine::occupied(folder)?;
        table.row(vec![
            name.to_owned(),
            kind.name().to_owned(),
            number(bytes / 1e6),
            number(bytes / (live * ITEM_BYTES) as f64),
            number(took.as_secs_f64()),
        ]);
        Ok(())
    };
    let began = Instant::now();
    load(candidate, items, 100)?;
    state("loaded", items, began.elapsed())?;
    let mut batches = Batches::after(1 << 40, 3, 100);
    let began = Instant::now();
    for pass in 0..3 {
        write_all(candidate, &mut batches, pass, items, false)?;
    }
    state("each overwritten 3 times", items, began.elapsed())?;
    let began = Instant::now();
    write_all(candidate, &mut batches, 3, items, true)?;
    state("every other one deleted", items / 2, began.elapsed())
}

/// Puts every item in scattered order, or deletes every other one.
fn write_all(
    candidate: &dyn Candidate,
    batches: &mut Batches,
    pass: u64,
    items: u64,
    delete: bool,
) -> Outcome {
    let numbers: Vec<_> = (0..items)
        .map(|at| (at + pass * 31).wrapping_mul(7_368_787) % items)
        .filter(|number| !delete || number.is_multiple_of(2))
        .collect();
    for numbers in numbers.chunks(BATCH) {
        let writes: Vec<_> = numbers.iter().map(|number| batches.write(numbered(*number), delete)).collect();
        candidate.commit(&writes, Rows::Items)?;
    }
    Ok(())
}

/// Does `work` while a writer overwrites live items at its pace.
fn beside(candidate: &dyn Candidate, items: u64, work: impl FnOnce() -> Outcome) -> Outcome<Beside> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_at_pace(candidate, items, &stop));
        let began = Instant::now();
        let done = work();
        let took = began.elapsed();
        stop.store(true, Ordering::Relaxed);
        let (commits, longest_us) = writer.join().map_err(|_| "the writer panicked")??;
        done.map(|()| Beside { took, commits, longest_us })
    })
}

fn write_at_pace(candidate: &dyn Candidate, items: u64, stop: &AtomicBool) -> Outcome<(u64, f64)> {
    let mut batches = Batches::after(1 << 41, 5, 100);
    let (mut commits, mut longest, mut number) = (0, 0.0_f64, 1_u64);
    while !stop.load(Ordering::Relaxed) {
        let writes: Vec<_> = (0..8)
            .map(|_| {
                // Odd numbers are alive.
                number = ((number + 7_368_786) % items) | 1;
                batches.write(numbered(number.min(items - 1)), false)
            })
            .collect();
        let began = Instant::now();
        candidate.commit(&writes, Rows::Items)?;
        longest = longest.max(micros(began.elapsed()));
        commits += 1;
        thread::sleep(PACE.saturating_sub(began.elapsed()));
    }
    Ok((commits, longest))
}
