//! A message of a contract as the schema of a collection of the store: by what its messages are kept and found.
//!
//! ```text
//!   message descriptor with `option (tenet.policy.v1.collection)` ──Schema::of──▶ Schema, or everything that is wrong with it
//!
//!   encoded message ──Schema::address───────▶ record id, item key      bytes that are ordered as the fields' values are
//!                   ├─Schema::index_entries─▶ index name, key
//!                   └─Schema::expires───────▶ seconds, nanoseconds
//!
//!   values ──KeyBuilder──▶ key bytes ──show──▶ ("u7", 42) ──parse──▶ key bytes
//! ```
//!
//! Who reads a schema: the contract (whether it is right), the release (who keeps what), the SDK (where a message goes) and the command
//! line (what to show). The store itself knows bytes. Nothing here does IO or knows what time it is.

mod address;
mod gather;
mod key;
mod name;
mod schema;
mod show;
mod value;

pub use address::{Address, AddressError, Mismatch};
pub use gather::Gather;
pub use key::{KeyBuilder, KeyError, MAX_KEY, decode, prefix_end};
pub use name::{MAX_NAME, default_name, is_name};
pub use schema::{DEFAULT_RETENTION, Index, KeyField, OPTION, Schema, SchemaProblem};
pub use show::{KeyTextError, parse, show};
pub use value::{KeyValue, Kind};
