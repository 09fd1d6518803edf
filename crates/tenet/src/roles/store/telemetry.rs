//! What a process of the store tells of itself, second by second: followed by the console as gateways are.

use std::sync::Arc;
use std::time::SystemTime;
use tenet_release::{Current, STORE};
use tenet_store::owner::Owner;
use tenet_telemetry::{Alarm, Collector, GaugeId, ProcessInfo, Severity};

/// The alarm of an engine that cannot be reached.
const ENGINE_AWAY: &str = "store-engine-away";

/// A collector of the process with this name, in this zone.
pub fn collector(name: &str, zone: &str, serving: Current) -> Arc<Collector> {
    Arc::new(Collector::new(ProcessInfo {
        name: name.to_owned(),
        role: STORE.to_owned(),
        zone: zone.to_owned(),
        release: serving.hash.short(),
        epoch: serving.epoch,
        version: env!("CARGO_PKG_VERSION").into(),
        started: SystemTime::now(),
    }))
}

/// Closes each second, until it is dropped. The engine is not asked anything for it.
pub async fn keep_time(collector: Arc<Collector>, owner: Owner) {
    loop {
        tenet_telemetry::second_close().await;
        let now = SystemTime::now();
        let store = owner.tell_metrics();
        if store.problem.is_empty() {
            collector.clear(ENGINE_AWAY, now);
        } else {
            let text = format!("the engine {} cannot be reached: {}", store.engine, store.problem);
            let (id, subject) = (ENGINE_AWAY.to_owned(), STORE.to_owned());
            collector.raise(Alarm { id, severity: Severity::Critical, subject, text, since: now });
        }
        collector.set_store(store);
        collector.tick(now);
    }
}

/// Says that the process ends, and lets go of those who follow it.
pub fn end(collector: &Collector) {
    collector.set_gauge(GaugeId::Draining, 1);
    collector.end();
}
