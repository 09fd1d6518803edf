//! One running copy of a service, as this process sees it.

/// One running copy of a service as this process sees it. Counters count since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceView {
    /// Name of the service.
    pub service: String,
    /// Identity within the service.
    pub id: String,
    /// `host:port`.
    pub address: String,
    /// Failure domain; empty if unknown.
    pub zone: String,
    /// Whether calls are sent to it.
    pub healthy: bool,
    /// How it stands, in one word: `up`, `untried`, `failing`, `unhealthy`, `ejected`, `warming` or `draining`.
    pub state: String,
    /// Why it stands so, for people; empty when it is up.
    pub cause: String,
    /// Connections held open to it.
    pub open_connections: u64,
    /// Those of them that no call is using.
    pub idle_connections: u64,
    /// Calls that wait for a connection to it.
    pub pending: u64,
    /// Calls it is serving for this process now.
    pub in_flight: u64,
    /// Attempts sent to it.
    pub calls: u64,
    /// Those of them that failed, by its fault or on the way.
    pub failures: u64,
    /// Attempts that it refused because it had too much to do.
    pub refusals: u64,
    /// Times it was ejected.
    pub ejections: u64,
    /// Its latency as the balancer knows it, a peak-sensitive moving average, in microseconds; 0 if unknown.
    pub latency_us: u64,
    /// Utilisation it reports itself (ORCA, gRFC A51), in per cent; may exceed 100. `None` if it reports none.
    pub utilisation_percent: Option<u32>,
}
