//! The share of the machine's processors that this process used over the last second.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::time::Duration;
use tokio::time::Instant;

/// The span the share is taken over, and the pause between two looks at the system's books: shorter ones would report
/// noise, and each is a system call.
const SPAN: Duration = Duration::from_secs(1);

/// What was read last.
pub(super) struct Cpu {
    cores: f64,
    read_at: Instant,
    used_us: i64,
    utilization: f64,
}

impl Cpu {
    /// Begins to count at `now`.
    pub(super) fn new(now: Instant) -> Cpu {
        // Knows of processor affinity and of a container's quota.
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        Cpu { cores, read_at: now, used_us: used_us().unwrap_or_default(), utilization: 0.0 }
    }

    /// Processor time over wall time and processors, 1.0 when all are busy with this process; as it was over the span
    /// that ended last.
    pub(super) fn utilization(&mut self, now: Instant) -> f64 {
        let span = now.saturating_duration_since(self.read_at);
        if span >= SPAN
            && let Some(used_us) = used_us()
        {
            let busy_us = used_us.saturating_sub(self.used_us).max(0) as f64;
            self.utilization = busy_us / (span.as_secs_f64() * 1e6) / self.cores;
            (self.read_at, self.used_us) = (now, used_us);
        }
        self.utilization
    }
}

/// User and system time of all threads so far in microseconds, or `None` where the system does not say.
fn used_us() -> Option<i64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    Some(usage.user_time().num_microseconds() + usage.system_time().num_microseconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen_once_a_span_has_passed_and_not_before() {
        let start = Instant::now();
        let mut cpu = Cpu::new(start);
        let before = used_us().unwrap();
        // 20 ms of processor time, however long the machine takes to give them.
        while used_us().unwrap() - before < 20_000 {
            std::hint::black_box((0..10_000u64).sum::<u64>());
        }
        assert_eq!(cpu.utilization(start + SPAN / 2), 0.0);
        let seen = cpu.utilization(start + SPAN);
        assert!(seen >= 0.02 / cpu.cores, "{seen}");
        assert_eq!(cpu.utilization(start + SPAN + SPAN / 2), seen);
    }
}
