//! Between our types and those of `tenet.telemetry.v1`.

use crate::{
    Alarm, CapacityView, DeviceStats, DnsView, Event, EventKind, InstanceView, PRIORITIES, ProcessInfo,
    ProcessStats, RefusedBy, Severity, UpstreamView,
};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use tenet_api::telemetry::v1 as wire;
use tenet_sketch::{Parts, PartsError, Sketch};

/// Milliseconds since 1970; what lies before is 0.
pub(crate) fn unix_ms(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().min(i64::MAX as u128) as i64)
}

/// A sketch as it goes over the wire: filled buckets only.
pub fn sketch_to_wire(sketch: &Sketch) -> wire::Sketch {
    let parts = sketch.to_parts();
    wire::Sketch {
        count: parts.count,
        sum: parts.sum as u64,
        sum_high: (parts.sum >> 64) as u64,
        min: parts.min,
        max: parts.max,
        zeros: parts.zeros,
        gaps: parts.gaps,
        counts: parts.counts,
    }
}

/// A sketch that came over the wire, or why it cannot be one.
pub fn sketch_of_wire(sketch: &wire::Sketch) -> Result<Sketch, PartsError> {
    Sketch::from_parts(&Parts {
        count: sketch.count,
        sum: u128::from(sketch.sum) | u128::from(sketch.sum_high) << 64,
        min: sketch.min,
        max: sketch.max,
        zeros: sketch.zeros,
        gaps: sketch.gaps.clone(),
        counts: sketch.counts.clone(),
    })
}

pub(crate) fn process_to_wire(process: &ProcessInfo) -> wire::Process {
    wire::Process {
        name: process.name.clone(),
        role: process.role.clone(),
        zone: process.zone.clone(),
        release: process.release.clone(),
        epoch: process.epoch,
        version: process.version.clone(),
        pid: std::process::id(),
        started_unix_ms: unix_ms(process.started),
    }
}

pub(crate) fn instance_to_wire(instance: &InstanceView) -> wire::Instance {
    wire::Instance {
        service: instance.service.clone(),
        id: instance.id.clone(),
        address: instance.address.clone(),
        zone: instance.zone.clone(),
        healthy: instance.healthy,
        open_connections: instance.open_connections,
        in_flight: instance.in_flight,
        state: instance.state.clone(),
        cause: instance.cause.clone(),
        idle_connections: instance.idle_connections,
        pending: instance.pending,
        calls: instance.calls,
        failures: instance.failures,
        refusals: instance.refusals,
        ejections: instance.ejections,
        latency_us: instance.latency_us,
        utilisation_percent: instance.utilisation_percent,
    }
}

/// `recent` are the calls and attempts of the last ten seconds.
pub(crate) fn upstream_to_wire(upstream: &UpstreamView, recent: (u64, u64)) -> wire::Upstream {
    let tally = |name: &str, count: u64| wire::Tally { name: name.to_owned(), count };
    // Whoever filled the view may have one entry a thread; here each name stands once.
    let mut retries: BTreeMap<&str, u64> = BTreeMap::new();
    for (cause, count) in &upstream.retries {
        *retries.entry(cause.name()).or_default() += count;
    }
    let refused = |by: RefusedBy| {
        upstream.retries_refused.iter().filter(|(held, _)| *held == by).map(|(_, count)| count).sum()
    };
    let waited = &upstream.queue_time;
    wire::Upstream {
        service: upstream.service.clone(),
        calls: upstream.calls,
        attempts: upstream.attempts,
        retries: retries.into_iter().map(|(cause, n)| tally(cause, n)).collect(),
        hedges: upstream.hedges,
        hedges_won: upstream.hedges_won,
        retries_refused: RefusedBy::ALL.iter().map(|by| tally(by.word(), refused(*by))).collect(),
        budget_left: upstream.budget_left,
        in_flight: upstream.in_flight,
        queued: upstream.queued,
        limit: upstream.limit,
        queue_time: (waited.count() > 0).then(|| sketch_to_wire(waited)),
        shed: PRIORITIES.iter().zip(upstream.shed).map(|(priority, n)| tally(priority, n)).collect(),
        health_checks: upstream.health_checks.iter().map(|(result, n)| tally(result, *n)).collect(),
        dns_lookups: upstream.dns.iter().flat_map(dns_tallies).map(|(result, n)| tally(result, n)).collect(),
        dns_answer_age_ms: upstream.dns.and_then(|dns| dns.age).map(|age| age.as_millis() as u64),
        ejections: upstream.ejections,
        ejected: upstream.ejected,
        panic: upstream.panic,
        capacity: upstream.capacity.as_ref().map(capacity_to_wire),
        recent_calls: recent.0,
        recent_attempts: recent.1,
    }
}

fn dns_tallies(dns: &DnsView) -> [(&'static str, u64); 3] {
    [("answered", dns.answered), ("empty", dns.empty), ("away", dns.away)]
}

fn capacity_to_wire(capacity: &CapacityView) -> wire::Capacity {
    wire::Capacity {
        share: capacity.share,
        lost: capacity.lost.clone(),
        basis: capacity.basis.clone(),
        peak_rps: capacity.peak_rps,
        left_rps: capacity.left_rps,
    }
}

pub(crate) fn stats_to_wire(stats: &ProcessStats) -> wire::ProcessStats {
    let device = |device: &DeviceStats| wire::NetworkDevice {
        name: device.name.clone(),
        received_bytes: device.received_bytes,
        sent_bytes: device.sent_bytes,
    };
    wire::ProcessStats {
        cpu_user_us: stats.cpu_user_us,
        cpu_system_us: stats.cpu_system_us,
        resident_bytes: stats.resident_bytes,
        virtual_bytes: stats.virtual_bytes,
        open_descriptors: stats.open_descriptors,
        max_descriptors: stats.max_descriptors,
        threads: stats.threads,
        devices: stats.devices.iter().map(device).collect(),
    }
}

pub(crate) fn event_to_wire(event: &Event) -> wire::Event {
    wire::Event {
        kind: kind_to_wire(event.kind) as i32,
        at_unix_ms: unix_ms(event.at),
        subject: event.subject.clone(),
        text: event.text.clone(),
    }
}

pub(crate) fn alarm_to_wire(alarm: &Alarm) -> wire::Alarm {
    let severity = match alarm.severity {
        Severity::Warning => wire::Severity::Warning,
        Severity::Critical => wire::Severity::Critical,
    };
    wire::Alarm {
        id: alarm.id.clone(),
        severity: severity as i32,
        subject: alarm.subject.clone(),
        text: alarm.text.clone(),
        since_unix_ms: unix_ms(alarm.since),
    }
}

fn kind_to_wire(kind: EventKind) -> wire::EventKind {
    match kind {
        EventKind::Release => wire::EventKind::Release,
        EventKind::Refusal => wire::EventKind::Refusal,
        EventKind::InstanceUp => wire::EventKind::InstanceUp,
        EventKind::InstanceDown => wire::EventKind::InstanceDown,
        EventKind::Ejection => wire::EventKind::Ejection,
        EventKind::Alarm => wire::EventKind::Alarm,
        EventKind::Drill => wire::EventKind::Drill,
        EventKind::Scale => wire::EventKind::Scale,
        EventKind::Restart => wire::EventKind::Restart,
        EventKind::Drain => wire::EventKind::Drain,
        EventKind::ProcessUp => wire::EventKind::ProcessUp,
        EventKind::ProcessDown => wire::EventKind::ProcessDown,
        EventKind::Intruder => wire::EventKind::Intruder,
    }
}
