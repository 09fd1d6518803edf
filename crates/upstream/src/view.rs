//! What telemetry is told of instances.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How an instance stands with this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// No connection was tried yet.
    Untried,
    /// Calls are sent to it.
    Up,
    /// Calls are sent to it, fewer than to those that have been there for longer.
    Warming,
    /// The last connect failed; no call goes there until a connect succeeds again.
    Failing,
    /// Health checks found that it does not serve.
    Unhealthy,
    /// It was taken out for a time because of how it answered.
    Ejected,
    /// The roster no longer names it; what is in flight ends.
    Draining,
}

impl Health {
    /// The word used in metrics and on the console.
    pub fn word(self) -> &'static str {
        match self {
            Health::Untried => "untried",
            Health::Up => "up",
            Health::Warming => "warming",
            Health::Failing => "failing",
            Health::Unhealthy => "unhealthy",
            Health::Ejected => "ejected",
            Health::Draining => "draining",
        }
    }

    /// Whether calls are sent to it.
    pub fn is_used(self) -> bool {
        matches!(self, Health::Untried | Health::Up | Health::Warming)
    }
}

/// One instance as telemetry sees it, summed over all threads. Counters are since the process began.
#[derive(Clone, Debug)]
pub struct InstanceView {
    /// The service's name.
    pub service: Arc<str>,
    /// The instance's id.
    pub id: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its zone's number.
    pub zone: u16,
    /// Its zone's name.
    pub zone_name: Arc<str>,
    /// How it stands.
    pub health: Health,
    /// Why it is left out; empty where it is not.
    pub cause: String,
    /// Connections open now.
    pub open_connections: u64,
    /// Those of them without a call.
    pub idle_connections: u64,
    /// Calls whose answer is not complete.
    pub in_flight: u64,
    /// Calls that wait for a connection or a stream.
    pub pending: u64,
    /// Attempts sent.
    pub calls: u64,
    /// Attempts that ended by themselves, answered or failed; without those that were refused.
    pub finished: u64,
    /// Those of them in which the instance was to blame.
    pub failures: u64,
    /// Attempts of which it did nothing because it had too much to do.
    pub refusals: u64,
    /// The time that all answered attempts took together.
    pub answered: Duration,
    /// Smoothed latency, where known: the mean over threads.
    pub latency: Option<Duration>,
    /// Which share of its capacity the instance reported as used, where it reports.
    pub utilisation: Option<f64>,
    /// Times it was taken out because of how it answered.
    pub ejections: u64,
    /// Connects that succeeded.
    pub connects: u64,
    /// Connects that failed.
    pub connect_failures: u64,
}
