//! Families of instances, as each process sees them.

use super::{Column, process_name};
use crate::families::{Declared, instance};
use crate::openmetrics::Text;
use tenet_api::telemetry::v1::{Instance, Snapshot};

/// A family whose value an instance may not have.
type Optional = (Declared, fn(&Instance) -> Option<f64>);

pub(super) fn write(processes: &[&Snapshot], text: &mut Text<'_>) {
    let gauges: [Column<Instance>; 5] = [
        (instance::HEALTHY, |instance| u64::from(instance.healthy)),
        (instance::CONNECTIONS, |instance| instance.open_connections),
        (instance::CONNECTIONS_IDLE, |instance| instance.idle_connections),
        (instance::PENDING, |instance| instance.pending),
        (instance::IN_FLIGHT, |instance| instance.in_flight),
    ];
    for (family, value) in gauges {
        each(&family, "", processes, text, |instance| Some(value(instance)));
    }
    let counters: [Column<Instance>; 4] = [
        (instance::CALLS, |instance| instance.calls),
        (instance::FAILURES, |instance| instance.failures),
        (instance::REFUSALS, |instance| instance.refusals),
        (instance::EJECTIONS, |instance| instance.ejections),
    ];
    for (family, value) in counters {
        each(&family, "_total", processes, text, |instance| Some(value(instance)));
    }
    let optional: [Optional; 2] = [
        (instance::LATENCY, |instance| (instance.latency_us > 0).then(|| instance.latency_us as f64 / 1e6)),
        (instance::UTILISATION, |instance| {
            instance.utilisation_percent.map(|percent| f64::from(percent) / 100.0)
        }),
    ];
    for (family, value) in optional {
        each(&family, "", processes, text, value);
    }
    write_states(processes, text);
}

fn each<T: std::fmt::Display>(
    family: &Declared,
    suffix: &str,
    processes: &[&Snapshot],
    text: &mut Text<'_>,
    value: impl Fn(&Instance) -> Option<T>,
) {
    text.family(family);
    for (snapshot, instance) in all(processes) {
        if let Some(value) = value(instance) {
            text.sample(family.name, suffix, &labels(snapshot, instance), value);
        }
    }
}

/// One sample an instance, with its state as a label: the others would be zeros that nobody asks for.
fn write_states(processes: &[&Snapshot], text: &mut Text<'_>) {
    text.family(&instance::STATE);
    for (snapshot, instance) in all(processes).filter(|(_, instance)| !instance.state.is_empty()) {
        let [process, service, id, address, zone] = labels(snapshot, instance);
        let state = ("state", instance.state.as_str());
        text.sample(instance::STATE.name, "", &[process, service, id, address, zone, state], 1);
    }
}

fn all<'a>(processes: &'a [&'a Snapshot]) -> impl Iterator<Item = (&'a Snapshot, &'a Instance)> {
    processes.iter().flat_map(|snapshot| snapshot.instances.iter().map(move |instance| (*snapshot, instance)))
}

fn labels<'a>(snapshot: &'a Snapshot, instance: &'a Instance) -> [(&'static str, &'a str); 5] {
    [
        ("process", process_name(snapshot)),
        ("service", &instance.service),
        ("instance_id", &instance.id),
        ("address", &instance.address),
        ("zone", &instance.zone),
    ]
}
