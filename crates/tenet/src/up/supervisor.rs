//! The supervisor itself: what it holds, how it starts, what it waits for.

use super::child::Child;
use super::control::Control;
use super::orders::Signals;
use super::output::Output;
use super::ports::Ports;
use super::secrets::Secrets;
use super::services::Instance;
use super::sockets::Sockets;
use super::stores::Store;
use super::time_line::TimeLine;
use super::{announce, build, plan, state};
use crate::cli::{Failed, UpArgs};
use crate::{lock, project};
use std::path::{Path, PathBuf};
use tenet_release::{Current, Release, ReleaseDir};
use tokio::task::LocalSet;

/// Everything that runs, and what it was started from.
pub struct Supervisor {
    pub args: UpArgs,
    pub project: PathBuf,
    pub run: PathBuf,
    pub dir: ReleaseDir,
    pub release: Release,
    pub epoch: u64,
    pub output: Output,
    pub time_line: TimeLine,
    pub ports: Ports,
    pub sockets: Sockets,
    pub secrets: Secrets,
    pub stores: Vec<Store>,
    pub instances: Vec<Instance>,
    /// Instances that no longer belong but may still be called.
    pub leaving: Vec<Instance>,
    pub gateways: Vec<Child>,
    /// Gateways that have a successor and drain.
    pub retiring: Vec<Child>,
    pub console: Option<Child>,
    pub traffic: Option<Child>,
}

/// From the first line to the last.
pub async fn run(args: UpArgs) -> Result<(), Failed> {
    LocalSet::new().run_until(Box::pin(up(args))).await
}

async fn up(args: UpArgs) -> Result<(), Failed> {
    let mut signals =
        Signals::new().map_err(|error| Failed::while_doing("cannot listen to signals", &error))?;
    let output = Output::new();
    let folder = project::folder(&args.project);
    let project = folder
        .canonicalize()
        .map_err(|error| Failed::while_doing(&format!("no project at {}", folder.display()), &error))?;
    let dir = ReleaseDir::of_project(&project);
    let run = dir.root().join("run");
    let _lock = lock::take(&run.join("up.lock"), |pid| {
        format!(
            "error: this project is already up (process {pid})\n  hint: `tenet reload` applies changes; stop the other with Ctrl-C first"
        )
    })?;
    state::remove(&run);
    let control =
        Control::listen(&run).map_err(|error| Failed::while_doing("cannot listen for orders", &error))?;
    // An address in use is said before a build is waited for; nobody may wait in a backlog while it runs.
    drop(Sockets::bind(&args)?);
    let release = tokio::select! {
        release = load(&project, &args, &output) => release?,
        () = signals.terminate() => return Ok(()),
    };
    let epoch = dir
        .epoch_for(release.hash)
        .map_err(|error| Failed::while_doing("the state folder cannot be used", &error))?;
    let sockets = Sockets::bind(&args)?;
    let mut supervisor = Supervisor {
        args,
        project,
        secrets: Secrets::new(&run),
        run,
        dir,
        release,
        epoch,
        output,
        time_line: TimeLine::start(sockets.admin.iter().map(|admin| admin.address).collect()),
        ports: Ports::new(rand::random()),
        sockets,
        stores: Vec::new(),
        instances: Vec::new(),
        leaving: Vec::new(),
        gateways: Vec::new(),
        retiring: Vec::new(),
        console: None,
        traffic: None,
    };
    let started = tokio::select! {
        started = supervisor.start() => started,
        () = signals.terminate() => {
            supervisor.drain(&mut signals).await;
            return Ok(());
        }
    };
    if let Err(failed) = started {
        supervisor.drain(&mut signals).await;
        return Err(failed);
    }
    supervisor.serve(&mut signals, &control).await;
    supervisor.drain(&mut signals).await;
    Ok(())
}

/// Builds what the project names and loads the release. `tenet.toml` is read before the build, so that a mistake in it costs
/// no build, and contracts after it, because a build may write them.
async fn load(project: &Path, args: &UpArgs, output: &Output) -> Result<Release, Failed> {
    if !args.no_build {
        let commands = Release::build_commands(project).map_err(Failed::new)?;
        build::run(project, &commands, output).await?;
    }
    let project = project.to_owned();
    tokio::task::spawn_blocking(move || project::load(&project))
        .await
        .map_err(|error| Failed::while_doing("loading the release failed", &error))?
}

impl Supervisor {
    async fn start(&mut self) -> Result<(), Failed> {
        let kept = |error| Failed::while_doing("the release cannot be kept", &error);
        let current = Current { hash: self.release.hash, epoch: self.epoch };
        self.dir.keep(&self.release).map_err(kept)?;
        self.write_prepared(current)?;
        self.start_stores(None).await?;
        if !self.stores.is_empty() {
            // Services may look for what they keep before they serve.
            self.write_roster()?;
        }
        let plans = plan::children(&self.release.config);
        if !plans.is_empty() {
            self.output.say(&format!("starting {} instances", plans.len()));
        }
        self.instances = self.start_instances(plans).await?;
        self.write_roster()?;
        self.dir.switch(current).map_err(kept)?;
        self.output.say(&format!("starting {} gateways and the console", self.sockets.admin.len()));
        self.start_gateways().await?;
        self.start_console().await?;
        self.write_state()?;
        self.announce();
        if let Some(rps) = self.args.traffic {
            self.start_traffic(rps);
        }
        Ok(())
    }

    /// Writes `up.json` as things are now.
    pub fn write_state(&self) -> Result<(), Failed> {
        let gateways = self.gateways.iter().zip(&self.sockets.admin).map(|(gateway, admin)| state::Gateway {
            id: gateway.spec().id.clone(),
            admin: admin.address,
            pid: gateway.pid(),
        });
        let stores = self.stores.iter().map(|store| state::Instance {
            id: store.child.spec().id.clone(),
            address: store.listening.address,
            pid: store.child.pid(),
        });
        let instances = self.instances.iter().map(|instance| state::Instance {
            id: instance.plan.id.clone(),
            address: instance.address,
            pid: instance.child.pid(),
        });
        let state = state::State {
            pid: std::process::id(),
            public: self.sockets.public.address,
            private: self.sockets.private.address,
            console: self.sockets.console.address,
            gateways: gateways.collect(),
            instances: stores.chain(instances).collect(),
            release: self.release.hash,
            epoch: self.epoch,
        };
        state::write(&self.run, &state)
            .map_err(|error| Failed::while_doing("up.json cannot be written", &error))
    }

    fn announce(&self) {
        let sockets = &self.sockets;
        let say = |line: &str| self.output.say(line);
        say("");
        say(&format!(
            "{} is up: release {}, epoch {}",
            self.release.name,
            self.release.hash.short(),
            self.epoch
        ));
        say(&format!("  gateway  http://{}  ({} processes)", sockets.public.address, self.gateways.len()));
        say(&format!("  console  http://{}", sockets.console.address));
        say(&format!("  private  http://{}  (services call each other here)", sockets.private.address));
        for (gateway, admin) in self.gateways.iter().zip(&sockets.admin) {
            say(&format!("  admin    http://{}/metrics  ({})", admin.address, gateway.spec().id));
        }
        for store in &self.stores {
            let (address, id) = (store.listening.address, &store.child.spec().id);
            say(&format!("  store    http://{address}/metrics  ({id}, {})", self.engine().name()));
        }
        let tries = announce::tries(&self.release.config, &self.release.contract, sockets.public.address);
        if !tries.is_empty() {
            say("try:");
            tries.iter().for_each(|line| say(&format!("  {line}")));
        }
        say("Ctrl-C drains and ends.");
        say("");
    }
}
