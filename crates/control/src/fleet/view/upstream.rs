//! A service as all gateways together call it. Counts are those of the window, everything else is so now.

use serde::Serialize;

#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Upstream {
    pub(crate) service: String,
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    /// By cause, most first.
    pub(crate) retries: Vec<(String, u64)>,
    /// By what forbade them, most first.
    pub(crate) retries_refused: Vec<(String, u64)>,
    pub(crate) hedges: u64,
    pub(crate) hedges_won: u64,
    /// By priority, most first.
    pub(crate) shed: Vec<(String, u64)>,
    pub(crate) ejections: u64,
    /// How long calls waited for admission, in nanoseconds; `None` if none was admitted.
    pub(crate) queue_p50: Option<u64>,
    pub(crate) queue_p99: Option<u64>,
    pub(crate) budget_left: u64,
    pub(crate) in_flight: u64,
    pub(crate) queued: u64,
    /// 0 while no gateway limits.
    pub(crate) limit: u64,
    /// Instances that some gateway has ejected.
    pub(crate) ejected: u64,
    /// Instances that some gateway knows.
    pub(crate) instances: u64,
    /// Gateways that call all instances because so few are fit.
    pub(crate) panic_by: u32,
    pub(crate) capacity: Option<Capacity>,
}

/// The N−1 gauge, as the gateway with the least left sees it.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Capacity {
    pub(crate) share: f64,
    pub(crate) lost: String,
    pub(crate) basis: String,
    pub(crate) peak_rps: f64,
    pub(crate) left_rps: f64,
    /// The gateway that sees it so.
    pub(crate) process: String,
}
