//! One byte on disk is changed: is it found, served as if it were right, or does the process die?

use crate::candidate::{Kind, Rows, Upkeep};
use crate::ledger::{Ledger, batch};
use crate::report::Table;
use crate::workload::Random;
use crate::{Options, Outcome, machine};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Batches in the database that is damaged.
const BATCHES: u64 = 300;

/// Bytes changed, one at a time, of each candidate and state.
const FLIPS: u64 = 60;

/// A reader that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a reader of a damaged database ends, as exit codes; 101 is Rust's own for a panic.
const RIGHT: u8 = 0;
const REPORTED: u8 = 10;
const WRONG: u8 = 11;
const MISSING: u8 = 12;
const DROPPED: u8 = 13;
/// Added where the engine's own check finds the damage.
const CHECKED: u8 = 10;

/// Measures.
pub fn run(options: &Options) -> Outcome<Vec<Table>> {
    let flips = options.sized(FLIPS);
    let mut table = Table::new(
        "A flipped byte",
        &format!(
            "{flips} times a candidate and state, one byte at a random place of its files is inverted; a child opens, reads everything and compares. Closed: the files after a clean close. Killed: after kill -9, \
             with what a log or journal then holds. Dropped: acknowledged commits at the end are gone and nobody said so. Own check: `integrity_check`, `check_integrity()`; fjall has none beside reading."
        ),
        &[
            "state",
            "candidate",
            "harmless",
            "reported as an error",
            "silent: a row is wrong (a checksum in each row would find it)",
            "silent: rows are missing",
            "silent: dropped",
            "of the silent, its own check finds",
            "panic, abort or hang",
        ],
    );
    for state in ["closed", "killed"] {
        for kind in options.in_turn(0) {
            let ends = damage(kind, state, flips)?;
            let count = |end: u8| ends.get(&Some(end)).copied().unwrap_or(0);
            let both = |end| count(end) + count(end + CHECKED);
            let checked: u64 = [WRONG, MISSING, DROPPED].map(|end| count(end + CHECKED)).iter().sum();
            let silent: u64 = [WRONG, MISSING, DROPPED].map(both).iter().sum();
            let died = flips - count(RIGHT) - count(REPORTED) - silent;
            let mut row = vec![state.to_owned(), kind.name().to_owned()];
            let counts =
                [count(RIGHT), count(REPORTED), both(WRONG), both(MISSING), both(DROPPED), checked, died];
            row.extend(counts.map(|count| count.to_string()));
            table.row(row);
        }
    }
    Ok(vec![table])
}

fn damage(kind: Kind, state: &str, flips: u64) -> Outcome<BTreeMap<Option<u8>, u64>> {
    let base = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
    let sound = base.path().join("sound");
    fs::create_dir_all(&sound).map_err(|error| error.to_string())?;
    let candidate = kind.open_with(&sound, Upkeep::Often)?;
    for number in 1..=BATCHES {
        candidate.commit(&batch(number), Rows::All)?;
    }
    if state == "killed" {
        // A copy of the files of an open database is what a kill leaves: everything written is in the kernel's hands.
        let killed = base.path().join("killed");
        copy(&sound, &killed)?;
        drop(candidate);
        fs::remove_dir_all(&sound)
            .and_then(|()| fs::rename(&killed, &sound))
            .map_err(|error| error.to_string())?;
    } else {
        drop(candidate);
    }
    let mut random = Random::new(11);
    let mut ends = BTreeMap::new();
    for at in 0..=flips {
        let damaged = base.path().join("damaged");
        copy(&sound, &damaged)?;
        if at == 0 {
            // Without damage all must be right, or the rest says nothing.
            let end = end(kind, &damaged)?;
            if end != Some(RIGHT) {
                return Err(format!("{}, {state}: sound files read as {end:?}", kind.name()));
            }
        } else {
            flip(&damaged, &mut random)?;
            *ends.entry(end(kind, &damaged)?).or_insert(0) += 1;
        }
        fs::remove_dir_all(&damaged).map_err(|error| error.to_string())?;
    }
    Ok(ends)
}

/// Inverts a byte at a random place of what the files below `folder` hold on disk.
fn flip(folder: &Path, random: &mut Random) -> Outcome {
    // The index beside SQLite's log is made anew at each opening; the parts of files that were never written hold nothing.
    let mut places = Vec::new();
    for file in machine::files(folder)? {
        if file.extension().is_some_and(|extension| extension == "sqlite-shm") {
            continue;
        }
        let bytes = fs::read(&file).map_err(|error| error.to_string())?;
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        places.push((file, end as u64));
    }
    let mut place = random.below(places.iter().map(|(_, bytes)| bytes).sum());
    for (file, bytes) in places {
        if place < bytes {
            let file =
                OpenOptions::new().read(true).write(true).open(file).map_err(|error| error.to_string())?;
            let mut byte = [0];
            file.read_exact_at(&mut byte, place).map_err(|error| error.to_string())?;
            return file.write_all_at(&[!byte[0]], place).map_err(|error| error.to_string());
        }
        place -= bytes;
    }
    Ok(())
}

/// Copies a folder with all below it, empty folders too: an engine may miss them.
fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to).map_err(|error| error.to_string())?;
    for entry in fs::read_dir(from).map_err(|error| format!("{}: {error}", from.display()))? {
        let from = entry.map_err(|error| error.to_string())?.path();
        let to = to.join(from.file_name().ok_or("an entry has a name")?);
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        }
    }
    Ok(())
}

/// How a child that reads everything ends: its code, or none where a signal or our patience ended it.
fn end(kind: Kind, folder: &Path) -> Outcome<Option<u8>> {
    let mut child = Command::new(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--child", "read", "--only", kind.argument(), "--child-folder"])
        .arg(folder)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let began = Instant::now();
    let code = |status: ExitStatus| status.code().and_then(|code| u8::try_from(code).ok());
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(code(status));
        }
        if began.elapsed() > PATIENCE {
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The child: reads everything and says by its exit code what it met.
pub fn read_all(kind: Kind, folder: &Path) -> ExitCode {
    let Ok(candidate) = kind.open_with(folder, Upkeep::Often) else { return ExitCode::from(REPORTED) };
    let found = Ledger::default().check(candidate.as_ref(), BATCHES);
    let silent = match found {
        Ok(_) => return ExitCode::from(RIGHT),
        Err(fault) if fault.starts_with("lost") => DROPPED,
        Err(fault) if fault.starts_with("half there") => MISSING,
        Err(fault) if fault.starts_with("wrong") || fault.starts_with("batch") => WRONG,
        Err(_) => return ExitCode::from(REPORTED),
    };
    ExitCode::from(if candidate.verify() == Ok(true) { silent } else { silent + CHECKED })
}
