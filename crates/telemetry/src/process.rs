//! Facts about a process, and what it takes from its machine, read from `/proc`.

use std::time::SystemTime;

/// Who measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Name, unique in the fleet: `gateway-1`.
    pub name: String,
    /// What it does: `gateway`, `control`, or the name of a service.
    pub role: String,
    /// Failure domain; empty if none is declared.
    pub zone: String,
    /// Content hash of the release it runs; empty before the first.
    pub release: String,
    /// Epoch of that release.
    pub epoch: u64,
    /// Version of the binary.
    pub version: String,
    /// When it started.
    pub started: SystemTime,
}

/// What a process takes from its machine. What cannot be read is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessStats {
    /// CPU time in user mode since the start, in microseconds.
    pub cpu_user_us: u64,
    /// CPU time in the kernel since the start, in microseconds.
    pub cpu_system_us: u64,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Virtual memory in bytes.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_descriptors: u64,
    /// The limit on them; 0 if there is none or it cannot be read.
    pub max_descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// Network devices the process can see.
    pub devices: Vec<DeviceStats>,
}

/// Traffic of one network device since it came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceStats {
    /// Name: `eth0`, `lo`.
    pub name: String,
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
}

/// Devices reported at most; a container host can have thousands.
const DEVICES_MAX: usize = 16;

/// Bytes in a page and clock ticks in a second where `/proc` counts in them. Linux has told user space 100 ticks
/// on every architecture since 2.6; the page size is asked for.
const TICKS_PER_SECOND: u64 = 100;

/// Reads what this process takes now. A few system calls: once a second, never on the request path.
pub fn process_stats() -> ProcessStats {
    let mut stats = ProcessStats::default();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    parse_stat(&read("/proc/self/stat"), &mut stats);
    stats.max_descriptors = parse_descriptor_limit(&read("/proc/self/limits"));
    // The directory handle itself is one of them.
    stats.open_descriptors =
        std::fs::read_dir("/proc/self/fd").map_or(0, |fds| fds.count().saturating_sub(1) as u64);
    stats.devices = parse_devices(&read("/proc/self/net/dev"));
    stats
}

/// Fields 14, 15, 20, 23 and 24 of proc_pid_stat(5). The command's name may hold anything, so fields are counted
/// from its closing parenthesis, after which field 3 comes first.
fn parse_stat(text: &str, stats: &mut ProcessStats) {
    let Some((_, rest)) = text.rsplit_once(')') else { return };
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let us_per_tick = 1_000_000 / TICKS_PER_SECOND;
    stats.cpu_user_us = field(14) * us_per_tick;
    stats.cpu_system_us = field(15) * us_per_tick;
    stats.threads = field(20);
    stats.virtual_bytes = field(23);
    stats.resident_bytes = field(24) * page_bytes();
}

/// The page size, read from the ELF auxiliary vector so that no unsafe call is needed; 4096 if it is not there.
fn page_bytes() -> u64 {
    static PAGE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *PAGE.get_or_init(|| {
        const AT_PAGESZ: u64 = 6;
        let vector = std::fs::read("/proc/self/auxv").unwrap_or_default();
        let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).unwrap_or(0);
        let pair = vector.chunks_exact(16).find(|pair| word(&pair[..8]) == AT_PAGESZ);
        pair.map_or(4096, |pair| word(&pair[8..]))
    })
}

fn parse_descriptor_limit(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_ascii_whitespace().next()).and_then(|soft| soft.parse().ok()).unwrap_or(0)
}

/// `name: received … (eight columns) sent …`, after two lines of headings.
fn parse_devices(text: &str) -> Vec<DeviceStats> {
    let device = |line: &str| {
        let (name, columns) = line.split_once(':')?;
        let columns: Vec<&str> = columns.split_ascii_whitespace().collect();
        Some(DeviceStats {
            name: name.trim().to_owned(),
            received_bytes: columns.first()?.parse().ok()?,
            sent_bytes: columns.get(8)?.parse().ok()?,
        })
    };
    text.lines().skip(2).filter_map(device).take(DEVICES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_hostile_command_name() {
        let mut stats = ProcessStats::default();
        parse_stat(
            "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 12345 8192000 300 18446744073709551615",
            &mut stats,
        );
        let read = (stats.cpu_user_us, stats.cpu_system_us, stats.threads, stats.virtual_bytes);
        assert_eq!(read, (2_500_000, 500_000, 7, 8_192_000));
        assert_eq!(stats.resident_bytes, 300 * page_bytes());
    }

    #[test]
    fn limits_and_devices_are_read() {
        let limits = "Limit    Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(parse_descriptor_limit(limits), 1024);
        assert_eq!(parse_descriptor_limit("Max open files  unlimited unlimited files"), 0);
        let dev = "Inter-| Receive\n face |bytes\n    lo: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n  eth0:30 1 0 0 0 0 0 0 40 1 0 0 0 0 0 0\nbroken\n";
        let read: Vec<_> =
            parse_devices(dev).into_iter().map(|d| (d.name, d.received_bytes, d.sent_bytes)).collect();
        assert_eq!(read, [("lo".to_owned(), 10, 20), ("eth0".to_owned(), 30, 40)]);
    }

    #[test]
    fn this_process_takes_something() {
        let stats = process_stats();
        assert!(stats.resident_bytes > 100_000 && stats.virtual_bytes >= stats.resident_bytes);
        assert!(stats.open_descriptors >= 3 && stats.threads >= 1);
    }
}
