//! `tenet up` as a child: the whole platform over a project, on ports the system chose.

use crate::process::Process;
use crate::{PATIENCE, binary, eventually, gateway, http1, project::Project};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;

/// A running `tenet up`.
pub struct Up {
    /// The supervisor.
    pub process: Process,
    /// The public door.
    pub public: SocketAddr,
    /// What it wrote to `.tenet/run/up.json` once everything was up.
    pub state: Value,
}

impl Up {
    /// Starts `tenet up` over `project` with `--listen` and `--console` on port 0, and waits until the public door answers.
    ///
    /// # Panics
    /// When it does not come up within [`PATIENCE`]; the panic shows its output.
    pub fn start(project: &Project, arguments: &[&str]) -> Up {
        let mut command = binary::command();
        command.arg("up").arg(project.path()).args(["--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
        command.args(arguments);
        let mut process = Process::start(&mut command);
        let state = eventually("tenet up to write .tenet/run/up.json", || {
            assert!(process.ended().is_none(), "tenet up ended:\n{}", process.output().join("\n"));
            // One that was killed has left its file behind.
            read_state(project.path()).filter(|state| state["pid"] == process.pid())
        });
        let public = address(&state, &["public", "listen", "gateway"]);
        let up = Up { process, public, state };
        eventually("the public door to answer", || http1::try_call(public, "GET", "/", &[], b"").ok());
        up
    }

    /// The console's address.
    ///
    /// # Panics
    /// When `up.json` does not name it.
    pub fn console(&self) -> SocketAddr {
        address(&self.state, &["console"])
    }

    /// Where services call each other.
    ///
    /// # Panics
    /// When `up.json` does not name it.
    pub fn private(&self) -> SocketAddr {
        address(&self.state, &["private"])
    }

    /// The gateways' admin listeners, in order.
    ///
    /// # Panics
    /// When `up.json` does not name them.
    pub fn admins(&self) -> Vec<SocketAddr> {
        let gateways = self.state["gateways"].as_array();
        gateways.map(|all| all.iter().map(|one| address(one, &["admin"])).collect()).unwrap_or_default()
    }

    /// The sum of a metric over all gateways; see [`crate::Gateway::metric`]. A gateway that is away counts as nothing.
    pub fn metric(&self, metric: &str, labels: &[&str]) -> f64 {
        let texts = self
            .admins()
            .into_iter()
            .filter_map(|admin| http1::try_call(admin, "GET", "/metrics", &[], b"").ok());
        texts.map(|answer| gateway::sample_sum(&answer.text(), metric, labels)).sum()
    }
}

fn read_state(project: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(project.join(".tenet/run/up.json")).ok()?).ok()
}

/// The first of `keys` that holds a socket address.
fn address(state: &Value, keys: &[&str]) -> SocketAddr {
    keys.iter().find_map(|key| state.get(key)?.as_str()?.parse().ok()).unwrap_or_else(|| {
        panic!("up.json names no address under {keys:?} (waited up to {PATIENCE:?}): {state}")
    })
}
