//! Log output of the roles: one line an event on standard error, level and targets from `TENET_LOG`.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// What `TENET_LOG` says (`debug`, `tenet_gateway=trace,info`), or `info`.
pub fn start() {
    let filter = EnvFilter::try_from_env("TENET_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let result = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .try_init();
    if let Err(error) = result {
        eprintln!("logging could not be started: {error}");
    }
}
