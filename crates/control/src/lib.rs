//! The control plane. For now: the console and its API.
//!
//! ```text
//!   gateway-1 ─Telemetry/Watch─┐
//!   gateway-2 ─Telemetry/Watch─┴▶ follow ──▶ fleet (15 minutes of seconds, totals, events) ──▶ /api/live  (SSE)
//!                                                                                          ├──▶ /api/history
//!                                                                                          ├──▶ /metrics
//!                                                                 console/ (embedded) ─────┴──▶ /
//! ```

use std::future::Future;
use std::io;

/// What the console needs to run.
#[derive(Debug)]
pub struct Options {
    /// Where people connect; already bound and listening.
    pub listener: std::net::TcpListener,
    /// Admin listeners of the gateways, `host:port`.
    pub gateways: Vec<String>,
    /// Name of the project, shown as the title.
    pub project: String,
}

/// Serves the console until `shutdown` completes, then lets open requests end within a few seconds.
///
/// Returns an error only if the listener cannot be used. A gateway that is away is shown as away.
#[allow(clippy::todo, unused)]
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    todo!()
}
