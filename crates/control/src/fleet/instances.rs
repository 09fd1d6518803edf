//! The instances as all processes together see them.

use super::view;
use std::collections::BTreeMap;
use tenet_api::telemetry::v1::{Instance, Snapshot};

/// The instances that these processes know, by service, zone and name.
pub(super) fn merged(latest: &[&Snapshot]) -> Vec<view::Instance> {
    let mut merged: BTreeMap<[&str; 4], view::Instance> = BTreeMap::new();
    for instance in latest.iter().flat_map(|snapshot| &snapshot.instances) {
        let Instance { service, id, address, zone, .. } = instance;
        let fresh = || view::Instance {
            service: service.clone(),
            id: id.clone(),
            address: address.clone(),
            zone: zone.clone(),
            ..view::Instance::default()
        };
        let entry = merged.entry([service, zone, id, address]).or_insert_with(fresh);
        entry.seen_by += 1;
        entry.healthy_by += u32::from(instance.healthy);
        entry.open_connections += instance.open_connections;
        entry.idle_connections += instance.idle_connections;
        entry.pending += instance.pending;
        entry.in_flight += instance.in_flight;
        entry.calls += instance.calls;
        entry.failures += instance.failures;
        entry.refusals += instance.refusals;
        entry.ejections += instance.ejections;
        // The slowest view: a mean with a gateway that has not called it lately would hide what callers feel.
        entry.latency_us = entry.latency_us.max(instance.latency_us);
        entry.utilisation_percent = entry.utilisation_percent.max(instance.utilisation_percent);
        add_state(entry, instance);
    }
    merged.into_values().collect()
}

/// The gravest state that any process sees, how many see it so, and why.
fn add_state(entry: &mut view::Instance, instance: &Instance) {
    if instance.state == entry.state {
        entry.state_by += 1;
        if entry.cause.is_empty() {
            entry.cause.clone_from(&instance.cause);
        }
    } else if gravity(&instance.state) > gravity(&entry.state) {
        entry.state.clone_from(&instance.state);
        entry.cause.clone_from(&instance.cause);
        entry.state_by = 1;
    }
}

/// How much a state matters to who looks at it. A word of a newer process stands in the middle.
fn gravity(state: &str) -> u8 {
    match state {
        "" => 0,
        "up" => 1,
        "warming" => 2,
        "untried" => 3,
        "draining" => 5,
        "failing" => 6,
        "unhealthy" => 7,
        "ejected" => 8,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_state_is_told_with_its_cause_and_who_sees_it() {
        let rows: [(&[&str], &str, u32); 6] = [
            (&["up", "up"], "up", 2),
            (&["up", "ejected"], "ejected", 1),
            (&["ejected", "up", "ejected"], "ejected", 2),
            (&["untried", "up"], "untried", 1),
            (&["failing", "unhealthy", "warming"], "unhealthy", 1),
            (&["", ""], "", 2),
        ];
        for (states, expected, by) in rows {
            let snapshot = |state: &&str| {
                let cause = if *state == "up" { "" } else { "because" };
                let instance =
                    Instance { state: (*state).into(), cause: cause.into(), ..Instance::default() };
                Snapshot { instances: vec![instance], ..Snapshot::default() }
            };
            let snapshots: Vec<_> = states.iter().map(snapshot).collect();
            let told = merged(&snapshots.iter().collect::<Vec<_>>());
            let cause = if expected == "up" { "" } else { "because" };
            let one = (told.len(), told[0].state.as_str(), told[0].state_by, told[0].cause.as_str());
            assert_eq!(one, (1, expected, by, cause), "{states:?}");
        }
    }
}
