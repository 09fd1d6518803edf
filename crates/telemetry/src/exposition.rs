//! What `/metrics` says: every declared family, from the totals and the latest snapshots of one or more processes.

mod histogram;
mod instances;
mod requests;
mod upstreams;

use crate::families::{self, CounterId, Declared, Family, GaugeId};
use crate::openmetrics::Text;
use crate::totals::Totals;
use tenet_api::telemetry::v1::{Metric, NetworkDevice, ProcessStats, Snapshot};

/// A family and the value that a `T` gives it.
type Column<T> = (Declared, fn(&T) -> u64);

/// Appends the whole text. `processes` are latest snapshots; requests are those of `totals`, summed over all of them.
pub fn write(totals: &Totals, processes: &[&Snapshot], out: &mut String) {
    let mut text = Text::new(out);
    requests::write(totals, &mut text);
    for id in CounterId::ALL {
        write_plain(id.family(), "counter", "_total", processes, |snapshot| &snapshot.counters, &mut text);
    }
    for id in GaugeId::ALL {
        write_plain(id.family(), "gauge", "", processes, |snapshot| &snapshot.gauges, &mut text);
    }
    write_trees(processes, &mut text);
    upstreams::write(totals, processes, &mut text);
    instances::write(processes, &mut text);
    write_processes(processes, &mut text);
    write_devices(processes, &mut text);
    text.eof();
}

/// The amplification of whole call trees. Without calls there is none.
fn write_trees(processes: &[&Snapshot], text: &mut Text<'_>) {
    let family = families::TREE_AMPLIFICATION;
    text.family(&family);
    for snapshot in processes.iter().filter(|snapshot| snapshot.recent_tree_calls > 0) {
        let extra = snapshot.recent_tree_extra_attempts as f64 / snapshot.recent_tree_calls as f64;
        text.sample(family.name, "", &[("process", process_name(snapshot))], 1.0 + extra);
    }
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
