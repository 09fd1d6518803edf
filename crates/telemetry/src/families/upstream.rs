//! Families of one service as a process calls it, labelled by process and service.

use super::Declared;

/// Calls.
pub const CALLS: Declared =
    Declared::counter("tenet_upstream_calls", "Calls to the service, however many attempts each took.");
/// Attempts.
pub const ATTEMPTS: Declared = Declared::counter(
    "tenet_upstream_attempts",
    "Attempts at instances of the service; divided by the calls, the amplification of any span of time.",
);
/// Amplification now.
pub const AMPLIFICATION: Declared = Declared::gauge(
    "tenet_amplification_ratio",
    "Attempts per call to the service over the last ten seconds; absent without calls.",
);
/// By `cause`.
pub const RETRIES: Declared = Declared::counter(
    "tenet_upstream_retries",
    "Attempts after the first, by the code that the attempt before ended in; hedges are not among them.",
);
/// By `by`.
pub const RETRIES_REFUSED: Declared = Declared::counter(
    "tenet_upstream_retries_refused",
    "Retries and hedges not made, by what forbade them: budget, allowance, deadline or pushback.",
);
/// Hedges.
pub const HEDGES: Declared =
    Declared::counter("tenet_upstream_hedges", "Second attempts sent because the first was slow.");
/// Hedges that paid.
pub const HEDGES_WON: Declared =
    Declared::counter("tenet_upstream_hedges_won", "Hedges whose answer was the one passed on.");
/// Budget.
pub const BUDGET_LEFT: Declared =
    Declared::gauge("tenet_upstream_budget_left", "Attempts the retry budget would pay for now.");
/// Calls under way.
pub const IN_FLIGHT: Declared =
    Declared::gauge("tenet_upstream_in_flight", "Calls to the service that are under way.");
/// Calls waiting.
pub const QUEUED: Declared =
    Declared::gauge("tenet_upstream_queued", "Calls to the service that wait for admission.");
/// The adaptive limit.
pub const LIMIT: Declared = Declared::gauge(
    "tenet_upstream_limit",
    "Calls to the service that may be under way at once; 0 if the limit is off.",
);
/// Waiting for admission.
pub const QUEUE_TIME: Declared = Declared {
    name: "tenet_upstream_queue_time_seconds",
    kind: "histogram",
    unit: "seconds",
    help: "Time that calls to the service waited for admission.",
};
/// By `priority`.
pub const SHED: Declared =
    Declared::counter("tenet_upstream_shed", "Calls refused for overload, by priority.");
/// By `result`.
pub const HEALTH_CHECKS: Declared = Declared::counter(
    "tenet_upstream_health_checks",
    "Health checks of instances of the service, by how they ended: passed, or what was wrong.",
);
/// By `result`.
pub const DNS_LOOKUPS: Declared = Declared::counter(
    "tenet_upstream_dns_lookups",
    "Questions to DNS for instances of the service: answered with records, empty, or the source was away.",
);
/// How old what DNS said is.
pub const DNS_ANSWER_AGE: Declared = Declared {
    name: "tenet_upstream_dns_answer_age_seconds",
    kind: "gauge",
    unit: "seconds",
    help: "Time since DNS last answered with records for the service; what it said then holds until it says something else.",
};
/// Ejections.
pub const EJECTIONS: Declared =
    Declared::counter("tenet_upstream_ejections", "Ejections of instances of the service.");
/// Ejected now.
pub const EJECTED: Declared =
    Declared::gauge("tenet_upstream_ejected", "Instances of the service that are ejected now.");
/// Whether all are used.
pub const PANIC: Declared = Declared::gauge(
    "tenet_upstream_panic",
    "1 while so few instances of the service are fit that all are used again.",
);
/// The N−1 gauge, by `lost` and `basis`.
pub const CAPACITY: Declared = Declared::gauge(
    "tenet_capacity_n1_ratio",
    "Share of the peak that the service could carry without what is lost; a lower bound where the basis is proven.",
);

/// All of this file.
pub(super) const DECLARED: &[Declared] = &[
    CALLS,
    ATTEMPTS,
    AMPLIFICATION,
    RETRIES,
    RETRIES_REFUSED,
    HEDGES,
    HEDGES_WON,
    BUDGET_LEFT,
    IN_FLIGHT,
    QUEUED,
    LIMIT,
    QUEUE_TIME,
    SHED,
    HEALTH_CHECKS,
    DNS_LOOKUPS,
    DNS_ANSWER_AGE,
    EJECTIONS,
    EJECTED,
    PANIC,
    CAPACITY,
];
