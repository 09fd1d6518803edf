//! The data plane: one request, phase by phase.
//!
//! ```text
//!   socket ▶ listen ▶ Exchange ▶ phase::serve ▶ Answer ▶ listen ▶ socket
//!                        │            │
//!                     Program      upstream
//!                 (release, compiled)
//! ```
//!
//! N threads, each with a single-threaded runtime, its own upstream connections and recorders ([`worker`]); everything that is
//! not a request runs beside them ([`process`], [`admin`]). A request keeps the [`program`] it began with.

mod admin;
mod admission;
mod answer;
mod body;
mod date;
mod exchange;
mod listen;
mod pace;
mod phase;
mod process;
mod program;
mod reference;
mod watch;
mod worker;

pub use process::{Options, RunError, run};
pub use reference::document;
