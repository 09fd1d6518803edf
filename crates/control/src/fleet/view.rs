//! What the console reads, as JSON. Durations are nanoseconds, times milliseconds since 1970, unless a name says so.

mod store;
mod upstream;

use super::subjects::EndpointKey;
use serde::Serialize;
pub(crate) use store::{Store, StoreCalls, StoreCollection, StoreIndex, StoreOperation, StoreSize};
use tenet_api::telemetry::v1 as wire;
use tenet_error::Code;
use tenet_telemetry::CounterId;
pub(crate) use upstream::{Capacity, Upstream};

/// What a page needs once.
#[derive(Serialize)]
pub(crate) struct Hello {
    pub(crate) project: String,
    /// Differs from one run of this process to the next.
    pub(crate) boot: i64,
    pub(crate) codes: Vec<CodeRow>,
    pub(crate) counters: Vec<CounterRow>,
    pub(crate) events: Vec<Event>,
    pub(crate) sparks: Vec<Spark>,
    /// The second that the sparks end with.
    pub(crate) second: i64,
}

/// A row of the error catalogue.
#[derive(Serialize)]
pub(crate) struct CodeRow {
    name: &'static str,
    http: u16,
    blame: &'static str,
    title: &'static str,
}

pub(crate) fn codes() -> Vec<CodeRow> {
    let row = |entry: &tenet_error::Entry| CodeRow {
        name: entry.name,
        http: entry.http,
        blame: entry.blame.word(),
        title: entry.title,
    };
    Code::all().iter().map(row).collect()
}

/// A declared counter.
#[derive(Serialize)]
pub(crate) struct CounterRow {
    name: &'static str,
    help: &'static str,
}

pub(crate) fn counters() -> Vec<CounterRow> {
    let row = |id: &CounterId| CounterRow { name: id.family().name, help: id.family().help };
    CounterId::ALL.iter().map(row).collect()
}

/// The fleet at one second.
#[derive(Serialize)]
pub(crate) struct Live {
    pub(crate) boot: i64,
    /// Seconds since 1970.
    pub(crate) second: i64,
    /// Seconds the numbers cover.
    pub(crate) window: u32,
    /// Grows when seconds that were told before have changed: a process was late, or out of reach.
    pub(crate) revision: u64,
    pub(crate) total: Numbers,
    pub(crate) groups: Vec<Group>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) trees: Trees,
    pub(crate) upstreams: Vec<Upstream>,
    /// Absent where no process of it was ever seen.
    pub(crate) store: Option<Store>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) processes: Vec<Process>,
    pub(crate) counters: Vec<Counter>,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) events: Vec<Event>,
}

/// The call trees that began at any gateway in the last ten seconds, whatever the window.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Trees {
    /// Calls at the edge.
    pub(crate) calls: u64,
    /// Extra attempts in their whole trees.
    pub(crate) extra_attempts: u64,
    /// What attempts per call at the edge cannot pass, the highest of all gateways; 0 if none says.
    pub(crate) ceiling: i64,
}

/// All subjects over one window.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) total: Numbers,
    pub(crate) groups: Vec<Group>,
    pub(crate) endpoints: Vec<Endpoint>,
}

/// The numbers of one subject.
#[derive(Default, Serialize)]
pub(crate) struct Numbers {
    pub(crate) count: u64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Errors the caller has to mend.
    pub(crate) refused: u64,
    /// Errors here or behind us.
    pub(crate) failed: u64,
    /// Requests by code, most first.
    pub(crate) codes: Vec<(&'static str, u64)>,
    pub(crate) min: Option<u64>,
    pub(crate) avg: Option<u64>,
    pub(crate) p50: Option<u64>,
    pub(crate) p90: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    /// Attempts at instances that the requests caused.
    pub(crate) attempts: u64,
    /// How many requests were hedged.
    pub(crate) hedges: u64,
    /// How many a hedge answered.
    pub(crate) hedges_won: u64,
    /// The last second alone.
    pub(crate) now: Point,
}

/// One second of one subject.
#[derive(Default, Serialize)]
pub(crate) struct Point {
    pub(crate) count: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    pub(crate) p50: Option<u64>,
    pub(crate) p90: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) max: Option<u64>,
}

#[derive(Serialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) numbers: Numbers,
}

/// What tells one endpoint from another.
#[derive(Serialize)]
pub(crate) struct Key {
    name: String,
    method: String,
    group: String,
    service: String,
}

impl From<&EndpointKey> for Key {
    fn from(key: &EndpointKey) -> Key {
        let EndpointKey { name, method, group, service } = key.clone();
        Key { name, method, group, service }
    }
}

#[derive(Serialize)]
pub(crate) struct Endpoint {
    #[serde(flatten)]
    key: Key,
    #[serde(flatten)]
    numbers: Numbers,
}

impl Endpoint {
    pub(crate) fn new(key: &EndpointKey, numbers: Numbers) -> Endpoint {
        Endpoint { key: key.into(), numbers }
    }
}

/// The last minute of a subject's requests, oldest first.
#[derive(Serialize)]
#[serde(tag = "of", rename_all = "lowercase")]
pub(crate) enum Spark {
    Total {
        counts: Vec<u64>,
    },
    Group {
        group: String,
        counts: Vec<u64>,
    },
    Endpoint {
        #[serde(flatten)]
        key: Key,
        counts: Vec<u64>,
    },
}

/// Columns of equal length.
#[derive(Default, Serialize)]
pub(crate) struct History {
    /// Seconds since 1970, without gaps.
    pub(crate) seconds: Vec<i64>,
    pub(crate) count: Vec<u64>,
    pub(crate) refused: Vec<u64>,
    pub(crate) failed: Vec<u64>,
    pub(crate) p50: Vec<Option<u64>>,
    pub(crate) p90: Vec<Option<u64>>,
    pub(crate) p99: Vec<Option<u64>>,
    pub(crate) max: Vec<Option<u64>>,
}

/// An instance as all processes together see it. Counters count since the processes began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Instance {
    pub(crate) service: String,
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) zone: String,
    /// How many processes know it.
    pub(crate) seen_by: u32,
    /// How many of them send it calls.
    pub(crate) healthy_by: u32,
    /// The gravest state that a process sees it in; empty if none says.
    pub(crate) state: String,
    /// How many see it so.
    pub(crate) state_by: u32,
    /// Why.
    pub(crate) cause: String,
    pub(crate) open_connections: u64,
    pub(crate) idle_connections: u64,
    /// Calls that wait for a connection.
    pub(crate) pending: u64,
    pub(crate) in_flight: u64,
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    /// Attempts that it refused because it was full.
    pub(crate) refusals: u64,
    pub(crate) ejections: u64,
    /// As the balancer knows it that sees it slowest, in microseconds; 0 if unknown.
    pub(crate) latency_us: u64,
    /// As it reports itself.
    pub(crate) utilisation_percent: Option<u32>,
}

/// A process of the platform.
#[derive(Serialize)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) zone: String,
    pub(crate) address: String,
    pub(crate) up: bool,
    /// Why it is not.
    pub(crate) why: String,
    /// Since when it is up or not.
    pub(crate) since: i64,
    pub(crate) release: String,
    pub(crate) epoch: u64,
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) started: i64,
    /// CPU used in the last second, in cores.
    pub(crate) cpu: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) open_descriptors: u64,
    pub(crate) max_descriptors: u64,
    pub(crate) threads: u64,
    /// Of all devices it can see, in bytes per second.
    pub(crate) received: f64,
    pub(crate) sent: f64,
    pub(crate) connections: i64,
    pub(crate) in_flight: i64,
    pub(crate) draining: bool,
}

/// A declared counter, summed over the processes that are up.
#[derive(Serialize)]
pub(crate) struct Counter {
    pub(crate) name: &'static str,
    pub(crate) value: i64,
}

#[derive(Serialize)]
pub(crate) struct Alarm {
    pub(crate) process: String,
    pub(crate) severity: &'static str,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) since: i64,
}

impl Alarm {
    pub(crate) fn new(process: &str, alarm: &wire::Alarm) -> Alarm {
        Alarm {
            process: process.to_owned(),
            severity: match alarm.severity() {
                wire::Severity::Critical => "critical",
                wire::Severity::Warning | wire::Severity::Unspecified => "warning",
            },
            subject: alarm.subject.clone(),
            text: alarm.text.clone(),
            since: alarm.since_unix_ms,
        }
    }
}

#[derive(Clone, Serialize)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) process: String,
    pub(crate) kind: &'static str,
    pub(crate) at: i64,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Event {
    pub(crate) fn new(number: u64, process: &str, event: wire::Event) -> Event {
        let kind = match event.kind() {
            wire::EventKind::Unspecified => "other",
            wire::EventKind::Release => "release",
            wire::EventKind::Refusal => "refusal",
            wire::EventKind::InstanceUp => "instance-up",
            wire::EventKind::InstanceDown => "instance-down",
            wire::EventKind::Ejection => "ejection",
            wire::EventKind::Alarm => "alarm",
            wire::EventKind::Drill => "drill",
            wire::EventKind::Scale => "scale",
            wire::EventKind::Restart => "restart",
            wire::EventKind::Drain => "drain",
            wire::EventKind::ProcessUp => "process-up",
            wire::EventKind::ProcessDown => "process-down",
            wire::EventKind::Intruder => "intruder",
        };
        let wire::Event { at_unix_ms, subject, text, .. } = event;
        Event { number, process: process.to_owned(), kind, at: at_unix_ms, subject, text }
    }
}
