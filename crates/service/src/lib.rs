//! SDK: serve a gRPC service the Tenet way in a few lines.
//!
//! ```text
//!              ┌────────────────────────── Service ──────────────────────────┐
//!   gateway ──▶│ bounds ▶ context ▶ deadline ▶ admission ▶ handler ▶ record   │──▶ Fault → status + details
//!              │ health · reflection · /metrics · /healthz · drain            │
//!              └──────────────────────────────┬───────────────────────────────┘
//!                                             │ channel("accounts"): context goes along
//!                                             ▼
//!                               private listener of the gateways
//! ```
//!
//! ```no_run
//! # use tonic_health::pb::health_server::{Health, HealthServer as AccountsServer};
//! # const FILE_DESCRIPTOR_SET: &[u8] = &[];
//! # async fn run(accounts: impl Health) -> Result<(), tenet_service::Error> {
//! tenet_service::Service::new("accounts")
//!     .descriptor_set(FILE_DESCRIPTOR_SET)
//!     .add(AccountsServer::new(accounts))
//!     .serve()
//!     .await
//! # }
//! ```
//!
//! Where it listens, who it is and in which zone are [`Facts`] from the environment; how much it takes are [`Limits`].
//! A handler reads the call it serves from [`Context::current`], refuses with a [`Fault`] and calls others through
//! [`channel`]. Nothing of this is needed by services in other languages; it is only what a good one does anyway.

mod admission;
mod call;
mod channel;
mod context;
pub mod details;
mod error;
mod facts;
mod fault;
mod fault_points;
mod limits;
mod listen;
mod load_report;
pub mod log;
mod methods;
mod metrics;
mod pages;
mod reflection;
mod service;
mod shared;
pub mod signals;
mod trace;

pub use admission::NOT_RUN;
pub use channel::{Channel, Propagate, PropagateLayer, Settled, channel, channel_to};
pub use context::Context;
pub use error::Error;
pub use facts::Facts;
pub use fault::{Fault, status};
pub use fault_points::SlotRule;
pub use limits::Limits;
pub use service::Service;
pub use trace::Trace;
