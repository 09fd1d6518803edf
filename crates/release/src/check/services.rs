//! Services: names, where instances come from, zones, calls.

use super::{Check, dns};
use crate::builtin::STORE;
use crate::config::{Protocol, Service};
use crate::problems::did_you_mean;
use std::collections::{BTreeMap, BTreeSet};

/// Longest service or zone name: both are metric labels and parts of instance ids.
const MAX_NAME: usize = 63;
/// Most instances `tenet up` starts of one service; a typing error must not fork a machine to death.
const MAX_CHILDREN: usize = 256;
/// Weights of instances, in percent: a machine ten times the ordinary one is another machine, and 0 would be no instance.
const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=1000;

pub(super) fn check(check: &mut Check<'_>) {
    let mut addresses = BTreeMap::new();
    for (name, service) in &check.config.services {
        if let Err(expected) = valid_name(name) {
            check.wrong(&["services", name], &format!("found the name {name:?}, expected {expected}"));
        }
        source_of_instances(check, name, service);
        zones(check, name, service);
        calls(check, name, service);
        protocol(check, name, service);
        environment(check, name, service);
        if let Some(found) = &service.dns {
            dns::check(check, name, found);
        }
        for (index, instance) in service.instances.iter().enumerate() {
            let index = index.to_string();
            let path = ["services", name, "instances", &index, "address"];
            if instance.address.port() == 0 || instance.address.ip().is_unspecified() {
                let found =
                    format!("found {}, expected an address that can be connected to", instance.address);
                check.wrong(&path, &found);
            }
            if let Some(other) = addresses.insert(instance.address, name) {
                let message = format!("{} is already an instance of `{other}`", instance.address);
                check.wrong(&path, &message);
            }
            if !WEIGHTS.contains(&instance.weight) {
                let message = format!("found {}, expected 1 to 1000 (percent)", instance.weight);
                check.wrong(&["services", name, "instances", &index, "weight"], &message);
            }
            if !instance.zone.is_empty()
                && let Err(expected) = valid_name(&instance.zone)
            {
                let message = format!("found {:?}, expected {expected}", instance.zone);
                check.wrong(&["services", name, "instances", &index, "zone"], &message);
            }
        }
    }
}

/// Names become metric labels, ids and environment variables, so they keep to what all three allow.
pub(super) fn valid_name(name: &str) -> Result<(), &'static str> {
    let fits = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if fits { Ok(()) } else { Err("1 to 63 of a-z, 0-9, - and _, beginning with a letter") }
}

fn source_of_instances(check: &mut Check<'_>, name: &str, service: &Service) {
    let elsewhere = !service.instances.is_empty() || service.dns.is_some();
    if service.dns.is_some() && (service.command.is_some() || !service.instances.is_empty()) {
        let other = if service.command.is_some() { "command" } else { "instances" };
        let message = format!("found both `{other}` and `dns`, expected one source of instances");
        check.wrong(&["services", name, "dns"], &message);
    }
    match (&service.command, elsewhere) {
        (Some(_), true) if service.instances.is_empty() => {}
        (Some(_), true) => check.wrong(
            &["services", name, "instances"],
            "found both `command` and `instances`, expected one: Tenet runs a service, or it runs elsewhere",
        ),
        (None, false) => {
            check.wrong(
                &["services", name],
                "found none of `command`, `instances` and `dns`, expected one of them",
            );
        }
        (None, true) => {
            for (key, set) in [("per_zone", service.per_zone.is_some()), ("zones", service.zones.is_some())] {
                if set {
                    check.wrong(&["services", name, key], "only a service with a `command` has it");
                }
            }
        }
        (Some(command), false) => match shlex::split(command) {
            None => check.wrong(&["services", name, "command"], "a quotation mark is not closed"),
            Some(words) if words.is_empty() => {
                check.wrong(
                    &["services", name, "command"],
                    "found nothing, expected a program and its arguments",
                );
            }
            Some(_) => {}
        },
    }
}

fn zones(check: &mut Check<'_>, name: &str, service: &Service) {
    let zones = service.zones();
    if zones.is_empty() {
        check.wrong(&["services", name, "zones"], "found none, expected at least one zone");
    }
    let mut seen = BTreeSet::new();
    for (index, zone) in zones.iter().enumerate() {
        let index = index.to_string();
        let path = ["services", name, "zones", &index];
        if let Err(expected) = valid_name(zone) {
            check.wrong(&path, &format!("found {zone:?}, expected {expected}"));
        }
        if !seen.insert(zone) {
            check.wrong(&path, &format!("zone {zone:?} is there twice"));
        }
    }
    let per_zone = usize::try_from(service.per_zone()).unwrap_or(usize::MAX);
    let children = zones.len().saturating_mul(per_zone);
    if per_zone == 0 || children > MAX_CHILDREN {
        let message =
            format!("found {per_zone} in each of {} zones, expected 1 to {MAX_CHILDREN} in all", zones.len());
        check.wrong(&["services", name, "per_zone"], &message);
    }
}

fn calls(check: &mut Check<'_>, name: &str, service: &Service) {
    for (index, called) in service.calls.iter().enumerate() {
        let index = index.to_string();
        let path = ["services", name, "calls", &index];
        let builtin = called == STORE && check.config.keeps_anything();
        if !builtin && !check.config.services.contains_key(called) {
            let hint = did_you_mean(called, check.config.services.keys().map(String::as_str));
            check.wrong_with_hint(&path, &format!("there is no service `{called}`"), hint);
        }
    }
}

fn protocol(check: &mut Check<'_>, name: &str, service: &Service) {
    if !service.serves.is_empty() && service.protocol() != Protocol::Grpc {
        let message = "a service that serves contracts speaks `grpc`; plain HTTP is reached through [[http]]";
        check.wrong(&["services", name, "protocol"], message);
    }
    if service.auto_bindings && service.serves.is_empty() {
        let message = "it gives bindings to methods, but the service serves no contract";
        check.wrong(&["services", name, "auto_bindings"], message);
    }
}

fn environment(check: &mut Check<'_>, name: &str, service: &Service) {
    for (key, value) in &service.env {
        let path = ["services", name, "env", key];
        if key.is_empty() || key.contains(['=', '\0']) || value.contains('\0') {
            check.wrong(&path, "expected a name without `=`, and neither with a NUL");
        }
        if crate::node::SERVICE_VARIABLES.contains(&key.as_str()) {
            check.wrong(&path, "Tenet sets it for every child, so it cannot be given here");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_labels_ids_and_variables() {
        for name in ["a", "user-data", "v2_x", &"a".repeat(63)] {
            assert_eq!(valid_name(name), Ok(()), "{name}");
        }
        for name in ["", "A", "1a", "-a", "a b", "ä", "a/b", &"a".repeat(64)] {
            assert!(valid_name(name).is_err(), "{name}");
        }
    }
}
