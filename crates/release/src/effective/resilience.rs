//! The resilience of a method's service, as `tenet explain` prints it: what somebody wrote on lines of its own, what nobody did on one
//! line a section. Forty lines of defaults would hide the one that was changed.

use super::{Effective, Setting, only};
use crate::config::resilience::{Entry, Origin};
use crate::{CONFIG_FILE, Config};

/// Every value that holds for the calls to `service`; nothing where no service serves the method.
pub(super) fn effective(config: &Config, service: Option<&str>) -> Vec<Effective> {
    let Some(service) = service else { return Vec::new() };
    let mut out = Vec::new();
    let entries = config.explain_resilience(service);
    for section in entries.chunk_by(|one, other| one.section == other.section) {
        let (default, written): (Vec<&Entry>, Vec<&Entry>) =
            section.iter().partition(|entry| entry.origin == Origin::Default);
        out.extend(written.into_iter().map(|entry| written_line(service, entry)));
        if let Some(first) = default.first() {
            let values: Vec<String> = default.iter().map(|entry| said(entry.key, &entry.value)).collect();
            out.push(only(first.section, values.join(", "), "default"));
        }
    }
    out
}

fn written_line(service: &str, entry: &Entry) -> Effective {
    let in_fleet = format!("{CONFIG_FILE} resilience.{}.{}", entry.section, entry.key);
    let source = match entry.origin {
        Origin::Service => {
            format!("{CONFIG_FILE} services.{service}.resilience.{}.{}", entry.section, entry.key)
        }
        Origin::Fleet | Origin::Default => in_fleet.clone(),
    };
    let losers = entry.beaten.iter().map(|value| Setting::new(said(entry.key, value), in_fleet.clone()));
    Effective {
        what: entry.section,
        winner: Setting::new(said(entry.key, &entry.value), source),
        losers: losers.collect(),
    }
}

fn said(key: &str, value: &str) -> String {
    format!("{key} {value}")
}
