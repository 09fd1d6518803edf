//! Logs of a service process: one line an event on standard error.

use tracing_subscriber::EnvFilter;

/// Starts logging unless the process has already chosen a subscriber. `TENET_LOG` says what is logged, in the syntax of
/// `EnvFilter` (`info`, `debug,h2=warn`), default `info`; `TENET_LOG_FORMAT=json` makes each line a JSON object.
pub fn start() {
    let filter = EnvFilter::try_from_env("TENET_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // The error says that there is a subscriber already, which is then the one to use.
    let _ = match std::env::var("TENET_LOG_FORMAT").as_deref() {
        Ok("json") => lines.json().try_init(),
        _ => lines.try_init(),
    };
}
