//! Adding up a process: threads submit, the clock closes a second, followers read it.

use crate::{Alarm, CounterId, Delta, Event, GaugeId, InstanceView, Names, ProcessInfo};
use std::sync::Arc;
use std::time::SystemTime;
use tenet_api::telemetry::v1::Snapshot;

/// The measurements of one process. Shared by all its threads, never touched on the request path.
pub struct Collector {}

#[allow(missing_docs, unused, clippy::todo, clippy::needless_pass_by_value)]
impl Collector {
    pub fn new(process: ProcessInfo) -> Collector {
        todo!()
    }
    pub fn set_release(&self, release: &str, epoch: u64) {
        todo!()
    }
    pub fn submit(&self, names: &Arc<Names>, delta: Delta) {
        todo!()
    }
    pub fn count(&self, id: CounterId, n: u64) {
        todo!()
    }
    pub fn gauge(&self, id: GaugeId, change: i64) {
        todo!()
    }
    pub fn set_gauge(&self, id: GaugeId, value: i64) {
        todo!()
    }
    pub fn set_instances(&self, instances: Vec<InstanceView>) {
        todo!()
    }
    pub fn event(&self, event: Event) {
        todo!()
    }
    pub fn raise(&self, alarm: Alarm) {
        todo!()
    }
    pub fn clear(&self, id: &str, at: SystemTime) {
        todo!()
    }
    pub fn tick(&self, now: SystemTime) {
        todo!()
    }
    pub fn snapshot(&self) -> Arc<Snapshot> {
        todo!()
    }
    pub fn openmetrics(&self, out: &mut String) {
        todo!()
    }
}
