//! PostgreSQL as it is measured: from its Debian package, on the measured core, tuned once and the same for all.

use crate::{Outcome, machine};

// One way to start a server, for tests and here; what goes wrong in it ends the bench with its own words.
#[allow(clippy::unwrap_used, dead_code)]
#[path = "../../../crates/store/tests/support/postgres.rs"]
mod support;

/// What differs from PostgreSQL's defaults. It syncs, as its default is. Everything fits into its memory; connections are enough for the most
/// clients; no checkpoint begins for want of log while a candidate is measured.
pub const SETTINGS: [&str; 7] = [
    "fsync=on",
    "max_connections=400",
    "shared_buffers=512MB",
    "wal_buffers=16MB",
    "max_wal_size=4GB",
    "checkpoint_timeout=30min",
    "effective_cache_size=2GB",
];

/// A running server.
pub struct Server(support::Server);

impl Server {
    /// Starts it.
    pub fn start() -> Outcome<Server> {
        let start = || {
            support::Server::start("bench store", &SETTINGS)
                .ok_or_else(|| "PostgreSQL is missing: install Debian's postgresql".to_owned())
        };
        machine::on_proxy_core(start).map(Server)
    }

    /// How a client reaches it.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Its first process.
    pub fn pid(&self) -> u32 {
        self.0.pid().unwrap_or(0)
    }

    /// As it says itself.
    pub fn version(&self) -> String {
        self.0.sql("SHOW server_version")
    }
}

/// How long the disk takes to keep a page, median, µs: most of what a write costs, whoever makes it.
pub fn sync_us() -> Outcome<f64> {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = tempfile::tempfile().map_err(|error| error.to_string())?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = std::time::Instant::now();
        let wrote = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&[7; 8192]));
        wrote.and_then(|()| file.sync_data()).map_err(|error| error.to_string())?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(crate::statistics::median(&times))
}
