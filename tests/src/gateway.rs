//! One `tenet gateway` as a child, over a project whose services have fixed instances (usually this process's backends).
//!
//! The listening sockets are bound here, on port 0, and handed over the way `tenet up` hands them
//! (`LISTEN_FDS`): the ports are known before the child runs and nobody can take them in between.

use crate::process::Process;
use crate::{binary, eventually, http1, project::Project};
use command_fds::{CommandFdExt, FdMapping};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

/// First descriptor of handed-over sockets, by the `LISTEN_FDS` convention (`sd_listen_fds(3)`).
const FIRST_FD: i32 = 3;

/// A running gateway.
pub struct Gateway {
    /// The child.
    pub process: Process,
    /// The public door.
    pub public: SocketAddr,
    /// The private listener.
    pub private: SocketAddr,
    /// The admin listener.
    pub admin: SocketAddr,
    // Kept open, so that a gateway can be killed and replaced without losing its backlog.
    sockets: Vec<TcpListener>,
}

impl Gateway {
    /// Starts one over `project` and waits until `/-/ready` answers 200.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(project: &Project) -> Gateway {
        Gateway::start_with(project, &[])
    }

    /// [`Gateway::start`] with node facts in the environment (`TENET_THREADS`, `TENET_ZONE`, ...).
    ///
    /// # Panics
    /// As [`Gateway::start`].
    pub fn start_with(project: &Project, environment: &[(&str, &str)]) -> Gateway {
        let sockets: Vec<_> = (0..3).map(|_| bind()).collect();
        let [public, private, admin] = [0, 1, 2].map(|index: usize| local(&sockets[index]));
        let process = Process::start(&mut command(project, environment, &sockets));
        let mut gateway = Gateway { process, public, private, admin, sockets };
        gateway.wait_ready();
        gateway
    }

    /// Starts a second process on the same sockets, as a restart does; the first goes on until it is stopped.
    ///
    /// # Panics
    /// As [`Gateway::start`].
    pub fn successor(&self, project: &Project) -> Gateway {
        let sockets: Vec<_> = self.sockets.iter().filter_map(|socket| socket.try_clone().ok()).collect();
        let process = Process::start(&mut command(project, &[], &sockets));
        Gateway { process, public: self.public, private: self.private, admin: self.admin, sockets }
    }

    /// `/metrics` of the admin listener.
    pub fn metrics(&self) -> String {
        http1::get(self.admin, "/metrics").text()
    }

    /// `/-/status` of the admin listener.
    pub fn status(&self) -> Value {
        http1::get(self.admin, "/-/status").json()
    }

    /// The sum of the samples of `metric` (full sample name) whose labels contain every one of `labels` (`code="..."`).
    pub fn metric(&self, metric: &str, labels: &[&str]) -> f64 {
        sample_sum(&self.metrics(), metric, labels)
    }

    fn wait_ready(&mut self) {
        let admin = self.admin;
        let process = &mut self.process;
        eventually("the gateway to be ready", || {
            assert!(process.ended().is_none(), "the gateway ended:\n{}", process.output().join("\n"));
            http1::try_call(admin, "GET", "/-/ready", &[], b"").ok().filter(|answer| answer.status == 200)
        });
    }
}

fn command(project: &Project, environment: &[(&str, &str)], sockets: &[TcpListener]) -> Command {
    let mut command = binary::command();
    // Through `tenet child`: only it can say LISTEN_PID, which is its own id, and it dies with us however we die.
    command.args(["child", "--parent"]).arg(std::process::id().to_string()).arg("--").arg(binary::tenet());
    command.arg("gateway").arg(project.path());
    command.env("LISTEN_FDS", sockets.len().to_string()).env("LISTEN_FDNAMES", "public:private:admin");
    command.envs(environment.iter().copied());
    let mappings = sockets
        .iter()
        .zip(FIRST_FD..)
        .filter_map(|(socket, child_fd)| {
            Some(FdMapping { parent_fd: socket.try_clone().ok()?.into(), child_fd })
        })
        .collect();
    command.fd_mappings(mappings).unwrap_or_else(|error| panic!("descriptors collide: {error}"));
    command
}

fn bind() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(|error| panic!("no listener: {error}"))
}

fn local(socket: &TcpListener) -> SocketAddr {
    socket.local_addr().unwrap_or_else(|error| panic!("no address: {error}"))
}

/// Sums the samples of `metric` in an OpenMetrics text.
pub fn sample_sum(text: &str, metric: &str, labels: &[&str]) -> f64 {
    text.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(metric)?;
            let (found, value) = match rest.strip_prefix('{') {
                Some(inner) => inner.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let all = labels.iter().all(|label| found.contains(label));
            all.then(|| value.split(' ').next()?.parse::<f64>().ok()).flatten()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::sample_sum;

    #[test]
    fn samples_are_summed_by_name_and_labels() {
        let text = "# TYPE a counter\na_total{code=\"OK\",zone=\"a\"} 2\na_total{code=\"OK\",zone=\"b\"} 3 17.5\na_total{code=\"LOST\"} 7\na_total_x 9\nb 4\n# EOF\n";
        for (metric, labels, sum) in [
            ("a_total", &["code=\"OK\""][..], 5.0),
            ("a_total", &[], 12.0),
            ("a_total", &["code=\"OK\"", "zone=\"b\""], 3.0),
            ("b", &[], 4.0),
            ("c", &[], 0.0),
        ] {
            let got = sample_sum(text, metric, labels);
            assert!((got - sum).abs() < 1e-9, "{metric} {labels:?}: {got}, expected {sum}");
        }
    }
}
