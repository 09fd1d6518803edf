//! The store's processes: our own role, there where somebody keeps something, before the services that do and until after them.
//!
//! Their sockets stay open here. While the one process of an embedded folder is replaced (there cannot be two), new connections wait in the
//! backlog for the successor; what was under way ends before, because a store drains in milliseconds.

use super::admin;
use super::child::{Child, Spec};
use super::gateways::{START_TIME, zone_of_gateway};
use super::orders::Tell;
use super::ready::Ready;
use super::reload::SETTLE;
use super::secrets::Run;
use super::sockets::{self, Listening};
use super::spawn::Program;
use super::supervisor::Supervisor;
use crate::cli::Failed;
use bytes::Bytes;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tenet_release::config::Engine;
use tenet_release::roster::RosterInstance;
use tenet_release::{Current, Release, STORE};

/// Time for a store to end after it was asked to: its own bounded drain and closing its engine.
const GRACE: Duration = Duration::from_secs(10);

/// One process of the store.
pub struct Store {
    /// Where it serves.
    pub listening: Listening,
    /// Where it is told of releases.
    pub admin: Listening,
    /// The zone it is in.
    pub zone: &'static str,
    /// The release it was started with.
    pub version: String,
    /// Its process.
    pub child: Child,
}

/// How many processes a release asks for.
pub fn wanted(release: &Release) -> usize {
    release.config.store().map_or(0, |store| store.instances as usize)
}

/// What of a release cannot change while its store runs.
pub fn check_same_engine(now: &Release, next: &Release) -> Result<(), Failed> {
    let (Some(before), Some(after)) = (now.config.store(), next.config.store()) else { return Ok(()) };
    if (before.engine, before.url) == (after.engine, after.url) {
        return Ok(());
    }
    Err(Failed(
        "error: [store] engine and url cannot change while the store runs: what is kept would not move along\n  hint: end `tenet up` and start it again; the new engine begins with what it holds"
            .into(),
    ))
}

impl Supervisor {
    /// Whether the folder's one process is all there is of the store.
    pub fn store_is_alone(&self) -> bool {
        self.engine() == Engine::Embedded
    }

    /// What keeps the data, where something is kept.
    pub fn engine(&self) -> Engine {
        self.release.config.store().map(|store| store.engine).unwrap_or_default()
    }

    /// The variable that says where the database is: for the store alone.
    pub fn url_variable(&self) -> Option<String> {
        self.release.config.store()?.url_variable().map(str::to_owned)
    }

    /// Says on disk which release is about to serve: a store begins with it where it is newer than the one that serves.
    pub fn write_prepared(&self, coming: Current) -> Result<(), Failed> {
        self.dir
            .prepare(coming)
            .map_err(|error| Failed::while_doing("the coming release cannot be written", &error))
    }

    /// Makes secrets for those who keep something, and starts the processes that the release asks for and are not there. If one does not
    /// serve, all of these are stopped again.
    pub async fn start_stores(&mut self, tell: Option<&Tell<'_>>) -> Result<(), Failed> {
        let missing = self.stores.len()..wanted(&self.release);
        self.make_secrets(tell)?;
        if missing.is_empty() {
            return Ok(());
        }
        let line = format!("starting the store ({})", self.engine().name());
        tell.map_or_else(|| self.output.say(&line), |tell| tell.say(&line));
        let first = missing.start;
        for index in missing {
            let (listening, admin) = (sockets::loopback()?, sockets::loopback()?);
            let zone = zone_of_gateway(index);
            let version = self.release.hash.short();
            let spec = self.store_spec(index, &listening, &admin);
            let child = Child::start(spec, &self.output, &self.time_line);
            self.stores.push(Store { listening, admin, zone, version, child });
        }
        for index in first..self.stores.len() {
            if let Err(reason) = self.stores[index].child.ready(START_TIME).await {
                self.stop_stores(first).await;
                return Err(Failed(format!("error: {reason}")));
            }
        }
        Ok(())
    }

    /// Makes the secrets of those who keep something, and says where those are that nobody hands over.
    fn make_secrets(&mut self, tell: Option<&Tell<'_>>) -> Result<(), Failed> {
        let keepers: BTreeSet<&str> =
            self.release.collections().into_iter().map(|(service, _)| service).collect();
        let run = |service: &str| {
            let is_ours = self.release.config.services.get(service).is_some_and(|of| of.command.is_some());
            if is_ours { Run::Here } else { Run::Elsewhere }
        };
        let keepers: Vec<(&str, Run)> = keepers.into_iter().map(|service| (service, run(service))).collect();
        for (service, _) in keepers.iter().filter(|(_, run)| *run == Run::Elsewhere) {
            if self.secrets.get(service).is_none() {
                let path = self.secrets.file(service);
                let line = format!(
                    "{service} keeps something and is not run here: it needs TENET_STORE_SECRET_FILE={}",
                    path.display()
                );
                tell.map_or_else(|| self.output.say(&line), |tell| tell.say(&line));
            }
        }
        self.secrets.make(keepers.into_iter())
    }

    fn store_spec(&self, index: usize, listening: &Listening, admin: &Listening) -> Spec {
        let id = format!("{STORE}-{}", index + 1);
        let arguments = [
            "store",
            "serve",
            "--name",
            &id,
            "--zone",
            zone_of_gateway(index),
            "--listen",
            &listening.address.to_string(),
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
        // A variable with our own prefix would be taken for a node fact of the supervisor, and kept back.
        if let Some(name) = self.url_variable()
            && let Ok(value) = std::env::var(&name)
        {
            program.env.push((name, value));
        }
        program.sockets = vec![("store", listening.socket.clone()), ("admin", admin.socket.clone())];
        Spec { id, program, ready: Ready::Store(admin.address), grace: GRACE }
    }

    /// Every store declares what the coming release adds; one refusal refuses it for all. One that is down does so when it is back.
    pub async fn prepare_stores(&self, release: &Release) -> Result<(), Failed> {
        let bytes = Bytes::from(release.to_bytes());
        for store in self.stores.iter().filter(|store| store.child.pid().is_some()) {
            let id = &store.child.spec().id;
            let posted =
                admin::post(store.admin.address, "/-/prepare", "application/octet-stream", bytes.clone());
            let answer = tokio::time::timeout(START_TIME, posted)
                .await
                .map_err(|_| Failed(format!("error: {id} did not prepare within {START_TIME:?}")))?
                .map_err(|error| Failed(format!("error: {id} cannot prepare: {error}")))?;
            if answer.status != 200 {
                return Err(Failed(format!("error: {id} refuses the release: {}", answer.reason())));
            }
        }
        Ok(())
    }

    /// Switches every store. One that does not answer has read the switch from disk within a second, or does so when it is back.
    pub async fn commit_stores(&self, current: Current, tell: &Tell<'_>) {
        let body = Bytes::from(json!({ "hash": current.hash, "epoch": current.epoch }).to_string());
        for store in self.stores.iter().filter(|store| store.child.pid().is_some()) {
            let posted = admin::post(store.admin.address, "/-/commit", "application/json", body.clone());
            let reason = match tokio::time::timeout(START_TIME, posted).await {
                Ok(Ok(answer)) if answer.status == 200 => continue,
                Ok(Ok(answer)) => answer.reason(),
                Ok(Err(error)) => error,
                Err(_) => format!("no answer within {START_TIME:?}"),
            };
            tell.say(&format!("{} did not switch: {reason}", store.child.spec().id));
        }
    }

    /// Replaces one process by another on the same socket.
    pub async fn replace_store(&mut self, index: usize, tell: &Tell<'_>) -> Result<(), Failed> {
        let store = &self.stores[index];
        let spec = self.store_spec(index, &store.listening, &store.admin);
        let version = self.release.hash.short();
        let store = &mut self.stores[index];
        store.child.stop().await;
        store.child = Child::start(spec, &self.output, &self.time_line);
        store.version = version;
        let id = store.child.spec().id.clone();
        if let Err(reason) = store.child.ready(START_TIME).await {
            return Err(Failed(format!("error: {reason}; it is started again until it does")));
        }
        tell.say(&format!("{id} was replaced"));
        Ok(())
    }

    /// Stops all processes from this one on.
    pub async fn stop_stores(&mut self, from: usize) {
        for store in self.stores.iter().skip(from) {
            store.child.ask_to_stop();
        }
        for store in self.stores.iter_mut().skip(from) {
            store.child.ended().await;
        }
        self.stores.truncate(from);
    }

    /// Stops those that the release no longer asks for, once no gateway calls them any more.
    pub async fn retire_stores(&mut self) -> Result<(), Failed> {
        let wanted = wanted(&self.release);
        if self.stores.len() <= wanted {
            return Ok(());
        }
        let leaving = self.stores.split_off(wanted);
        let listed = self.write_roster();
        // Until they have ended they are the supervisor's: the wish to end may interrupt this.
        self.stores.extend(leaving);
        tokio::time::sleep(SETTLE).await;
        self.stop_stores(wanted).await;
        listed.map(|_| ())
    }

    /// As the roster lists them.
    pub fn listed_stores(&self) -> impl Iterator<Item = RosterInstance> {
        self.stores.iter().map(|store| RosterInstance {
            id: store.child.spec().id.clone(),
            address: store.listening.address,
            zone: store.zone.to_owned(),
            weight: tenet_release::config::FULL_WEIGHT,
            version: store.version.clone(),
        })
    }
}
