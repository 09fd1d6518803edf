//! The project's own services: started on ports of ours, listed in the roster, replaced when their plan changes.

use super::child::{Child, Spec};
use super::plan::{Planned, url_variable};
use super::ready::Ready;
use super::spawn::Program;
use super::supervisor::Supervisor;
use crate::cli::Failed;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tenet_release::STORE;
use tenet_release::roster::{Roster, RosterInstance};

/// Time for an instance to accept connections after it was started.
pub const START_TIME: Duration = Duration::from_secs(30);
/// Time for an instance to end after it was asked to; longer than what the SDK takes to drain.
const GRACE: Duration = Duration::from_secs(12);

/// A running instance.
pub struct Instance {
    /// What it was planned as.
    pub plan: Planned,
    /// Where it listens.
    pub address: SocketAddr,
    /// The release it was started with.
    pub version: String,
    /// Its process.
    pub child: Child,
}

impl Supervisor {
    /// Starts instances and waits until all serve. If one does not, all of these are stopped again.
    pub async fn start_instances(&mut self, plans: Vec<Planned>) -> Result<Vec<Instance>, Failed> {
        let mut started = Vec::new();
        for plan in plans {
            let port =
                self.ports.free().map_err(|error| Failed::while_doing("no port for a service", &error))?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let version = self.release.hash.short();
            let child =
                Child::start(self.instance_spec(&plan, address, &version), &self.output, &self.time_line);
            started.push(Instance { plan, address, version, child });
        }
        for instance in &started {
            if let Err(reason) = instance.child.ready(START_TIME).await {
                for instance in &started {
                    instance.child.ask_to_stop();
                }
                for mut instance in started {
                    instance.child.ended().await;
                }
                return Err(Failed(format!("error: {reason}")));
            }
        }
        Ok(started)
    }

    fn instance_spec(&self, plan: &Planned, address: SocketAddr, version: &str) -> Spec {
        let private = format!("http://{}", self.sockets.private.address);
        let mut env: Vec<(String, String)> = [
            ("TENET_LISTEN", address.to_string()),
            ("TENET_ZONE", plan.zone.clone()),
            ("TENET_INSTANCE", plan.id.clone()),
            ("TENET_SERVICE", plan.service.clone()),
            ("TENET_VERSION", version.to_owned()),
            ("TENET_PRIVATE_URL", private.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        // Written once all serve, and again whenever that changes: who calls instances directly reads it.
        env.push(("TENET_ROSTER".to_owned(), self.dir.roster_path().display().to_string()));
        if self.args.fault_points {
            env.push(("TENET_FAULT_POINTS".to_owned(), "true".to_owned()));
        }
        env.extend(plan.calls.iter().map(|called| (url_variable(called), private.clone())));
        env.extend(plan.env.clone());
        let program = Program {
            words: plan.words.clone(),
            folder: self.project.clone(),
            env,
            // The way to the database is the store's alone.
            hidden: self.url_variable(),
            sockets: Vec::new(),
            secret: self.secrets.get(&plan.service).filter(|_| plan.keeps).cloned(),
        };
        Spec { id: plan.id.clone(), program, ready: Ready::Connects(address), grace: GRACE }
    }

    /// Writes who is there: the instances and stores that run here and those that `tenet.toml` fixes elsewhere. Says whether that changed.
    ///
    /// Those who are leaving are still reachable; they stay listed where nobody took their name.
    pub fn write_roster(&self) -> Result<bool, Failed> {
        let mut roster = Roster::from_config(&self.release.config);
        for instance in self.instances.iter().chain(&self.leaving) {
            let listed = roster.services.entry(instance.plan.service.clone()).or_default();
            if listed.iter().all(|other| other.id != instance.plan.id) {
                listed.push(RosterInstance {
                    id: instance.plan.id.clone(),
                    address: instance.address,
                    zone: instance.plan.zone.clone(),
                    weight: tenet_release::config::FULL_WEIGHT,
                    version: instance.version.clone(),
                });
            }
        }
        if self.instances.is_empty() && self.leaving.is_empty() {
            // Nobody was started yet. A service that is not listed is waited for; one that is listed with nobody has no instance.
            roster.services.retain(|_, listed| !listed.is_empty());
        }
        if !self.stores.is_empty() {
            roster.services.entry(STORE.to_owned()).or_default().extend(self.listed_stores());
        }
        let path = self.dir.roster_path();
        if Roster::read(&path).is_ok_and(|before| before == roster) {
            return Ok(false);
        }
        roster.write(&path).map_err(|error| Failed::while_doing("the roster cannot be written", &error))?;
        Ok(true)
    }

    /// Stops instances that no gateway calls any more and gives their ports back.
    pub async fn stop_leaving(&mut self) {
        for instance in &self.leaving {
            instance.child.ask_to_stop();
        }
        for instance in &mut self.leaving {
            instance.child.ended().await;
            self.ports.give_back(instance.address.port());
        }
        self.leaving.clear();
    }
}
