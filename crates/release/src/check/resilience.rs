//! `[resilience]` and its overrides: each key within its bounds, and keys that must fit each other.
//!
//! Bounds are looked at where a value is written. Pairs are looked at as they hold for each service, and reported once, where one of
//! the two is written.

use super::Check;
use crate::config::resilience::{HealthCheck, Resilience, ResilienceKeys};
use crate::config::{Millis, Protocol};
use std::fmt::Display;
use tenet_resilience::allowance;

const MINUTE: Millis = Millis(60_000);
const HOUR: Millis = Millis(3_600_000);
/// What is judged more often than this sees too few calls to judge.
const SHORTEST_INTERVAL: Millis = Millis(100);
/// More calls at a time than any process can hold: a larger number is a typing error.
const MOST_CALLS: u32 = 1_000_000;

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    bounds(check, &["resilience"], &config.resilience);
    let fleet = config.resilience("");
    pairs(check, &["resilience"], &config.resilience, &fleet);
    for (name, service) in &config.services {
        let at = ["services", name, "resilience"];
        bounds(check, &at, &service.resilience);
        if service.resilience.retry.allowance.is_some() {
            let message = "it is for the whole tree of a call, so only [resilience.retry] has it";
            check.wrong(&[&at[..], &["retry", "allowance"]].concat(), message);
        }
        pairs(check, &at, &service.resilience, &config.resilience(name));
        health(check, name, service.protocol());
    }
}

/// `value`, where it is written, lies between `least` and `most`.
fn within<T: PartialOrd + Display>(
    check: &mut Check<'_>,
    (at, section): (&[&str], &str),
    rows: &[(&str, &Option<T>, T, T)],
) {
    for (key, value, least, most) in rows {
        if let Some(value) = value
            && (value < least || value > most)
        {
            let path = [at, &[section, key]].concat();
            check.wrong(&path, &format!("found {value}, expected {least} to {most}"));
        }
    }
}

fn bounds(check: &mut Check<'_>, at: &[&str], keys: &ResilienceKeys) {
    of_calls(check, at, keys);
    of_instances(check, at, keys);
    of_load(check, at, keys);
    odd_ones(check, at, keys);
}

/// Attempts and where they go.
fn of_calls(check: &mut Check<'_>, at: &[&str], keys: &ResilienceKeys) {
    let ResilienceKeys { retry, hedge, balance, .. } = keys;
    let ms = Millis;
    within(
        check,
        (at, "retry"),
        &[
            ("attempts", &retry.attempts, 1, 10),
            ("budget_percent", &retry.budget_percent, 0, 100),
            ("budget_floor", &retry.budget_floor, 0, 10_000),
            ("allowance", &retry.allowance, 0, allowance::MAX),
        ],
    );
    within(
        check,
        (at, "retry"),
        &[("backoff", &retry.backoff, ms(1), MINUTE), ("max_backoff", &retry.max_backoff, ms(1), MINUTE)],
    );
    within(check, (at, "hedge"), &[("percentile", &hedge.percentile, 50, 99)]);
    within(check, (at, "hedge"), &[("min_delay", &hedge.min_delay, ms(1), MINUTE)]);
    within(check, (at, "balance"), &[("spill_percent", &balance.spill_percent, 100, 1_000)]);
    within(
        check,
        (at, "balance"),
        &[
            ("decay", &balance.decay, SHORTEST_INTERVAL, HOUR),
            ("slow_start", &balance.slow_start, ms(0), HOUR),
        ],
    );
}

/// Who is asked whether it is well, and who is left out.
fn of_instances(check: &mut Check<'_>, at: &[&str], keys: &ResilienceKeys) {
    let ResilienceKeys { health, ejection, .. } = keys;
    within(
        check,
        (at, "health"),
        &[
            ("unhealthy_after", &health.unhealthy_after, 1, 100),
            ("healthy_after", &health.healthy_after, 1, 100),
        ],
    );
    within(
        check,
        (at, "health"),
        &[
            ("interval", &health.interval, SHORTEST_INTERVAL, HOUR),
            ("timeout", &health.timeout, Millis(1), MINUTE),
        ],
    );
    within(
        check,
        (at, "ejection"),
        &[
            ("consecutive", &ejection.consecutive, 0, 1_000),
            ("failure_percent", &ejection.failure_percent, 0, 100),
            ("cap_percent", &ejection.cap_percent, 0, 100),
            ("panic_percent", &ejection.panic_percent, 0, 100),
        ],
    );
    within(
        check,
        (at, "ejection"),
        &[
            ("interval", &ejection.interval, SHORTEST_INTERVAL, HOUR),
            ("base", &ejection.base, SHORTEST_INTERVAL, HOUR),
            ("max", &ejection.max, SHORTEST_INTERVAL, HOUR),
        ],
    );
}

/// How much at a time.
fn of_load(check: &mut Check<'_>, at: &[&str], keys: &ResilienceKeys) {
    let ResilienceKeys { bulkhead, admission, .. } = keys;
    let ms = Millis;
    within(
        check,
        (at, "bulkhead"),
        &[
            // One address has no more ports than that to call another from.
            ("connections", &bulkhead.connections, 1, 65_535),
            ("h2_connections", &bulkhead.h2_connections, 1, 1_024),
            ("streams", &bulkhead.streams, 1, MOST_CALLS),
            ("in_flight", &bulkhead.in_flight, 1, MOST_CALLS),
            ("queue", &bulkhead.queue, 0, MOST_CALLS),
            ("pending", &bulkhead.pending, 0, MOST_CALLS),
        ],
    );
    within(
        check,
        (at, "bulkhead"),
        &[
            ("queue_time", &bulkhead.queue_time, ms(1), MINUTE),
            ("connect_timeout", &bulkhead.connect_timeout, ms(1), MINUTE),
        ],
    );
    within(
        check,
        (at, "admission"),
        &[
            ("initial", &admission.initial, 1, MOST_CALLS),
            ("min", &admission.min, 1, MOST_CALLS),
            ("max", &admission.max, 1, MOST_CALLS),
            // At 100 the unloaded latency itself would count as a queue.
            ("tolerance_percent", &admission.tolerance_percent, 101, 1_000),
        ],
    );
}

/// What no range says.
fn odd_ones(check: &mut Check<'_>, at: &[&str], keys: &ResilienceKeys) {
    let ejection = &keys.ejection;
    for (key, value, least, most) in [
        // Nearer to the mean than one deviation lie most instances there are.
        ("success_rate_deviation_percent", ejection.success_rate_deviation_percent, 100, 1_000),
        ("latency_factor_percent", ejection.latency_factor_percent, 101, 10_000),
    ] {
        if let Some(value) = value
            && value != 0
            && !(least..=most).contains(&value)
        {
            let message = format!("found {value}, expected 0 (off) or {least} to {most}");
            check.wrong(&[at, &["ejection", key]].concat(), &message);
        }
    }
    if let Some(path) = &keys.health.path
        && (!path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let message = format!("found {path:?}, expected a path of visible ASCII that begins with `/`");
        check.wrong(&[at, &["health", "path"]].concat(), &message);
    }
}

/// The first of a pair is at most the second.
fn pairs(check: &mut Check<'_>, at: &[&str], keys: &ResilienceKeys, holds: &Resilience) {
    let durations = [
        (
            ("retry", "backoff", keys.retry.backoff.is_some(), holds.retry.backoff),
            ("max_backoff", keys.retry.max_backoff.is_some(), holds.retry.max_backoff),
        ),
        (
            ("health", "timeout", keys.health.timeout.is_some(), holds.health.timeout),
            ("interval", keys.health.interval.is_some(), holds.health.interval),
        ),
        (
            ("ejection", "base", keys.ejection.base.is_some(), holds.ejection.base),
            ("max", keys.ejection.max.is_some(), holds.ejection.max),
        ),
    ];
    for (low, high) in durations {
        ordered(check, at, low, high);
    }
    let admission = &keys.admission;
    let (min, initial, max) = (holds.admission.min, holds.admission.initial, holds.admission.max);
    let written = admission.initial.is_some();
    ordered(check, at, ("admission", "min", admission.min.is_some(), min), ("initial", written, initial));
    ordered(check, at, ("admission", "initial", written, initial), ("max", admission.max.is_some(), max));
}

/// Reports at whichever of the two is written here; where neither is, the pair was reported where it is.
fn ordered<T: PartialOrd + Display>(
    check: &mut Check<'_>,
    at: &[&str],
    (section, low, low_written, least): (&str, &str, bool, T),
    (high, high_written, most): (&str, bool, T),
) {
    if least <= most {
        return;
    }
    if low_written {
        let message = format!("found {least}, expected at most {section}.{high} = {most}");
        check.wrong(&[at, &[section, low]].concat(), &message);
    } else if high_written {
        let message = format!("found {most}, expected at least {section}.{low} = {least}");
        check.wrong(&[at, &[section, high]].concat(), &message);
    }
}

/// The check that holds for a service is one that its instances can answer.
fn health(check: &mut Check<'_>, name: &str, protocol: Protocol) {
    let expected = match (check.config.resilience(name).health.check, protocol) {
        (HealthCheck::Grpc, Protocol::Http1 | Protocol::Http2) => {
            "`http`, `connect` or `off`: it speaks no gRPC"
        }
        (HealthCheck::Http, Protocol::Grpc) => "`grpc`, `connect` or `off`: it speaks gRPC",
        _ => return,
    };
    let own = check.config.services.get(name).and_then(|service| service.resilience.health.check);
    let at: &[&str] = if own.is_some() { &["services", name, "resilience"] } else { &["resilience"] };
    let message = format!("does not fit the service `{name}`, expected {expected}");
    check.wrong(&[at, &["health", "check"]].concat(), &message);
}
