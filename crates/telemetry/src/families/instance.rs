//! Families of one instance, labelled by the process that sees it, its service, id, address and zone.

use super::Declared;

/// Whether it is called.
pub const HEALTHY: Declared = Declared::gauge(
    "tenet_instance_healthy",
    "1 if calls are sent to the instance, 0 if it is known but left out.",
);
/// Its state, as a label.
pub const STATE: Declared = Declared::gauge(
    "tenet_instance_state",
    "1 for the state the instance is in: up, untried, failing, unhealthy, ejected, warming or draining.",
);
/// Connections open.
pub const CONNECTIONS: Declared =
    Declared::gauge("tenet_instance_connections", "Connections open to the instance.");
/// Connections unused.
pub const CONNECTIONS_IDLE: Declared = Declared::gauge(
    "tenet_instance_connections_idle",
    "Connections open to the instance that no call is using.",
);
/// Calls without a connection.
pub const PENDING: Declared =
    Declared::gauge("tenet_instance_calls_pending", "Calls that wait for a connection to the instance.");
/// Calls under way.
pub const IN_FLIGHT: Declared =
    Declared::gauge("tenet_instance_requests_in_flight", "Calls the instance is serving for this process.");
/// Attempts.
pub const CALLS: Declared = Declared::counter("tenet_instance_calls", "Attempts sent to the instance.");
/// Failed attempts.
pub const FAILURES: Declared = Declared::counter(
    "tenet_instance_failures",
    "Attempts that failed by the instance's fault or on the way to it.",
);
/// Attempts that it was too busy for.
pub const REFUSALS: Declared = Declared::counter(
    "tenet_instance_refusals",
    "Attempts of which the instance did nothing because it had too much to do; they are no failures.",
);
/// Ejections.
pub const EJECTIONS: Declared =
    Declared::counter("tenet_instance_ejections", "Times the instance was ejected.");
/// What balancing goes by.
pub const LATENCY: Declared = Declared {
    name: "tenet_instance_latency_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "Latency of the instance as balancing knows it: a moving average that follows peaks at once; absent while unknown.",
};
/// What it says of itself.
pub const UTILISATION: Declared = Declared::gauge(
    "tenet_instance_utilisation_ratio",
    "Utilisation the instance reports itself, 1 being its capacity; absent if it reports none.",
);

/// All of this file.
pub(super) const DECLARED: &[Declared] = &[
    HEALTHY,
    STATE,
    CONNECTIONS,
    CONNECTIONS_IDLE,
    PENDING,
    IN_FLIGHT,
    CALLS,
    FAILURES,
    REFUSALS,
    EJECTIONS,
    LATENCY,
    UTILISATION,
];
