//! Which value holds for a method, where it came from and what it beat: what `tenet explain METHOD` prints.

mod collection;
mod resilience;

use crate::{CONFIG_FILE, Release, STORE};
use std::time::Duration;
use tenet_contract::{Idempotency, Method, Priority, Service, Visibility};

/// One value that holds for a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// What it is: `deadline`, `group`, `visibility`.
    pub what: &'static str,
    /// The value that holds, and why it does.
    pub winner: Setting,
    /// Values that were also given, and lost.
    pub losers: Vec<Setting>,
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As a person writes it.
    pub value: String,
    /// `contract accounts.proto:12`, `tenet.toml services.accounts.deadline` or `default`.
    pub source: String,
}

impl Setting {
    fn new(value: impl Into<String>, source: impl Into<String>) -> Setting {
        Setting { value: value.into(), source: source.into() }
    }
}

impl Release {
    /// The longest a call of this method may take: the smallest of what its contract, its service and the gateway say. Where none of
    /// them says anything, the default of `gateway.deadline`; it cuts nothing that somebody wrote. The gateway's deadline is for calls
    /// that ask and are answered; a streaming method has none but what its contract or its service says, and then no longer than the
    /// gateway's `max_deadline`.
    pub fn deadline(&self, method: &Method) -> Option<Duration> {
        self.deadlines(method).into_iter().map(|(deadline, _)| deadline).min()
    }

    /// Every deadline that was said for a method, and where; the smallest holds.
    fn deadlines(&self, method: &Method) -> Vec<(Duration, String)> {
        let service = self.contract.service_of(method);
        let gateway = &self.config.gateway;
        let defaults = crate::config::Gateway::default();
        let mut said = Vec::new();
        if let Some(deadline) = method.deadline {
            said.push((deadline, format!("contract {}:{}", method.file, method.line)));
        }
        let entry = self.service_of(&service.full_name).and_then(|name| self.config.services.get(name));
        if let Some(deadline) = entry.and_then(|service| service.deadline) {
            said.push((deadline.duration(), toml_key(self, service, "deadline")));
        }
        let streaming = method.client_streaming || method.server_streaming;
        let (deadline, source) = match (streaming, gateway.deadline) {
            // A stream about which nobody said anything may last.
            (true, _) if said.is_empty() => return said,
            (true, _) if gateway.max_deadline == defaults.max_deadline => {
                (gateway.max_deadline, "default".into())
            }
            (true, _) => (gateway.max_deadline, format!("{CONFIG_FILE} gateway.max_deadline")),
            (false, Some(deadline)) => (deadline, format!("{CONFIG_FILE} gateway.deadline")),
            (false, None) if said.is_empty() => (gateway.deadline(), "default".into()),
            // Nobody wrote the default: it must not cut a promise that somebody did.
            (false, None) => return said,
        };
        said.push((deadline.duration(), source));
        said
    }

    /// Every effective value of `method` (`pkg.Service/Method`), or `None` if no contract declares it.
    pub fn effective(&self, method: &str) -> Option<Vec<Effective>> {
        let (index, method) = self.contract.method(method)?;
        let service = self.contract.service_of(method);
        let contract = format!("contract {}:{}", method.file, method.line);
        let at_service = format!("contract {}:{}", service.file, service.line);
        let mut out = vec![self.served_by(&service.full_name)];
        out.extend(self.contract.endpoints_of(index).map(|endpoint| {
            let source =
                if endpoint.automatic { toml_key(self, service, "auto_bindings") } else { contract.clone() };
            let value = if endpoint.public {
                endpoint.name.clone()
            } else {
                format!("{} (not public)", endpoint.name)
            };
            only("endpoint", value, source)
        }));
        out.push(self.effective_deadline(method));
        out.push(given("group", &service.group, service.group != package(service), &at_service));
        out.push(given("owner", or_dash(&service.owner), !service.owner.is_empty(), &at_service));
        let internal = service.visibility == Visibility::Internal;
        out.push(given("visibility", if internal { "INTERNAL" } else { "PUBLIC" }, internal, &at_service));
        let priority = match method.priority {
            Priority::Critical => "CRITICAL",
            Priority::Normal => "NORMAL",
            Priority::Sheddable => "SHEDDABLE",
        };
        out.push(given("priority", priority, method.priority != Priority::Normal, &contract));
        let idempotency = match method.idempotency {
            Idempotency::Unknown => "IDEMPOTENCY_UNKNOWN (not repeated once it may have run)",
            Idempotency::NoSideEffects => "NO_SIDE_EFFECTS",
            Idempotency::Idempotent => "IDEMPOTENT",
        };
        out.push(given("idempotency", idempotency, method.idempotency != Idempotency::Unknown, &contract));
        let hedge = if method.hedge { "asked for" } else { "not asked for" };
        out.push(given("hedge", hedge, method.hedge, &contract));
        let hash_by = method.hash_by.as_ref().map(|hash_by| hash_by.path.to_string());
        out.push(given("hash by", hash_by.as_deref().unwrap_or("-"), hash_by.is_some(), &contract));
        out.push(given("scopes", or_dash(&method.scopes.join(", ")), !method.scopes.is_empty(), &contract));
        let cache = method
            .cache
            .as_ref()
            .map(|cache| format!("fresh {}, stale {}", human(cache.fresh), human(cache.stale)));
        out.push(given("cache", cache.as_deref().unwrap_or("not cached"), cache.is_some(), &contract));
        out.push(given("cost", &method.cost.to_string(), method.cost != 1, &contract));
        out.extend(method.errors.iter().map(|error| {
            let reason = if error.reason.is_empty() { String::new() } else { format!(" {}", error.reason) };
            let text = format!("{}{reason}: {}", error.code.name(), error.description);
            only("error", text.trim_end_matches([':', ' ']), contract.clone())
        }));
        out.extend(self.bounds(service));
        out.extend(resilience::effective(&self.config, self.service_of(&service.full_name)));
        Some(out)
    }

    fn served_by(&self, service: &str) -> Effective {
        match self.service_of(service) {
            Some(STORE) if self.config.store().is_some() => {
                only("service", STORE, "comes with Tenet, because something is kept")
            }
            Some(name) => only("service", name, format!("{CONFIG_FILE} services.{name}.serves")),
            None => only("service", "none: calls end in NO_INSTANCE", "default"),
        }
    }

    fn effective_deadline(&self, method: &Method) -> Effective {
        let mut said = self.deadlines(method);
        // Stable: of two equal ones the more specific is named.
        said.sort_by_key(|(deadline, _)| *deadline);
        let mut said = said.into_iter().map(|(deadline, source)| Setting::new(human(deadline), source));
        let winner = said
            .next()
            .unwrap_or_else(|| Setting::new("none: a stream lasts as long as its caller asks", "default"));
        Effective { what: "deadline", winner, losers: said.collect() }
    }

    /// The bounds on messages and the JSON choices.
    fn bounds(&self, service: &Service) -> Vec<Effective> {
        let limits = &self.config.gateway.limits;
        let defaults = crate::config::Limits::default();
        let entry = self.service_of(&service.full_name).and_then(|name| self.config.services.get(name));
        let of_gateway = |key: &str, changed: bool| {
            if changed { format!("{CONFIG_FILE} gateway.limits.{key}") } else { "default".to_owned() }
        };
        let response_source =
            of_gateway("max_response_message", limits.max_response_message != defaults.max_response_message);
        let everywhere = Setting::new(limits.max_response_message.to_string(), response_source);
        let response = match entry.and_then(|service| service.max_response) {
            Some(size) => Effective {
                what: "response size",
                winner: Setting::new(size.to_string(), toml_key(self, service, "max_response")),
                losers: vec![everywhere],
            },
            None => Effective { what: "response size", winner: everywhere, losers: Vec::new() },
        };
        let json = entry.map(|service| &service.json);
        let choices = [
            ("preserve_field_names", json.is_some_and(|json| json.preserve_field_names)),
            (
                "always_print_fields_without_presence",
                json.is_some_and(|json| json.always_print_fields_without_presence),
            ),
            ("enums_as_numbers", json.is_some_and(|json| json.enums_as_numbers)),
            ("strict", json.is_some_and(|json| json.strict)),
        ];
        let mut out = vec![
            only("request size", limits.body.to_string(), of_gateway("body", limits.body != defaults.body)),
            response,
        ];
        out.extend(
            choices
                .into_iter()
                .filter(|(_, on)| *on)
                .map(|(key, _)| only("json", key, toml_key(self, service, &format!("json.{key}")))),
        );
        out
    }
}

fn toml_key(release: &Release, service: &Service, key: &str) -> String {
    let name = release.service_of(&service.full_name).unwrap_or("?");
    format!("{CONFIG_FILE} services.{name}.{key}")
}

fn only(what: &'static str, value: impl Into<String>, source: impl Into<String>) -> Effective {
    Effective { what, winner: Setting::new(value, source), losers: Vec::new() }
}

fn given(what: &'static str, value: &str, is_given: bool, source: &str) -> Effective {
    only(what, value, if is_given { source } else { "default" })
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn package(service: &Service) -> &str {
    service.full_name.rsplit_once('.').map_or("", |(package, _)| package)
}

/// `1.5s`, `250ms`: contracts may say less than a millisecond, which the units of `tenet.toml` cannot.
fn human(duration: Duration) -> String {
    format!("{duration:?}")
}
