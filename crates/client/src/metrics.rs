//! What a client shows of itself: views for programs, and text for a `/metrics` page, under the names the gateway uses.

use std::fmt::Write;
use tenet_upstream::{InstanceView, ServiceView};

/// How a client, its service and the instances stand.
#[derive(Clone, Debug)]
pub struct Views {
    /// The client's service: one row.
    pub services: Vec<ServiceView>,
    /// Every instance that is there, or still has connections or calls.
    pub instances: Vec<InstanceView>,
    /// Calls that were begun and whose answer is not read.
    pub in_flight: usize,
    /// Calls that were refused at the door because too many were under way.
    pub refused: u64,
}

impl Views {
    /// Appends the views of several clients as OpenMetrics 1.0 families, without the `# EOF` that ends a page.
    pub fn write(views: &[Views], out: &mut String) {
        write(views, out);
    }
}

/// A family of one value for each `T`.
struct Family<T> {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&T) -> u64,
}

const OF_SERVICES: [Family<ServiceView>; 7] = [
    Family { name: "tenet_upstream_calls", kind: "counter", help: "Calls asked for.", value: |s| s.calls },
    Family {
        name: "tenet_upstream_attempts",
        kind: "counter",
        help: "Attempts sent.",
        value: |s| s.attempts,
    },
    Family {
        name: "tenet_upstream_hedges",
        kind: "counter",
        help: "Second attempts beside a silent first one.",
        value: |s| s.hedges,
    },
    Family {
        name: "tenet_upstream_hedges_won",
        kind: "counter",
        help: "Second attempts that answered first.",
        value: |s| s.hedges_won,
    },
    Family {
        name: "tenet_upstream_ejections",
        kind: "counter",
        help: "Instances taken out because of how they answered.",
        value: |s| s.ejections,
    },
    Family {
        name: "tenet_upstream_budget_left",
        kind: "gauge",
        help: "Repetitions the budget would pay for now.",
        value: |s| s.budget_left,
    },
    Family {
        name: "tenet_upstream_panic",
        kind: "gauge",
        help: "1 while too few instances are usable to leave any out.",
        value: |s| s.panic.into(),
    },
];

/// Under the names that a gateway's page has for them.
const OF_INSTANCES: [Family<InstanceView>; 7] = [
    Family { name: "tenet_instance_calls", kind: "counter", help: "Attempts sent.", value: |i| i.calls },
    Family {
        name: "tenet_instance_failures",
        kind: "counter",
        help: "Attempts that failed because of it.",
        value: |i| i.failures,
    },
    Family {
        name: "tenet_instance_refusals",
        kind: "counter",
        help: "Attempts it did nothing of because it was full.",
        value: |i| i.refusals,
    },
    Family {
        name: "tenet_instance_ejections",
        kind: "counter",
        help: "Times it was taken out because of how it answered.",
        value: |i| i.ejections,
    },
    Family {
        name: "tenet_instance_connections",
        kind: "gauge",
        help: "Open connections.",
        value: |i| i.open_connections,
    },
    Family {
        name: "tenet_instance_calls_pending",
        kind: "gauge",
        help: "Calls that wait for a connection.",
        value: |i| i.pending,
    },
    Family {
        name: "tenet_instance_requests_in_flight",
        kind: "gauge",
        help: "Attempts under way.",
        value: |i| i.in_flight,
    },
];

impl<T> Family<T> {
    /// Begins the family and writes a sample for each row.
    fn write<'a>(&self, out: &mut String, rows: impl Iterator<Item = &'a T>, labels: impl Fn(&T) -> String)
    where
        T: 'a,
    {
        begin(out, self.name, self.kind, self.help);
        let suffix = if self.kind == "counter" { "_total" } else { "" };
        for row in rows {
            let _ = writeln!(out, "{}{suffix}{{{}}} {}", self.name, labels(row), (self.value)(row));
        }
    }
}

/// What a sample is about.
fn labels(instance: &InstanceView) -> String {
    let (service, id, zone) =
        (Escaped(&instance.service), Escaped(&instance.id), Escaped(&instance.zone_name));
    format!("service=\"{service}\",instance_id=\"{id}\",address=\"{}\",zone=\"{zone}\"", instance.address)
}

/// Writing to a string cannot fail, so results are not looked at.
pub(crate) fn write(views: &[Views], out: &mut String) {
    let services = || views.iter().flat_map(|view| view.services.iter());
    for family in &OF_SERVICES {
        family.write(out, services(), |service| format!("service=\"{}\"", Escaped(&service.name)));
    }
    begin(out, "tenet_upstream_retries", "counter", "Repetitions, by the failure before them.");
    for service in services() {
        for (cause, times) in &service.retries {
            let (name, cause) = (Escaped(&service.name), cause.name());
            let _ =
                writeln!(out, "tenet_upstream_retries_total{{service=\"{name}\",cause=\"{cause}\"}} {times}");
        }
    }
    begin(out, "tenet_upstream_retries_refused", "counter", "Repetitions not made, by what refused them.");
    for service in services() {
        for (by, times) in &service.refused {
            let (name, by) = (Escaped(&service.name), by.word());
            let _ = writeln!(
                out,
                "tenet_upstream_retries_refused_total{{service=\"{name}\",by=\"{by}\"}} {times}"
            );
        }
    }
    begin(out, "tenet_client_in_flight", "gauge", "Calls begun whose answer is not read.");
    for view in views {
        of_client(out, view, "tenet_client_in_flight", view.in_flight as u64);
    }
    begin(out, "tenet_client_refused", "counter", "Calls refused because too many were under way.");
    for view in views {
        of_client(out, view, "tenet_client_refused_total", view.refused);
    }
    let instances = || views.iter().flat_map(|view| view.instances.iter());
    for family in &OF_INSTANCES {
        family.write(out, instances(), labels);
    }
    begin(out, "tenet_instance_state", "gauge", "How each instance stands: 1 for the state it is in.");
    for instance in instances() {
        let state = instance.health.word();
        let _ = writeln!(out, "tenet_instance_state{{{},state=\"{state}\"}} 1", labels(instance));
    }
}

fn of_client(out: &mut String, view: &Views, name: &str, value: u64) {
    for service in &view.services {
        let _ = writeln!(out, "{name}{{service=\"{}\"}} {value}", Escaped(&service.name));
    }
}

fn begin(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# TYPE {name} {kind}\n# HELP {name} {help}");
}

/// A label's value (OpenMetrics 1.0, "Escaping").
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
