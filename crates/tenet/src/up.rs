//! `tenet up`: one project on one machine, every role a child process of a small supervisor.
//!
//! ```text
//!   lock ▸ build ▸ load release ▸ bind sockets ▸ store ▸ services ▸ roster ▸ gateways ▸ console ▸ print ▸ supervise ▸ drain
//!                                    │ kept open here: a role that dies or is replaced loses no backlog
//! ```
//!
//! The supervisor holds no state that cannot be lost but the sockets; all it knows is in `.tenet/`.

pub mod admin;
mod announce;
mod backoff;
mod build;
mod child;
pub mod control;
mod drain;
mod drill;
mod gateways;
mod orders;
mod output;
mod plan;
mod ports;
mod ready;
mod reload;
mod restart;
mod secrets;
mod services;
mod sockets;
mod spawn;
pub mod state;
mod stores;
mod supervisor;
mod time_line;

pub use announce::sample_path;

use crate::cli::{Failed, UpArgs};

/// Runs until it is told to stop; then everything it started has ended.
pub fn run(args: UpArgs) -> Result<(), Failed> {
    // One thread: the kernel ties a child's life to the thread that made it, and that must be the main one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot start the supervisor", &error))?;
    runtime.block_on(supervisor::run(args))
}
