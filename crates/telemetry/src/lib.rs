//! Measuring: recorded per thread, added up per second, told as snapshots and as OpenMetrics.
//!
//! ```text
//!   request ends ──Sample──▶ Recorder (one a thread) ──take, once a second──▶ Delta ─┐ with the Names of its program
//!   Recorder ─────────────────────────────────────────────────────────────▶ Delta ─┤
//!                                                                                   ▼
//!   instances, events, alarms, counters ─────────────────────────────────▶ Collector (one a process)
//!                                                                            │ tick, once a second
//!                        Telemetry/Watch ◀── Snapshot (one second, addable) ◀┤
//!                               /metrics ◀── OpenMetrics text (cumulative) ◀─┘
//! ```
//!
//! On the request path there is only [`Recorder::record`]: no lock, no string, no allocation once the keys in use
//! have been seen. Everything else runs beside the data plane. Every request that ends is exactly one sample,
//! also one that was refused before it had a route: that is filed under endpoint 0 with the code of its refusal.

mod collector;
mod event;
pub mod families;
mod key;
mod names;
mod process;
mod recorder;
mod watch;

pub use collector::Collector;
pub use event::{Alarm, Event, EventKind, Severity};
pub use families::{CounterId, GaugeId};
pub use key::{Key, Sample};
pub use names::{EndpointName, Names};
pub use process::{DeviceStats, InstanceView, ProcessInfo, ProcessStats, process_stats};
pub use recorder::{Delta, DeltaRow, ROWS_MAX, Recorder};
pub use watch::{Watch, watch_service};
