//! The data owner: one API over what keeps data on disk.
//!
//! ```text
//!                        ┌───────────────────────────── store ─────────────────────────────┐
//!   service's SDK ─gRPC─▶│ service: who calls, names, bounds ▶ owner: joins reads, batches  │
//!                        │ writes, near cache under a lease ▶ engine: one transaction a batch│──▶ embedded file │ PostgreSQL
//!                        └───────────────────────────────────────────────────────────────────┘
//! ```
//!
//! *What an engine does* is in [`engine`]: it keeps items sorted by record and key, and carries out a batch of [`commit`]s, each
//! atomic, in one durable step. What a commit *means* (conditions, versions, replayed tokens, fences) is decided by [`decide`], which is pure and the same for
//! all engines: an engine fetches what the decision needs and stores what it says. So do the indexes of [`typed`] collections: their entries are decided
//! and stored with the items.

pub mod access;
pub mod backup;
pub mod catalogue;
pub mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod decide;
pub mod engine;
mod fnv;
pub mod guard;
pub mod item;
pub mod lease;
pub mod metrics;
pub mod name;
pub mod operator;
pub mod owner;
pub mod quota;
pub mod service;
pub mod typed;
pub mod upkeep;
