//! What `/metrics` says: every declared family, from the totals and the latest snapshots of one or more processes.

use crate::families::{self, CounterId, Declared, Family, GaugeId};
use crate::openmetrics::Text;
use crate::totals::Totals;
use tenet_api::telemetry::v1::{Instance, Metric, NetworkDevice, ProcessStats, Snapshot};
use tenet_sketch::Sketch;

/// Upper bounds of the latency histogram: each power of two from 2^14 ns (16 µs) to 2^36 ns (69 s). Powers of two
/// are edges of the sketch, so that every bucket is exact.
const LE_POWERS: std::ops::RangeInclusive<u32> = 14..=36;

/// A family and the value that a `T` gives it.
type Column<T> = (Declared, fn(&T) -> u64);

/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// Appends the whole text. `processes` are latest snapshots; requests are those of `totals`, summed over all of them.
pub fn write(totals: &Totals, processes: &[&Snapshot], out: &mut String) {
    let mut text = Text::new(out);
    write_requests(totals, &mut text);
    write_durations(totals, &mut text);
    for id in CounterId::ALL {
        write_plain(id.family(), "counter", "_total", processes, |snapshot| &snapshot.counters, &mut text);
    }
    for id in GaugeId::ALL {
        write_plain(id.family(), "gauge", "", processes, |snapshot| &snapshot.gauges, &mut text);
    }
    write_instances(processes, &mut text);
    write_processes(processes, &mut text);
    write_devices(processes, &mut text);
    text.eof();
}

fn write_requests(totals: &Totals, text: &mut Text<'_>) {
    let series = totals.series();
    let labels = totals.labels();
    let columns: [Column<crate::Counts>; 3] = [
        (families::REQUESTS, |counts| counts.requests),
        (families::REQUEST_BYTES, |counts| counts.request_bytes),
        (families::RESPONSE_BYTES, |counts| counts.response_bytes),
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
        write_histogram(
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

fn write_histogram(family: &Declared, labels: &[(&str, &str); 5], sketch: &Sketch, text: &mut Text<'_>) {
    let [a, b, c, d, e] = *labels;
    let mut bucket =
        |le: &str, count: u64| text.sample(family.name, "_bucket", &[a, b, c, d, e, ("le", le)], count);
    for power in LE_POWERS {
        let bound = 1u64 << power;
        bucket(&(bound as f64 / NS).to_string(), sketch.count_at_most(bound));
    }
    bucket("+Inf", sketch.count());
    text.sample(family.name, "_count", labels, sketch.count());
    text.sample(family.name, "_sum", labels, sketch.sum() as f64 / NS);
}

/// A family whose only label is the process.
fn write_plain(
    family: Family,
    kind: &'static str,
    suffix: &str,
    processes: &[&Snapshot],
    metrics: fn(&Snapshot) -> &Vec<Metric>,
    text: &mut Text<'_>,
) {
    text.family(&Declared { name: family.name, kind, unit: "", help: family.help });
    for snapshot in processes {
        // What a snapshot leaves out is zero, and a counter that starts at zero shows its first step.
        let held = metrics(snapshot).iter().find(|metric| metric.name == family.name);
        let value = held.map_or(0, |metric| metric.value);
        text.sample(family.name, suffix, &[("process", process_name(snapshot))], value);
    }
}

fn write_instances(processes: &[&Snapshot], text: &mut Text<'_>) {
    let columns: [Column<Instance>; 3] = [
        (families::INSTANCE_HEALTHY, |instance| u64::from(instance.healthy)),
        (families::INSTANCE_CONNECTIONS, |instance| instance.open_connections),
        (families::INSTANCE_IN_FLIGHT, |instance| instance.in_flight),
    ];
    for (family, value) in columns {
        text.family(&family);
        for snapshot in processes {
            for instance in &snapshot.instances {
                let labels = [
                    ("process", process_name(snapshot)),
                    ("service", &instance.service),
                    ("instance_id", &instance.id),
                    ("address", &instance.address),
                    ("zone", &instance.zone),
                ];
                text.sample(family.name, "", &labels, value(instance));
            }
        }
    }
}

fn write_processes(processes: &[&Snapshot], text: &mut Text<'_>) {
    text.family(&families::PROCESS_INFO);
    for process in processes.iter().filter_map(|snapshot| snapshot.process.as_ref()) {
        let epoch = process.epoch.to_string();
        let labels = [
            ("process", process.name.as_str()),
            ("role", &process.role),
            ("zone", &process.zone),
            ("release", &process.release),
            ("epoch", &epoch),
            ("version", &process.version),
        ];
        text.sample(families::PROCESS_INFO.name, "_info", &labels, 1);
    }
    let stats =
        || processes.iter().filter_map(|snapshot| Some((process_name(snapshot), snapshot.stats.as_ref()?)));
    text.family(&families::CPU);
    for (name, stats) in stats() {
        for (mode, us) in [("user", stats.cpu_user_us), ("system", stats.cpu_system_us)] {
            text.sample(families::CPU.name, "_total", &[("process", name), ("mode", mode)], us as f64 / 1e6);
        }
    }
    let columns: [Column<ProcessStats>; 5] = [
        (families::RESIDENT, |stats| stats.resident_bytes),
        (families::VIRTUAL, |stats| stats.virtual_bytes),
        (families::DESCRIPTORS, |stats| stats.open_descriptors),
        (families::MAX_DESCRIPTORS, |stats| stats.max_descriptors),
        (families::THREADS, |stats| stats.threads),
    ];
    for (family, value) in columns {
        text.family(&family);
        for (name, stats) in stats() {
            text.sample(family.name, "", &[("process", name)], value(stats));
        }
    }
    text.family(&families::START_TIME);
    for process in processes.iter().filter_map(|snapshot| snapshot.process.as_ref()) {
        let seconds = process.started_unix_ms as f64 / 1e3;
        text.sample(families::START_TIME.name, "", &[("process", &process.name)], seconds);
    }
}

fn write_devices(processes: &[&Snapshot], text: &mut Text<'_>) {
    let columns: [Column<NetworkDevice>; 2] = [
        (families::NETWORK_RECEIVED, |device| device.received_bytes),
        (families::NETWORK_SENT, |device| device.sent_bytes),
    ];
    for (family, value) in columns {
        text.family(&family);
        for snapshot in processes {
            for device in snapshot.stats.iter().flat_map(|stats| &stats.devices) {
                let labels = [("process", process_name(snapshot)), ("device", device.name.as_str())];
                text.sample(family.name, "_total", &labels, value(device));
            }
        }
    }
}

fn process_name(snapshot: &Snapshot) -> &str {
    snapshot.process.as_ref().map_or("", |process| &process.name)
}
