//! A power cut, without root and without a virtual machine: strace records what a child does with its files, and folders are
//! rebuilt as a power cut may have left them (the method of Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
//!
//! It treats all candidates alike and needs no seam in them.

mod disk;
mod trace;

use crate::candidate::{Kind, Upkeep};
use crate::ledger::{BATCH, Ledger};
use crate::report::Table;
use crate::statistics::number;
use crate::workload::Random;
use crate::{Options, Outcome};
use disk::{Disk, Kept};
use std::fs::{self, File};
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use trace::Event;

/// Batches the traced child commits.
const BATCHES: u64 = 120;

/// Power cuts of each candidate.
const CUTS: u64 = 240;

/// Measures.
pub fn run(options: &Options) -> Outcome<Vec<Table>> {
    let cuts = options.sized(CUTS);
    let mut lost = Table::new(
        "Power cut",
        &format!(
            "The system calls of a child that commits {} batches of {BATCH} are recorded with strace; {cuts} folders a candidate are rebuilt as a power cut between two calls may leave them: what an fsync covered is there, of the \
             rest nothing, everything, or 512-byte sectors at random, in any order, names up to some point. Half of the cuts are right behind an acknowledgement. Each folder is opened, read whole and compared.",
            options.sized(BATCHES)
        ),
        &[
            "candidate",
            "cuts",
            "all right",
            "acknowledged batches lost",
            "half there or wrong",
            "would not open",
            "panic",
        ],
    );
    let mut calls = Table::new(
        "What a commit asks of the disk",
        "From the same traces, without opening: system calls and bytes for each batch of 64, upkeep included.",
        &["candidate", "fsync or fdatasync a commit", "writes a commit", "KiB a commit", "files"],
    );
    for kind in options.in_turn(0) {
        let folder = tempfile::tempdir_in(fs::canonicalize(".").map_err(|error| error.to_string())?);
        let folder = folder.map_err(|error| error.to_string())?;
        let events = record(kind, folder.path(), options.sized(BATCHES))?;
        calls.row(count(kind, &events));
        lost.row(cut(kind, folder.path(), &events, cuts)?);
    }
    Ok(vec![lost, calls])
}

/// Has a child commit under strace, in `folder/live`.
fn record(kind: Kind, folder: &Path, batches: u64) -> Outcome<Vec<Event>> {
    let (live, trace) = (folder.join("live"), folder.join("trace"));
    fs::create_dir_all(&live).map_err(|error| error.to_string())?;
    let status = Command::new("strace")
        .args(["-f", "-qq", "-xx", "-s", "1000000000", "-e"])
        .arg(format!("trace={}", trace::CALLS))
        .arg("-o")
        .arg(&trace)
        .arg(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--child", "commit", "--only", kind.argument(), "--child-batches", &batches.to_string()])
        .arg("--child-folder")
        .arg(&live)
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("strace cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("the traced child failed: {status}"));
    }
    let events = trace::parse(BufReader::new(File::open(&trace).map_err(|error| error.to_string())?))?;
    let live = live.to_string_lossy().into_owned();
    // Libraries and /dev are opened too.
    let ours = |path: &str| path.starts_with(&live);
    Ok(events
        .into_iter()
        .filter(|event| match event {
            Event::Opened { path, .. }
            | Event::Written { path, .. }
            | Event::Resized { path, .. }
            | Event::SyncBegan { path, .. }
            | Event::SyncEnded { path, .. }
            | Event::Removed { path }
            | Event::MadeFolder { path } => ours(path) && !path.ends_with("-shm"),
            Event::Renamed { from, .. } => ours(from),
            Event::Acknowledged(_) => true,
        })
        .collect())
}

/// Cuts the power `cuts` times and says what was found.
fn cut(kind: Kind, folder: &Path, events: &[Event], cuts: u64) -> Outcome<Vec<String>> {
    let mut random = Random::new(17);
    let behind: Vec<_> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| matches!(event, Event::Acknowledged(_)))
        .map(|(at, _)| at)
        .collect();
    let mut places: Vec<_> = (0..cuts)
        .map(|cut| match (cut % 2, behind.len() as u64) {
            (0, 1..) => behind[random.below(behind.len() as u64) as usize],
            _ => random.below(events.len() as u64) as usize,
        })
        .collect();
    places.sort_unstable();
    let (mut disk, mut acknowledged, mut done) = (Disk::default(), 0, 0);
    let mut found = [0_u64; 5];
    for (cut, place) in places.into_iter().enumerate() {
        for event in &events[done..=place] {
            disk.apply(event);
            if let Event::Acknowledged(number) = event {
                acknowledged = *number;
            }
        }
        done = place + 1;
        let kept = [Kept::Nothing, Kept::Some, Kept::Everything, Kept::Some][cut % 4];
        let left = folder.join("left");
        fs::create_dir_all(&left).map_err(|error| error.to_string())?;
        disk.leave(kept, &mut random, &folder.join("live"), &left)?;
        let verdict = look(kind, &left, acknowledged);
        if let Err(fault) = &verdict.1 {
            eprintln!("{}, cut {cut} after {acknowledged} batches: {fault}", kind.name());
        }
        found[verdict.0] += 1;
        fs::remove_dir_all(&left).map_err(|error| error.to_string())?;
    }
    let mut row = vec![kind.name().to_owned(), cuts.to_string()];
    row.extend(found.map(|count| count.to_string()));
    Ok(row)
}

/// Opens what is left and compares: the column of the table, and why.
fn look(kind: Kind, folder: &Path, acknowledged: u64) -> (usize, Outcome) {
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let candidate = match kind.open_with(folder, Upkeep::Often) {
            Ok(candidate) => candidate,
            Err(fault) => return (3, Err(fault)),
        };
        match Ledger::default().check(candidate.as_ref(), acknowledged) {
            Ok(_) => (0, Ok(())),
            Err(fault) if fault.starts_with("lost") => (1, Err(fault)),
            Err(fault) => (2, Err(fault)),
        }
    }));
    looked.unwrap_or_else(|_| (4, Err("panic".to_owned())))
}

/// System calls and bytes of each commit.
fn count(kind: Kind, events: &[Event]) -> Vec<String> {
    let of_a_commit = |count: u64, commits: u64| number(count as f64 / commits.max(1) as f64);
    let begun = events.iter().position(|event| matches!(event, Event::Acknowledged(_))).unwrap_or(0);
    let (mut commits, mut syncs, mut writes, mut bytes, mut files) = (0, 0, 0, 0, 0);
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Opened { created: true, .. } => files += 1,
            _ if at <= begun => {}
            Event::Acknowledged(_) => commits += 1,
            Event::SyncEnded { .. } => syncs += 1,
            Event::Written { bytes: written, .. } => {
                writes += 1;
                bytes += written.len() as u64;
            }
            _ => {}
        }
    }
    vec![
        kind.name().to_owned(),
        of_a_commit(syncs, commits),
        of_a_commit(writes, commits),
        of_a_commit(bytes / 1024, commits),
        files.to_string(),
    ]
}
