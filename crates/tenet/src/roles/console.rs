//! `tenet console`: serves people what the gateways measure, and watches the databases that services declare as their own.

mod databases;

use crate::cli::Failed;
use crate::{listeners, logging};
use clap::Args;
use databases::Databases;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tenet_control::Own;
use tenet_release::ReleaseDir;
use tokio::signal::unix::{SignalKind, signal};

/// Flags of `tenet console`.
#[derive(Clone, Debug, Args)]
pub struct ConsoleArgs {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Admin address of a gateway, HOST:PORT; once for each.
    #[arg(long = "gateway", required = true)]
    gateways: Vec<String>,
    /// What the fleet is called.
    #[arg(long, default_value = "tenet")]
    project: String,
    /// Folder of releases: databases that the current one declares are watched. Default: none are.
    #[arg(long)]
    state_dir: Option<PathBuf>,
}

/// Serves until it is told to stop.
pub fn run(args: ConsoleArgs) -> Result<(), Failed> {
    let mut inherited = listeners::inherited()?;
    logging::start();
    let listen = inherited
        .take_or_bind("console", &[args.listen])?
        .into_iter()
        .next()
        .ok_or_else(|| Failed("error: no socket to listen on".into()))?;
    // Two threads: people are few, and a slow page must not keep the streams of seconds waiting.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot start the console", &error))?;
    let options = tenet_control::Options { listener: listen, gateways: args.gateways, project: args.project };
    runtime
        .block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let told_to_stop = async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            let mut own = Own::default();
            if let Some(folder) = args.state_dir {
                let databases = Arc::new(Databases::new(own.collector.clone()));
                let watched = databases.clone();
                own.metrics = Box::new(move |out| watched.write_metrics(out));
                tokio::spawn(async move { databases.follow(ReleaseDir::new(folder)).await });
            }
            tenet_control::run_with(options, own, told_to_stop).await
        })
        .map_err(|error| Failed(format!("error: the console ended: {error}")))
}
