//! The gateways and the console: our own roles, on sockets that stay open here.

use super::child::{Child, Spec};
use super::ready::Ready;
use super::sockets::Listening;
use super::spawn::Program;
use super::supervisor::Supervisor;
use crate::cli::Failed;
use std::time::Duration;

/// Time for a role to serve after it was started.
pub const START_TIME: Duration = Duration::from_secs(30);
/// What a gateway needs to end beyond its own bounded drain.
const DRAIN_MARGIN: Duration = Duration::from_secs(2);
/// Time for the console to end: its streams have nothing that must be finished.
const CONSOLE_GRACE: Duration = Duration::from_secs(3);
/// Zones that gateways are spread over, as services are by default.
const ZONES: [&str; 3] = ["a", "b", "c"];

/// The zone of the gateway on the admin socket `index`.
pub fn zone_of_gateway(index: usize) -> &'static str {
    ZONES[index % ZONES.len()]
}

impl Supervisor {
    /// What the gateway on the admin socket `index` is started from.
    pub fn gateway_spec(&self, index: usize, admin: &Listening) -> Spec {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cpus / self.sockets.admin.len().max(1)).max(1);
        let id = format!("gateway-{}", index + 1);
        let arguments = [
            "gateway",
            "--name",
            &id,
            "--zone",
            zone_of_gateway(index),
            "--threads",
            &threads.to_string(),
            "--listen",
            &self.sockets.public.address.to_string(),
            "--private-listen",
            &self.sockets.private.address.to_string(),
            "--admin-listen",
            &admin.address.to_string(),
            "--state-dir",
            &self.dir.root().to_string_lossy(),
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        if self.args.fault_points {
            arguments.push("--fault-points".to_owned());
        }
        let mut program = Program::role(self.project.clone(), arguments);
        program.sockets = vec![
            ("public", self.sockets.public.socket.clone()),
            ("private", self.sockets.private.socket.clone()),
            ("admin", admin.socket.clone()),
        ];
        let grace = self.release.config.gateway.drain.duration() + DRAIN_MARGIN;
        Spec { id, program, ready: Ready::Gateway(admin.address), grace }
    }

    /// Starts every gateway and waits until all serve.
    pub async fn start_gateways(&mut self) -> Result<(), Failed> {
        for (index, admin) in self.sockets.admin.iter().enumerate() {
            self.gateways.push(Child::start(self.gateway_spec(index, admin), &self.output, &self.time_line));
        }
        for gateway in &self.gateways {
            gateway.ready(START_TIME).await.map_err(|reason| Failed(format!("error: {reason}")))?;
        }
        Ok(())
    }

    /// Starts the console and waits until it answers.
    pub async fn start_console(&mut self) -> Result<(), Failed> {
        let console = &self.sockets.console;
        let mut arguments = vec!["console".to_owned(), "--project".to_owned(), self.release.name.clone()];
        arguments.extend(["--listen".to_owned(), console.address.to_string()]);
        for admin in &self.sockets.admin {
            arguments.extend(["--gateway".to_owned(), admin.address.to_string()]);
        }
        // By the release it watches databases that services declare as their own.
        arguments.extend(["--state-dir".to_owned(), self.dir.root().to_string_lossy().into_owned()]);
        let mut program = Program::role(self.project.clone(), arguments);
        program.env = self.database_urls();
        program.sockets = vec![("console", console.socket.clone())];
        let ready = Ready::Answers(console.address);
        let spec = Spec { id: "console".into(), program, ready, grace: CONSOLE_GRACE };
        let child = self.console.insert(Child::start(spec, &self.output, &self.time_line));
        child.ready(START_TIME).await.map_err(|reason| Failed(format!("error: {reason}")))
    }

    /// The variables that say where those databases are. Others of ours it has in any case; those with our own prefix would be kept back.
    fn database_urls(&self) -> Vec<(String, String)> {
        let databases = self.release.config.services.values().flat_map(|service| &service.databases);
        let variables = databases.filter_map(|database| database.url_variable());
        variables.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
    }

    /// Starts the load of `--traffic`; it needs no readiness, and dies like any other child.
    pub fn start_traffic(&mut self, rps: u32) {
        let arguments = [
            "traffic",
            "--target",
            &self.sockets.public.address.to_string(),
            "--rps",
            &rps.to_string(),
            "--state-dir",
            &self.dir.root().to_string_lossy(),
        ];
        let program = Program::role(self.project.clone(), arguments.map(str::to_owned).into());
        let spec = Spec { id: "traffic".into(), program, ready: Ready::Runs, grace: CONSOLE_GRACE };
        self.traffic = Some(Child::start(spec, &self.output, &self.time_line));
    }
}
