//! What a process of the store tells of itself, second by second: followed by the console as gateways are.

use std::sync::Arc;
use std::time::SystemTime;
use tenet_release::{Current, STORE};
use tenet_telemetry::{Collector, GaugeId, ProcessInfo};

/// A collector of the process with this name, in this zone.
pub fn collector(name: &str, zone: &str, serving: Current) -> Arc<Collector> {
    Arc::new(Collector::new(ProcessInfo {
        name: name.to_owned(),
        role: STORE.to_owned(),
        zone: zone.to_owned(),
        release: serving.hash.to_string(),
        epoch: serving.epoch,
        version: env!("CARGO_PKG_VERSION").into(),
        started: SystemTime::now(),
    }))
}

/// Says that the process ends.
pub fn end(collector: &Collector) {
    collector.set_gauge(GaugeId::Draining, 1);
}
