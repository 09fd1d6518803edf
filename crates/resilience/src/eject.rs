//! Which instances are left out for a while because of what their calls show: passive ejection.
//!
//! ```text
//!   each attempt ──▶ Vote: failures in a row ──────────────┐
//!                                                          ├─▶ Ejection::try_eject ──▶ left out, for longer each time, never more than the cap
//!   each interval──▶ Judge: each instance beside the others┘
//! ```
//!
//! The rules are those of Envoy's outlier detection (consecutive failures, success rate beside the others, growing time, cap, panic
//! threshold), with four differences. Latency is judged too. A success rate must differ by more than chance explains, as
//! mean − 1.9 σ alone throws out one of some fifty equal instances each time it is asked. Small services are judged, by
//! a plain rule that needs no five hosts. And the cap holds under any interleaving of threads.
//!
//! Counts and votes are shared by the threads of a process and made of atomics; the judge belongs to one task.

mod cause;
mod history;
mod interval;
mod judge;
mod peers;
mod vote;

pub use cause::{Cause, Verdict};
pub use interval::{Interval, latency_log2};
pub use judge::{Exempt, Judge, Tally};
pub use vote::{Ejection, Vote};

use std::time::Duration;

/// When an instance is ejected and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EjectionRules {
    /// Failures in a row, over all threads; 5. Zero turns the rule off.
    pub consecutive_failures: u32,
    /// How often the judge is asked; 250 ms.
    pub interval: Duration,
    /// How long the first ejection lasts, and how much longer each further one; 5 s.
    pub base: Duration,
    /// The longest ejection; 60 s.
    pub longest: Duration,
    /// Time without ejection after which the next one is one `base` shorter; 10 s.
    pub forgive: Duration,
    /// The largest ejected share, in percent, rounded down but one of two may go and never the last; 34.
    pub cap_percent: u8,
    /// Fewer usable instances than this share, in percent, and all are used (see [`crate::balance::is_panic`]); 50.
    pub panic_percent: u8,
    /// Success rate below the mean by this many standard deviations; 1.9. Zero turns the rule off.
    pub success_rate_sigmas: f64,
    /// Instances with enough requests that a mean of success rates needs; 5.
    pub success_rate_instances: usize,
    /// Requests of an instance that its success rate needs; 100.
    pub success_rate_requests: u64,
    /// Share of failures, in percent, with which an instance goes whose fellows together fail half as often or less; 50. 100 turns the rule off.
    pub failure_percent: u8,
    /// How many times the median of the others' typical latencies (geometric means) an instance's own is; 3. Zero turns the rule off.
    pub latency_factor: f64,
    /// How much longer than that it takes at least; 10 ms.
    pub latency_difference: Duration,
    /// Judgements running that find it slow; 2. Each needs requests of its own. One that comes back from it is on trial: the next is enough.
    pub latency_judgements: u32,
    /// Requests that a share of failures or a latency needs; 20.
    pub requests: u64,
}

impl Default for EjectionRules {
    fn default() -> EjectionRules {
        EjectionRules {
            consecutive_failures: 5,
            interval: Duration::from_millis(250),
            base: Duration::from_secs(5),
            longest: Duration::from_secs(60),
            forgive: Duration::from_secs(10),
            cap_percent: 34,
            panic_percent: 50,
            success_rate_sigmas: 1.9,
            success_rate_instances: 5,
            success_rate_requests: 100,
            failure_percent: 50,
            latency_factor: 3.0,
            latency_difference: Duration::from_millis(10),
            latency_judgements: 2,
            requests: 20,
        }
    }
}

impl EjectionRules {
    /// How many of `all` instances may be ejected at once.
    pub fn cap(&self, all: u32) -> u32 {
        let share = u64::from(all) * u64::from(self.cap_percent.min(100)) / 100;
        let least = u64::from(self.cap_percent > 0);
        u32::try_from(share.max(least)).unwrap_or(u32::MAX).min(all.saturating_sub(1))
    }

    /// How long the ejection lasts that is the `times`th without a pause.
    fn lasts(&self, times: u32) -> Duration {
        self.base.saturating_mul(times.max(1)).min(self.longest)
    }
}
