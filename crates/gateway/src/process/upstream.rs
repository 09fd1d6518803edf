//! What is told of services and instances once a second, and what is watched of them meanwhile: judgement, health checks, discovery.

use super::Process;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tenet_resilience::capacity::{Capacity, InstanceSecond};
use tenet_telemetry::{
    Alarm, CapacityView, CounterId, DnsView, Event, EventKind, GaugeId, RefusedBy, Severity, UpstreamView,
};
use tenet_upstream::{Checker, Happening, HealthChange, InstanceView, Judgement, LookupsView, ServiceView};

/// How often instances are judged at most: the shortest interval of ejection that can be configured.
const JUDGE_PAUSE: Duration = Duration::from_millis(100);

/// Judges instances for as long as the process lives.
pub async fn judge(process: Arc<Process>) {
    let mut judgement = Judgement::new();
    loop {
        tokio::time::sleep(JUDGE_PAUSE).await;
        judgement.pass(&process.upstream);
    }
}

/// Begins to ask instances whether they serve; it ends with what is returned.
pub fn check_health(process: &Arc<Process>) -> Checker {
    let told = Arc::downgrade(process);
    Checker::start(&process.upstream, move |change: HealthChange| {
        let Some(process) = told.upgrade() else { return };
        let HealthChange { instance, healthy, cause, .. } = change;
        let (kind, state) = if healthy {
            (EventKind::InstanceUp, "serves again")
        } else {
            (EventKind::InstanceDown, "does not serve")
        };
        let text = format!("{instance} {state}: {cause}");
        process.collector.event(Event { kind, at: SystemTime::now(), subject: instance.to_string(), text });
    })
}

/// What the N−1 alarm of a service is known by.
fn alarm_id(service: &str) -> String {
    format!("capacity {service}")
}

/// What was told last, and what is remembered from second to second.
#[derive(Default)]
pub struct Reporter {
    before: Totals,
    instances: HashMap<(Arc<str>, Arc<str>), Before>,
    capacity: HashMap<Arc<str>, Capacity>,
    offered: HashMap<usize, u64>,
}

/// Sums over what upstream knows. Instances that leave take their totals with them, so a sum may shrink; it counts from there.
#[derive(Default)]
struct Totals {
    connects: u64,
    connect_failures: u64,
    attempts: u64,
}

/// One instance a second ago.
#[derive(Clone, Copy, Default)]
struct Before {
    finished: u64,
    failures: u64,
    answered: Duration,
}

impl Reporter {
    /// Tells the collector how things are. Called once a second, before it closes the second.
    pub fn report(&mut self, process: &Process) {
        let instances = process.upstream.view();
        let services = process.upstream.service_views();
        self.totals(process, &instances, &services);
        for told in process.upstream.take_told() {
            let kind = match told.what {
                Happening::Ejected => EventKind::Ejection,
                Happening::Returned | Happening::Up => EventKind::InstanceUp,
                Happening::Down | Happening::Panic => EventKind::InstanceDown,
            };
            process.collector.event(Event { kind, at: told.at, subject: told.subject, text: told.text });
        }
        let views = services.iter().map(|service| self.service(process, service, &instances)).collect();
        process.collector.set_upstreams(views);
        process.collector.set_instances(instances.iter().map(instance_view).collect());
        self.instances =
            instances.iter().map(|one| ((one.service.clone(), one.id.clone()), Before::of(one))).collect();
        self.capacity.retain(|name, _| {
            let stays = services.iter().any(|service| service.name == *name);
            if !stays {
                process.collector.clear(&alarm_id(name), SystemTime::now());
            }
            stays
        });
        self.offered.retain(|number, _| services.iter().any(|service| service.number == *number));
    }

    fn totals(&mut self, process: &Process, instances: &[InstanceView], services: &[ServiceView]) {
        let now = Totals {
            connects: instances.iter().map(|instance| instance.connects).sum(),
            connect_failures: instances.iter().map(|instance| instance.connect_failures).sum(),
            attempts: services.iter().map(|service| service.attempts).sum(),
        };
        let before = std::mem::replace(&mut self.before, now);
        let (now, collector) = (&self.before, &process.collector);
        collector.count(CounterId::Attempts, now.attempts.saturating_sub(before.attempts));
        collector.count(CounterId::UpstreamConnects, now.connects.saturating_sub(before.connects));
        collector.count(
            CounterId::UpstreamConnectFailures,
            now.connect_failures.saturating_sub(before.connect_failures),
        );
        let open: u64 = instances.iter().map(|instance| instance.open_connections).sum();
        collector.set_gauge(GaugeId::UpstreamConnections, open as i64);
        collector.set_gauge(GaugeId::TreeCeiling, 1 + i64::from(process.current().allowance));
    }

    fn service(&mut self, process: &Process, service: &ServiceView, all: &[InstanceView]) -> UpstreamView {
        let counts = process.admission(service.number);
        let shed = counts.shed();
        let limit = &service.limiter;
        UpstreamView {
            service: service.name.to_string(),
            calls: service.calls,
            attempts: service.attempts,
            retries: service.retries.clone(),
            hedges: service.hedges,
            hedges_won: service.hedges_won,
            retries_refused: service.refused.iter().map(|(by, times)| (refused(*by), *times)).collect(),
            budget_left: service.budget_left,
            in_flight: limit.in_flight(),
            queued: counts.queued(),
            limit: if limit.is_adaptive() { limit.limit() } else { 0 },
            queue_time: counts.take_waited(),
            shed,
            health_checks: service.checks.clone(),
            dns: process.lookups(&service.name).map(dns_view),
            ejections: service.ejections,
            ejected: service.ejected,
            panic: service.panic,
            capacity: self.capacity(process, service, shed.iter().sum(), all),
        }
    }

    /// The N−1 gauge of a service, and its alarm.
    fn capacity(
        &mut self,
        process: &Process,
        service: &ServiceView,
        shed: u64,
        all: &[InstanceView],
    ) -> Option<CapacityView> {
        let of_service = all.iter().filter(|instance| instance.service == service.name);
        let seconds: Vec<InstanceSecond> = of_service
            .map(|instance| {
                let key = (instance.service.clone(), instance.id.clone());
                let before = self.instances.get(&key).copied().unwrap_or(Before::of(instance));
                let requests = instance.finished.saturating_sub(before.finished);
                let failures = instance.failures.saturating_sub(before.failures);
                let answered = requests.saturating_sub(failures);
                let took = instance.answered.saturating_sub(before.answered);
                InstanceSecond {
                    id: instance.id.clone(),
                    zone: instance.zone,
                    requests: answered,
                    latency: (answered > 0).then(|| took / u32::try_from(answered).unwrap_or(u32::MAX)),
                    utilisation: instance.utilisation,
                    usable: instance.health.is_used(),
                }
            })
            .collect();
        let total = service.calls + shed;
        let before = self.offered.insert(service.number, total).unwrap_or(total);
        let capacity = self.capacity.entry(service.name.clone()).or_default();
        let offered = total.saturating_sub(before);
        let id = alarm_id(&service.name);
        let Some(gauge) = capacity.second(process.upstream.now(), offered, &seconds) else {
            process.collector.clear(&id, SystemTime::now());
            return None;
        };
        let zones = &process.current().names.zones;
        let lost = gauge.lost.describe(|zone| zones.get(usize::from(zone)).map_or("", String::as_str));
        if gauge.alarm {
            process.collector.raise(Alarm {
                id,
                severity: Severity::Warning,
                subject: service.name.to_string(),
                text: format!(
                    "without {lost}, {} could carry {:.0} % of today's peak of {:.0} calls a second",
                    service.name,
                    gauge.share * 100.0,
                    gauge.peak
                ),
                since: SystemTime::now(),
            });
        } else {
            process.collector.clear(&id, SystemTime::now());
        }
        Some(CapacityView {
            share: gauge.share,
            lost,
            basis: gauge.basis.word().to_owned(),
            peak_rps: gauge.peak,
            left_rps: gauge.left,
        })
    }
}

impl Before {
    fn of(instance: &InstanceView) -> Before {
        Before { finished: instance.finished, failures: instance.failures, answered: instance.answered }
    }
}

fn dns_view(view: LookupsView) -> DnsView {
    let LookupsView { answered, empty, away, age } = view;
    DnsView { answered, empty, away, age }
}

fn refused(by: tenet_resilience::call::RefusedBy) -> RefusedBy {
    use tenet_resilience::call::RefusedBy as By;
    match by {
        By::Budget => RefusedBy::Budget,
        By::Allowance => RefusedBy::Allowance,
        By::Deadline => RefusedBy::Deadline,
        By::Pushback => RefusedBy::Pushback,
    }
}

fn instance_view(instance: &InstanceView) -> tenet_telemetry::InstanceView {
    tenet_telemetry::InstanceView {
        service: instance.service.to_string(),
        id: instance.id.to_string(),
        address: instance.address.to_string(),
        zone: instance.zone_name.to_string(),
        healthy: instance.health.is_used(),
        state: instance.health.word().to_owned(),
        cause: instance.cause.clone(),
        open_connections: instance.open_connections,
        idle_connections: instance.idle_connections,
        in_flight: instance.in_flight,
        pending: instance.pending,
        calls: instance.calls,
        failures: instance.failures,
        refusals: instance.refusals,
        ejections: instance.ejections,
        latency_us: instance.latency.map_or(0, |latency| latency.as_micros() as u64),
        utilisation_percent: instance.utilisation.map(|share| (share * 100.0).round() as u32),
    }
}
