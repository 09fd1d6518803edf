//! Discovery, pools and attempts: the only crate that opens upstream connections.
//!
//! ```text
//!   Roster ──Shared::apply──▶ ServiceHandle (one a service, follows later rosters)
//!                                  │
//!   Request<Outgoing> ──Pool::call─┴▶ balance ─▶ connect or reuse ─▶ send ─▶ Reply { head, Incoming, zone, instance }
//!                                       ▲                             │
//!                                       └── never ran, try another ◀──┘
//! ```
//!
//! One [`Shared`] a process holds what all threads must agree on (who is there, who is failing) as snapshots and atomics;
//! one [`Pool`] a thread holds the connections, without locks. A pool is not `Send` and lives in a `LocalSet`.

mod call;
mod counters;
mod discovery;
mod fault;
mod h1;
mod h2;
mod health;
mod incoming;
mod instance;
mod judgement;
mod lane;
mod lineup;
mod local;
mod options;
mod outgoing;
mod part;
mod pool;
mod pump;
mod random;
mod roster;
mod rules;
mod service;
mod shared;
mod slot;
mod task;
mod timer;
mod upkeep;
mod view;
mod wire;

pub use call::{CallTerms, Effort, Meaning, Said};
pub use counters::ServiceView;
pub use discovery::{
    Discovered, Discovery, DnsEvent, DnsEventKind, DnsQuestion, DnsSource, InvalidSource, Lookups,
    LookupsView,
};
pub use health::{Checker, HealthChange, HealthCheck, HealthChecks};
pub use incoming::Incoming;
pub use judgement::Judgement;
pub use options::PoolOptions;
pub use outgoing::Outgoing;
pub use part::Part;
pub use pool::{CallError, Pool, Reply, WholeReply};
pub use roster::{Instance, Protocol, Roster, ServiceRoster};
pub use rules::ServiceRules;
pub use service::{MethodHandle, ServiceHandle};
pub use shared::{Happening, Shared, Told};
pub use view::{Health, InstanceView};
