//! Measuring: recorded per thread, added up per second, told as snapshots and as OpenMetrics.
//!
//! ```text
//!   request ends ──Sample──▶ Recorder (one a thread) ──take, once a second──▶ Delta ─┐ with the Names of its program
//!   Recorder ─────────────────────────────────────────────────────────────▶ Delta ─┤
//!                                                                                   ▼
//!   instances, upstreams, events, alarms, counters ──────────────────────▶ Collector (one a process)
//!                                                                            │ tick, once a second
//!                        Telemetry/Watch ◀── Snapshot (one second, addable) ◀┤
//!                               /metrics ◀── OpenMetrics text (cumulative) ◀─┘
//! ```
//!
//! On the request path there is only [`Recorder::record`]: no lock, no string, no allocation once the keys in use
//! have been seen. Everything else runs beside the data plane. Every request that ends is exactly one sample,
//! also one that was refused before it had a route: that is filed under endpoint 0 with the code of its refusal.

mod clock;
mod collector;
mod event;
mod exposition;
pub mod families;
mod instance;
mod key;
mod labels;
mod names;
mod openmetrics;
mod process;
mod recorder;
mod totals;
mod upstream;
mod watch;
mod wire;

pub use clock::{keep_time, second_close, second_edge};
pub use collector::{Collector, HISTORY_SECONDS};
pub use event::{Alarm, Event, EventKind, Severity};
pub use exposition::write as write_openmetrics;
pub use families::{CounterId, GaugeId};
pub use instance::InstanceView;
pub use key::{Key, Sample};
pub use labels::{Labels, VALUES_MAX};
pub use names::{EndpointName, Names};
pub use openmetrics::CONTENT_TYPE;
pub use process::{DeviceStats, ProcessInfo, ProcessStats, process_stats};
pub use recorder::{Delta, DeltaRow, ROWS_MAX, Recorder};
pub use totals::{Counts, HISTOGRAMS_MAX, SERIES_MAX, Totals};
pub use upstream::{CapacityView, DnsView, PRIORITIES, RefusedBy, UpstreamView};
pub use watch::{Watch, watch_service};
pub use wire::{sketch_of_wire, sketch_to_wire};
