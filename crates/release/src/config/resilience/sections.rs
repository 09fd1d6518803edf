//! The sections of `[resilience]`, key by key with unit, default and the reason for it. Formulas and sources: `docs/resilience.md`.

use super::section::section;
use crate::config::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

section! {
    /// Repeating a failed attempt.
    Retry / RetryKeys in "retry" {
        /// Attempts of one call, the first included; 1 turns retries off, at most 10. Default: 3, which outlives one dead instance and
        /// one unlucky choice after it.
        attempts: u32 = 3,
        /// Retries as a share of the attempts that are no retries, in percent. Default: 20, so that retries alone can never double a load.
        budget_percent: u32 = 20,
        /// Retries a second that are allowed whatever the share, for one service and process. Default: 10, so that quiet services retry too.
        budget_floor: u32 = 10,
        /// The largest wait before the first retry; the wait is random below it (full jitter). Default: 25ms.
        backoff: Millis = Millis(25),
        /// What doubling `backoff` stops at. Default: 1s.
        max_backoff: Millis = Millis(1_000),
        /// Extra attempts that one call at the public door may cause in its whole tree, at most 64. For the whole fleet. Default: 3.
        allowance: u32 = 3,
    }
}

section! {
    /// A second attempt while the first is still silent.
    Hedge / HedgeKeys in "hedge" {
        /// The percentile of the live latency after which a method that asks for it (`hedge` in its contract) gets its second attempt.
        /// Default: 95, so that about one call in twenty costs two attempts.
        percentile: u32 = 95,
        /// The shortest wait before that attempt. Default: 2ms, below which a pause of the scheduler would cause it.
        min_delay: Millis = Millis(2),
        /// Whether any repeatable call whose attempt is silent at half of its time gets a second one. Default: true: an instance that hangs
        /// answers nobody, and half of the time is enough to ask another.
        halfway: bool = true,
    }
}

section! {
    /// Which instance gets the next attempt.
    Balance / BalanceKeys in "balance" {
        /// The time after which an old latency counts 1/e of a new one (peak EWMA). Default: 10s.
        decay: Millis = Millis(10_000),
        /// How long a new instance's share grows to the full one; "0s" turns it off. Default: 10s, the time of a cold cache or JIT.
        slow_start: Millis = Millis(10_000),
        /// How long answers of the caller's own zone may take, in percent of those of the other zones, before calls are sent there.
        /// Default: 150; at 200 a zone's lone instance is overrun before its callers turn away (`balance/simulation.rs`).
        spill_percent: u32 = 150,
    }
}

section! {
    /// Asking instances whether they are well.
    Health / HealthKeys in "health" {
        /// How: `grpc` (`grpc.health.v1`), `http` (a GET of `path` that answers 2xx or 3xx, as
        /// HAProxy and Kubernetes take it: whoever redirects is there), `connect` (a TCP connection), `off`.
        /// Default: `grpc` for services that speak gRPC, `connect` for others.
        check: HealthCheck = HealthCheck::Connect,
        /// What `http` asks for. Default: `/healthz`.
        path: String = "/healthz".to_owned(),
        /// Time between two checks of an instance, ± 10 % at random. Default: 2s.
        interval: Millis = Millis(2_000),
        /// Time for an answer; at most `interval`. Default: 1s.
        timeout: Millis = Millis(1_000),
        /// Failed checks in a row that make an instance unhealthy. Default: 2, so that one lost packet does not.
        unhealthy_after: u32 = 2,
        /// Passed checks in a row that make it healthy again. Default: 1.
        healthy_after: u32 = 1,
    }
}

section! {
    /// Leaving out instances by what calls saw of them.
    Ejection / EjectionKeys in "ejection" {
        /// Failed attempts in a row that eject an instance; 0 turns it off. Default: 5.
        consecutive: u32 = 5,
        /// Failures in percent of an interval's attempts that eject an instance; 0 turns it off. Default: 50.
        failure_percent: u32 = 50,
        /// How far below the mean of the instances' success rates an instance's own ejects it, in percent of their standard deviation,
        /// where five and more have 100 attempts each; 0 turns it off. Default: 190, as in Envoy.
        success_rate_deviation_percent: u32 = 190,
        /// Typical latency (geometric mean) in percent of the median of the other instances' that ejects an instance which has it twice
        /// running, or once after it came back from that; 0 turns it off, else at least 101. Default: 300.
        latency_factor_percent: u32 = 300,
        /// How often failures and latency are judged. Default: 250ms.
        interval: Millis = Millis(250),
        /// How long the first ejection lasts, and how much longer each further one without a pause between them. Default: 5s.
        base: Millis = Millis(5_000),
        /// The longest ejection. Default: 60s.
        max: Millis = Millis(60_000),
        /// The share of instances that may be ejected at a time, in percent. Default: 34, one zone of three.
        cap_percent: u32 = 34,
        /// The share of usable instances in percent below which all are used again: then it is not the instances. 0 turns it off. Default: 50.
        panic_percent: u32 = 50,
    }
}

section! {
    /// Bounds that keep one upstream's trouble from becoming everybody's.
    Bulkhead / BulkheadKeys in "bulkhead" {
        /// HTTP/1.1 connections to one instance from one process, at least one a thread. Default: 256.
        connections: u32 = 256,
        /// HTTP/2 connections to one instance from one process, at least one a thread. Default: 4.
        h2_connections: u32 = 4,
        /// Requests at a time on one HTTP/2 connection; less where the instance allows less. Default: 1000.
        streams: u32 = 1_000,
        /// Calls in flight to one service from one process. Default: 10000, the gateway's own bound.
        in_flight: u32 = 10_000,
        /// Calls to one service that wait in one process to be admitted, divided among its threads; 0 lets none wait. Default: 1024.
        queue: u32 = 1_024,
        /// The longest such a wait. Default: 1s: later answers find nobody waiting.
        queue_time: Millis = Millis(1_000),
        /// Calls of one process that wait for a connection to one instance, divided among its threads; 0 lets none wait. Default: 1024.
        pending: u32 = 1_024,
        /// Time for a connection to be made. Default: 1s, one lost SYN's retransmission.
        connect_timeout: Millis = Millis(1_000),
    }
}

section! {
    /// How many calls at a time are let through to a service.
    Admission / AdmissionKeys in "admission" {
        /// `adaptive` finds the limit from latency, `off` leaves only the bulkhead's. Default: `adaptive`.
        limit: AdmissionLimit = AdmissionLimit::Adaptive,
        /// The limit to begin with, in calls at a time of one process. Default: 64.
        initial: u32 = 64,
        /// The lowest limit. Default: 8, below which latency cannot be measured.
        min: u32 = 8,
        /// The highest limit. Default: 10000, the gateway's own bound.
        max: u32 = 10_000,
        /// Latency in percent of the unloaded one that is taken for no queue yet. Default: 150.
        tolerance_percent: u32 = 150,
    }
}

/// How instances are asked whether they are well.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum HealthCheck {
    /// `grpc.health.v1.Health/Check`.
    Grpc,
    /// A GET that answers 2xx or 3xx.
    Http,
    /// A TCP connection that is made.
    Connect,
    /// Not at all.
    Off,
}

/// Where the limit of calls at a time comes from.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AdmissionLimit {
    /// From the latency gradient.
    Adaptive,
    /// Nowhere: there is none but the bulkhead's.
    Off,
}

impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HealthCheck::Grpc => "grpc",
            HealthCheck::Http => "http",
            HealthCheck::Connect => "connect",
            HealthCheck::Off => "off",
        })
    }
}

impl fmt::Display for AdmissionLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AdmissionLimit::Adaptive => "adaptive",
            AdmissionLimit::Off => "off",
        })
    }
}
