//! `.tenet/run/up.json`: what runs, for other commands and for scripts. Written once everything serves, removed at the end.

use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tenet_release::{ReleaseHash, replace_file};

/// A running `tenet up`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The supervisor's process.
    pub pid: u32,
    /// The public door.
    pub public: SocketAddr,
    /// Where services call each other.
    pub private: SocketAddr,
    /// The console.
    pub console: SocketAddr,
    /// The gateways.
    pub gateways: Vec<Gateway>,
    /// The instances that the supervisor runs.
    pub instances: Vec<Instance>,
    /// The release that serves.
    pub release: ReleaseHash,
    /// Its epoch.
    pub epoch: u64,
}

/// One gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name.
    pub id: String,
    /// Its admin listener.
    pub admin: SocketAddr,
    /// Its process, while it serves.
    pub pid: Option<u32>,
}

/// One instance of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process, while it serves.
    pub pid: Option<u32>,
}

/// Where it is kept below the folder `run`.
pub fn path(run: &Path) -> PathBuf {
    run.join("up.json")
}

/// Replaces the file in one step.
pub fn write(run: &Path, state: &State) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(state)?;
    text.push(b'\n');
    replace_file(&path(run), &text)
}

/// Removes it; a file that is not there is what was wanted.
pub fn remove(run: &Path) {
    let _ = std::fs::remove_file(path(run));
}
