//! Instances that are found by DNS: one discovery for each service whose configuration asks for it, restarted where that changes.

use super::Process;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;
use tenet_release::config::Dns;
use tenet_release::roster::RosterInstance;
use tenet_telemetry::{Event, EventKind};
use tenet_upstream::{Discovered, Discovery, DnsEvent, DnsEventKind, DnsQuestion, DnsSource};
use tokio::task::JoinHandle;

/// The sources that are asked now, by service.
#[derive(Default)]
pub struct Sources {
    running: BTreeMap<String, Source>,
}

struct Source {
    dns: Dns,
    following: JoinHandle<()>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Sources {
    /// Begins to ask the sources of the program in force that are new, and ends those that it no longer names.
    pub fn follow(&mut self, process: &Arc<Process>) {
        let program = process.current();
        let services = &program.release.config.services;
        let gone: Vec<String> = self
            .running
            .iter()
            .filter(|(name, source)| {
                services.get(*name).and_then(|one| one.dns.as_ref()) != Some(&source.dns)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.running.remove(&name);
            process.set_lookups(&name, None);
            adopt(process, name, None);
        }
        for (name, service) in services {
            let Some(dns) = &service.dns else { continue };
            if self.running.contains_key(name) {
                continue;
            }
            match start(process, name, dns) {
                Ok(following) => {
                    self.running.insert(name.clone(), Source { dns: dns.clone(), following });
                }
                Err(error) => tracing::error!(service = name, "DNS is not asked: {error}"),
            }
        }
    }
}

fn start(process: &Arc<Process>, name: &str, dns: &Dns) -> Result<JoinHandle<()>, String> {
    let question = match (&dns.name, &dns.srv) {
        (Some(host), _) => DnsQuestion::Name { host: host.clone(), port: dns.port.unwrap_or(0) },
        (None, Some(srv)) => DnsQuestion::Srv { name: srv.clone() },
        (None, None) => return Err("neither `name` nor `srv` is given".into()),
    };
    let source = DnsSource {
        service: name.into(),
        question,
        resolver: dns.resolver,
        min_ttl: dns.min_ttl.duration(),
        max_ttl: dns.max_ttl.duration(),
        zone: dns.zone.as_str().into(),
    };
    let told = Arc::downgrade(process);
    let discovery = Discovery::start(source, move |event: DnsEvent| {
        let Some(process) = told.upgrade() else { return };
        let kind = match event.kind {
            DnsEventKind::Away | DnsEventKind::Empty => EventKind::InstanceDown,
            DnsEventKind::Back => EventKind::InstanceUp,
            DnsEventKind::Changed => EventKind::Scale,
        };
        let (subject, text) =
            (event.service.to_string(), format!("DNS of {}: {}", event.service, event.text));
        process.collector.event(Event { kind, at: SystemTime::now(), subject, text });
    })
    .map_err(|error| error.to_string())?;
    process.set_lookups(name, Some(discovery.lookups()));
    let (process, name) = (Arc::downgrade(process), name.to_owned());
    Ok(tokio::spawn(async move {
        let mut found = discovery.instances();
        while found.changed().await.is_ok() {
            let Some(process) = process.upgrade() else { return };
            let instances = found.borrow_and_update().iter().map(instance).collect();
            adopt(&process, name.clone(), Some(instances));
        }
    }))
}

fn instance(found: &Discovered) -> RosterInstance {
    RosterInstance {
        id: found.id.to_string(),
        address: found.address,
        zone: found.zone.to_string(),
        weight: found.weight_percent,
        version: String::new(),
    }
}

/// Beside the clock: a new zone means a new program.
fn adopt(process: &Arc<Process>, service: String, found: Option<Vec<RosterInstance>>) {
    let process = process.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = process.adopt_discovered(&service, found) {
            tracing::error!(service, "what DNS says was not taken over: {error}");
        }
    });
}
