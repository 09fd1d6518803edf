//! Families of services, as each process calls them. Queue times are summed over the processes, as latencies are.

use super::{Column, histogram, process_name};
use crate::families::{Declared, upstream};
use crate::openmetrics::Text;
use crate::totals::Totals;
use tenet_api::telemetry::v1::{Snapshot, Tally, Upstream};

/// A family with one more label, the label, and what it counts by it.
type Tallied = (Declared, &'static str, fn(&Upstream) -> &Vec<Tally>);

pub(super) fn write(totals: &Totals, processes: &[&Snapshot], text: &mut Text<'_>) {
    let counters: [Column<Upstream>; 5] = [
        (upstream::CALLS, |upstream| upstream.calls),
        (upstream::ATTEMPTS, |upstream| upstream.attempts),
        (upstream::HEDGES, |upstream| upstream.hedges),
        (upstream::HEDGES_WON, |upstream| upstream.hedges_won),
        (upstream::EJECTIONS, |upstream| upstream.ejections),
    ];
    for (family, value) in counters {
        write_column(&family, "_total", processes, value, text);
    }
    let gauges: [Column<Upstream>; 6] = [
        (upstream::BUDGET_LEFT, |upstream| upstream.budget_left),
        (upstream::IN_FLIGHT, |upstream| upstream.in_flight),
        (upstream::QUEUED, |upstream| upstream.queued),
        (upstream::LIMIT, |upstream| upstream.limit),
        (upstream::EJECTED, |upstream| upstream.ejected),
        (upstream::PANIC, |upstream| u64::from(upstream.panic)),
    ];
    for (family, value) in gauges {
        write_column(&family, "", processes, value, text);
    }
    let tallied: [Tallied; 5] = [
        (upstream::RETRIES, "cause", |upstream| &upstream.retries),
        (upstream::RETRIES_REFUSED, "by", |upstream| &upstream.retries_refused),
        (upstream::SHED, "priority", |upstream| &upstream.shed),
        (upstream::HEALTH_CHECKS, "result", |upstream| &upstream.health_checks),
        (upstream::DNS_LOOKUPS, "result", |upstream| &upstream.dns_lookups),
    ];
    for (family, label, tallies) in tallied {
        text.family(&family);
        for (process, upstream) in all(processes) {
            for tally in tallies(upstream) {
                let labels = [("process", process), ("service", &upstream.service), (label, &tally.name)];
                text.sample(family.name, "_total", &labels, tally.count);
            }
        }
    }
    write_ratios(processes, text);
    text.family(&upstream::QUEUE_TIME);
    for (service, waited) in totals.queue_times() {
        histogram::write(&upstream::QUEUE_TIME, &[("service", service)], waited, text);
    }
}

fn write_column(
    family: &Declared,
    suffix: &str,
    processes: &[&Snapshot],
    value: fn(&Upstream) -> u64,
    text: &mut Text<'_>,
) {
    text.family(family);
    for (process, upstream) in all(processes) {
        let labels = [("process", process), ("service", upstream.service.as_str())];
        text.sample(family.name, suffix, &labels, value(upstream));
    }
}

/// What is not known has no value: no calls, no amplification; no answer, no age; no capacity, no share of it.
fn write_ratios(processes: &[&Snapshot], text: &mut Text<'_>) {
    text.family(&upstream::AMPLIFICATION);
    for (process, upstream) in all(processes).filter(|(_, upstream)| upstream.recent_calls > 0) {
        let labels = [("process", process), ("service", upstream.service.as_str())];
        let ratio = upstream.recent_attempts as f64 / upstream.recent_calls as f64;
        text.sample(upstream::AMPLIFICATION.name, "", &labels, ratio);
    }
    text.family(&upstream::DNS_ANSWER_AGE);
    for (process, upstream) in all(processes) {
        if let Some(age_ms) = upstream.dns_answer_age_ms {
            let labels = [("process", process), ("service", upstream.service.as_str())];
            text.sample(upstream::DNS_ANSWER_AGE.name, "", &labels, age_ms as f64 / 1e3);
        }
    }
    text.family(&upstream::CAPACITY);
    for (process, upstream) in all(processes) {
        let known = upstream.capacity.as_ref().filter(|capacity| capacity.share.is_finite());
        if let Some(capacity) = known {
            let labels = [
                ("process", process),
                ("service", &upstream.service),
                ("lost", &capacity.lost),
                ("basis", &capacity.basis),
            ];
            text.sample(upstream::CAPACITY.name, "", &labels, capacity.share);
        }
    }
}

fn all<'a>(processes: &'a [&'a Snapshot]) -> impl Iterator<Item = (&'a str, &'a Upstream)> {
    processes.iter().flat_map(|snapshot| {
        snapshot.upstreams.iter().map(move |upstream| (process_name(snapshot), upstream))
    })
}
