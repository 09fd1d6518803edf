//! The machine: pinning, how busy a core was, and the facts a reader of the numbers wants.

use crate::Outcome;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Core of the proxy that is measured.
pub const PROXY_CORE: usize = 0;
/// Core of load and backend.
pub const LOAD_CORE: usize = 1;

/// Pins the calling thread, and with it what it starts from now on.
pub fn pin(cores: &[usize]) -> Outcome {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core).map_err(|error| format!("core {core}: {error}"))?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)
        .map_err(|error| format!("cannot pin to cores {cores:?}: {error} (two cores are needed)"))
}

/// Does `start` on the core that is measured: what it starts stays there. The caller belongs on the load core.
pub fn on_proxy_core<T>(start: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    pin(&[PROXY_CORE])?;
    let started = start();
    pin(&[LOAD_CORE])?;
    started
}

/// Idle and total ticks of a core since boot, for [`busy`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ticks {
    idle: u64,
    total: u64,
}

/// Reads a core's ticks.
pub fn ticks(core: usize) -> Ticks {
    parse_ticks(&std::fs::read_to_string("/proc/stat").unwrap_or_default(), core)
}

fn parse_ticks(stat: &str, core: usize) -> Ticks {
    let name = format!("cpu{core}");
    let line = stat.lines().find(|line| line.split(' ').next() == Some(name.as_str())).unwrap_or_default();
    // user nice system idle iowait irq softirq steal; guest times are part of user and nice (proc(5)).
    let fields: Vec<u64> =
        line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let idle = fields.iter().skip(3).take(2).sum();
    Ticks { idle, total: fields.iter().sum() }
}

/// The part of the time between two readings that the core was not idle, 0 to 1.
pub fn busy(before: Ticks, after: Ticks) -> f64 {
    let total = after.total.saturating_sub(before.total);
    if total == 0 { 0.0 } else { 1.0 - after.idle.saturating_sub(before.idle) as f64 / total as f64 }
}

/// One line about this machine and moment.
pub fn facts() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .unwrap_or("unknown CPU")
        .trim();
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{}; {cores} cores, {model}; Linux {}", today(), kernel.trim())
}

/// Today's date, UTC.
fn today() -> String {
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let (year, month, day) = civil(i64::try_from(seconds / 86_400).unwrap_or(0));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01 as year, month and day of the Gregorian calendar.
fn civil(mut days: i64) -> (i64, i64, i64) {
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::{Ticks, busy, civil, parse_ticks};

    #[test]
    fn dates_are_dates() {
        for (days, expected) in
            [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (20_453, (2025, 12, 31)), (20_454, (2026, 1, 1))]
        {
            assert_eq!(civil(days), expected);
        }
    }

    #[test]
    fn a_core_is_busy_when_it_is_not_idle() {
        let stat = "cpu  9 9 9 9\ncpu0 1 0 1 6 2 0 0 0 0 0\ncpu1 10 0 10 60 20 0 0 0 5 0\nintr 5\n";
        assert_eq!(parse_ticks(stat, 1), Ticks { idle: 80, total: 100 });
        assert!((busy(parse_ticks(stat, 0), parse_ticks(stat, 1)) - (1.0 - 72.0 / 90.0)).abs() < 1e-9);
    }
}
