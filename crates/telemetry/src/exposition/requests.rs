//! Families of requests: counters by every label, latencies by endpoint and code.

use super::{Column, histogram};
use crate::families;
use crate::openmetrics::Text;
use crate::totals::{Counts, Totals};

/// Counters by every label, then latencies by endpoint and code.
pub(super) fn write(totals: &Totals, text: &mut Text<'_>) {
    write_counts(totals, text);
    write_durations(totals, text);
}

fn write_counts(totals: &Totals, text: &mut Text<'_>) {
    let series = totals.series();
    let labels = totals.labels();
    let columns: [Column<Counts>; 4] = [
        (families::REQUESTS, |counts| counts.requests),
        (families::REQUEST_BYTES, |counts| counts.request_bytes),
        (families::RESPONSE_BYTES, |counts| counts.response_bytes),
        (families::REQUEST_ATTEMPTS, |counts| counts.attempts),
    ];
    for (family, value) in columns {
        text.family(&family);
        for (key, counts) in &series {
            let endpoint = labels.endpoint(key.endpoint);
            let labels = [
                ("endpoint", endpoint.name.as_str()),
                ("method", &endpoint.method),
                ("group", &endpoint.group),
                ("service", &endpoint.service),
                ("code", key.code.name()),
                ("consumer", labels.consumer(key.consumer)),
                ("version", labels.version(key.version)),
                ("zone", labels.zone(u32::from(key.zone))),
            ];
            text.sample(family.name, "_total", &labels, value(counts));
        }
    }
}

fn write_durations(totals: &Totals, text: &mut Text<'_>) {
    let family = families::REQUEST_DURATION;
    text.family(&family);
    for (endpoint, code, sketch) in totals.histograms() {
        let endpoint = totals.labels().endpoint(endpoint);
        histogram::write(
            &family,
            &[
                ("endpoint", endpoint.name.as_str()),
                ("method", &endpoint.method),
                ("group", &endpoint.group),
                ("service", &endpoint.service),
                ("code", code.name()),
            ],
            sketch,
            text,
        );
    }
}
