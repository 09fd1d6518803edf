//! The machine and this process: what it is, CPU used, files on disk, what is cached of them.

use crate::Outcome;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// User and system CPU of this process so far, in microseconds.
pub fn cpu_us() -> f64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(f64::NAN, |usage| {
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64
    })
}

/// Files below `folder`.
pub fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Bytes that the files below `folder` occupy.
pub fn occupied(folder: &Path) -> Outcome<f64> {
    // A file may vanish between the listing and the look: engines delete in the background.
    Ok(files(folder)?
        .iter()
        .filter_map(|file| fs::metadata(file).ok())
        .map(|file| file.blocks() * 512)
        .sum::<u64>() as f64)
}

/// Has the kernel forget what it caches of the files below `folder`, as far as it does without root.
pub fn forget(folder: &Path) -> Outcome {
    for file in files(folder)? {
        let file = File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        file.sync_all().map_err(|error| error.to_string())?;
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// One line on the machine and the versions measured.
pub fn describe() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let after = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1).unwrap_or("?");
        after.split('"').next().unwrap_or("?").to_owned()
    };
    format!(
        "{cores} cores, Linux {}. SQLite {} (rusqlite {}), redb {}, fjall {} (lsm-tree {}).",
        kernel.trim(),
        rusqlite::version(),
        version("rusqlite"),
        version("redb"),
        version("fjall"),
        version("lsm-tree"),
    )
}

/// Bytes this process has caused to be sent to disk so far (`write_bytes` of proc(5)).
pub fn written() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/self/io").map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).ok_or_else(|| "/proc/self/io has no write_bytes".to_owned())
}
