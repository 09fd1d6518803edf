//! The binary: command line, roles, `tenet up`.
//!
//! ```text
//!   tenet check | docs | explain | contract pull | errors     read a project, print, end     (commands/)
//!   tenet up                                                  the supervisor of one machine   (up/)
//!     ├─ tenet gateway × n   tenet store serve                one role a process              (roles/)
//!     ├─ tenet console   tenet traffic                                                        (roles/, traffic/)
//!     └─ the project's services
//!   tenet reload | restart                                    speak to a running `up`
//!   tenet drill                                               the same, under load, with a report (drill/)
//! ```

mod cli;
mod commands;
mod drill;
mod listeners;
mod lock;
mod logging;
mod project;
mod roles;
mod traffic;
mod up;

use clap::Parser as _;
use std::process::ExitCode;

/// Measured on the gateway's small, short-lived buffers against the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{failed}");
            ExitCode::FAILURE
        }
    }
}
