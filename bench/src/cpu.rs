//! CPU a process, its threads and its children have used, from /proc.

use std::collections::BTreeMap;
use std::path::Path;

/// Microseconds of one clock tick: `USER_HZ` is 100 on every Linux that Rust runs on (proc(5), sysconf(3)).
const TICK_US: u64 = 10_000;

/// User plus system CPU of the process `pid` and all its descendants, in µs.
pub fn of_tree(pid: u32) -> u64 {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(stat) = read(&entry.path().join("stat")) {
            parents.insert(id, stat);
        }
    }
    let belongs = |mut id: u32| {
        // A process tree is never this deep; a loop through a reused id ends here.
        for _ in 0..64 {
            if id == pid {
                return true;
            }
            match parents.get(&id) {
                Some(stat) => id = stat.parent,
                None => return false,
            }
        }
        false
    };
    parents.iter().filter(|(id, _)| belongs(**id)).map(|(_, stat)| stat.ticks * TICK_US).sum()
}

/// User plus system CPU of each thread of `pid`, in µs, by thread id, with its name.
pub fn of_threads(pid: u32) -> BTreeMap<u32, (String, u64)> {
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // schedstat counts nanoseconds on the CPU: threads of a short run need finer steps than a tick.
        let nanoseconds = std::fs::read_to_string(entry.path().join("schedstat"))
            .ok()
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        if let Some(stat) = read(&entry.path().join("stat")) {
            threads.insert(id, (stat.name, nanoseconds.map_or(stat.ticks * TICK_US, |ns| ns / 1000)));
        }
    }
    threads
}

#[derive(Debug, PartialEq)]
struct Stat {
    name: String,
    parent: u32,
    ticks: u64,
}

fn read(path: &Path) -> Option<Stat> {
    parse(&std::fs::read_to_string(path).ok()?)
}

/// A stat line (proc(5)): the name is in parentheses and may itself hold spaces and parentheses.
fn parse(text: &str) -> Option<Stat> {
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // From the state on: 0 state, 1 ppid, ... 11 utime, 12 stime.
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Stat { name, parent: fields.get(1)?.parse().ok()?, ticks })
}

#[cfg(test)]
mod tests {
    use super::{Stat, of_threads, of_tree, parse};

    #[test]
    fn stat_lines_are_read() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 0 0 0 30 12 5 6 20 0 1 0 1 1 1";
        assert_eq!(parse(line), Some(Stat { name: "a (b) c".into(), parent: 7, ticks: 42 }));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn work_is_seen() {
        let before: u64 = of_threads(std::process::id()).values().map(|(_, us)| us).sum();
        let until = std::time::Instant::now() + std::time::Duration::from_millis(50);
        while std::time::Instant::now() < until {
            std::hint::black_box(());
        }
        let after: u64 = of_threads(std::process::id()).values().map(|(_, us)| us).sum();
        assert!(after > before, "{before} {after}");
        assert!(of_tree(std::process::id()) < 3_600_000_000);
    }
}
