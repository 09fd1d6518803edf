//! `tenet gateway`: the data plane of one process, from its node facts and its release.

use super::follow;
use crate::cli::{FactArgs, Failed};
use crate::listeners;
use crate::{logging, project};
use clap::Args;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use tenet_release::node::{self, Given, Resolved, Source};
use tenet_release::{Current, Release, ReleaseDir, ReleaseDirError};

/// The file of node facts, where nobody names another.
const NODE_FILE: &str = "node.toml";

/// Flags of `tenet gateway`.
#[derive(Clone, Debug, Args)]
pub struct GatewayArgs {
    /// The project folder to load the release from; without it, the last release in the state folder serves.
    project: Option<PathBuf>,
    /// The file of node facts. Default: node.toml, where there is one.
    #[arg(long)]
    node: Option<PathBuf>,
    #[command(flatten)]
    facts: FactArgs,
}

/// Serves until it has been told to stop and has drained.
pub fn run(args: &GatewayArgs) -> Result<(), Failed> {
    let mut inherited = listeners::inherited()?;
    logging::start();
    let mut resolved = facts(args)?;
    let project = args.project.as_deref().map(project::folder);
    if let Some(project) = project {
        keep_state_in(project, &mut resolved);
    }
    let facts = resolved.facts;
    let dir = ReleaseDir::new(&facts.state_dir);
    let (release, epoch) = release(project, &dir)?;
    if let Some(project) = project {
        follow::start(project.to_owned(), dir, release.hash)?;
    }
    let public = inherited.take_or_bind("public", &facts.listen)?;
    let private = inherited.take_or_bind("private", &facts.private_listen)?;
    let admin = inherited
        .take_or_bind("admin", &[facts.admin_listen])?
        .into_iter()
        .next()
        .ok_or_else(|| Failed("error: no socket for the admin listener".into()))?;
    for (door, socket) in
        named("public", &public).chain(named("private", &private)).chain([("admin", &admin)])
    {
        // A port of 0 was chosen by the system: this is where an operator learns which.
        tracing::info!("listening: {door} {}", socket.local_addr().map_err(Failed::new)?);
    }
    let options = tenet_gateway::Options { facts, release, epoch, public, private, admin };
    tenet_gateway::run(options).map_err(|error| Failed(format!("error: the gateway ended: {error}")))
}

fn named<'a>(door: &'a str, sockets: &'a [TcpListener]) -> impl Iterator<Item = (&'a str, &'a TcpListener)> {
    sockets.iter().map(move |socket| (door, socket))
}

fn facts(args: &GatewayArgs) -> Result<Resolved, Failed> {
    let beside = args.project.as_deref().map_or(Path::new("."), project::folder).join(NODE_FILE);
    let path = args.node.clone().or_else(|| beside.is_file().then_some(beside));
    let file = match path {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Failed::while_doing(&format!("cannot read {}", path.display()), &error))?;
            Some((path.display().to_string(), text))
        }
    };
    // A variable that is not UTF-8 cannot be a fact: its name would not be one of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    node::resolve(&Given { file, environment, flags: args.facts.clone().by_key() }, cpus).map_err(Failed::new)
}

/// A project's own state folder is beside its `tenet.toml`, wherever the process was started.
fn keep_state_in(project: &Path, resolved: &mut Resolved) {
    if resolved.sources.get("state_dir") == Some(&Source::Default) {
        let dir = ReleaseDir::of_project(project);
        resolved.facts.state_dir = dir.root().to_owned();
        if resolved.sources.get("roster") == Some(&Source::Default) {
            resolved.facts.roster = dir.roster_path();
        }
    }
}

/// The release to serve and its epoch. A release loaded from a project becomes the current one of its state folder.
fn release(project: Option<&Path>, dir: &ReleaseDir) -> Result<(Release, u64), Failed> {
    let failed = |error: ReleaseDirError| Failed::while_doing("cannot use the state folder", &error);
    match project {
        None => dir.load_current().map_err(failed)?.ok_or_else(|| {
            Failed(format!(
                "error: {} holds no release, expected current.json: name a project folder, or give the state folder of one that ran",
                dir.root().display()
            ))
        }),
        Some(project) => {
            let release = project::load(project)?;
            let epoch = dir.epoch_for(release.hash).map_err(failed)?;
            dir.keep(&release).map_err(failed)?;
            dir.switch(Current { hash: release.hash, epoch }).map_err(failed)?;
            Ok((release, epoch))
        }
    }
}
