//! SDK: call a service the Tenet way, instance by instance, without a gateway in between.
//!
//! ```text
//!   any thread, any runtime                      │ thread `tenet-client`
//!                                                │
//!   generated client ─▶ Client ──Job, bounded────┼─▶ Pool::call(_whole): balance, attempts, hedges, ejection ─▶ instance
//!        ▲   one message held, so that it can be │        │                                                       ▲
//!        │   sent a second time                  │        │      roster file, DNS or addresses ──Shared::apply────┤
//!        └───────── answer ◀──bounded pieces─────┼────────┘      health checks, judgement ─────────────────────────┘
//! ```
//!
//! ```no_run
//! # fn connect(contract: &[u8]) -> Result<tenet_client::Client, tenet_client::Error> {
//! let accounts = tenet_client::Client::builder("accounts").descriptor_set(contract).build()?;
//! // AccountsClient::new(accounts), or AccountsClient::new(PropagateLayer.layer(accounts)) inside a service
//! # Ok(accounts) }
//! ```
//!
//! The rules are those of the gateway, and so is what keeps them: `tenet-upstream`. Its pools are made for one thread, without
//! locks, so a client keeps them on a thread of its own and is itself a door to it, which any thread may use.
//!
//! *What crosses.* A call crosses as one job in a bounded channel; where that is full, or more calls run than may, it is
//! refused at once. A unary answer is read whole before it crosses, so that one that breaks off can be asked for again. Any other
//! comes back piece by piece, never more than [`AnswerBody`] says: a reader that stalls stalls the instance. Dropping the answer,
//! or the future that waits for it, cancels the attempts at their instances at once.
//!
//! *State* that a service keeps is in [`store`].
//!
//! *What is inherited.* A client takes the header fields of a call as they are. Deadline, request id, trace, consumer and the share
//! of the allowance are put there by `tenet_service::PropagateLayer`, which goes around a client as around any channel.

mod allowance;
mod answer;
mod builder;
mod client;
mod error;
mod instances;
mod job;
mod methods;
mod metrics;
mod outcome;
mod place;
mod request;
pub mod store;
mod thread;
mod worker;

pub use answer::AnswerBody;
pub use builder::Builder;
pub use client::{Answering, Client};
pub use error::Error;
pub use metrics::Views;
pub use tenet_upstream::{
    DnsQuestion, DnsSource, Health, HealthCheck, HealthChecks, InstanceView, PoolOptions, ServiceRules,
    ServiceView,
};
