//! `tenet store serve`: the data owner, one process of it, from its node facts and its release.
//!
//! ```text
//!   state folder ─┬─ current.json, releases/ ──▶ which collections there are, which engine keeps them   (follow.rs, engine.rs)
//!                 ├─ run/store-access.json ────▶ who may call, by the hashes of their secrets
//!                 └─ store/ ◀──────────────────▶ what is kept, where the engine is embedded
//!
//!   calls ──▶ tenet.store.v1.Store        admin listener ◀── readiness, releases (admin.rs)
//!   console ─▶ tenet.telemetry.v1.Telemetry, each second of the process (telemetry.rs)
//! ```
//!
//! Operators (`tenet store backup`, `get`, …) come by a Unix socket in the folder `run` (operator.rs), the command line's own part is in
//! commands/store/.
//!
//! It needs nobody else to begin, and nobody else while it serves.

mod admin;
pub mod engine;
pub mod follow;
pub mod namespaces;
pub mod operator;
mod telemetry;

use crate::cli::Failed;
use crate::commands::store as data;
use crate::{listeners, logging};
use clap::{Args, Subcommand};
use follow::{Begin, Followed};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tenet_api::store::v1::store_server::StoreServer;
use tenet_release::{Current, ReleaseDir, STORE};
use tenet_service::{Facts, Service};
use tenet_store::access::AccessFile;
use tenet_store::catalogue::Catalogue;
use tenet_store::engine::postgres::Postgres;
use tenet_store::guard::Guard;
use tenet_store::operator::Operator;
use tenet_store::owner::Owner;
use tenet_store::service::{FILE_DESCRIPTOR_SET, StoreService, limits};
use tenet_telemetry::Collector;
use tokio::signal::unix::{SignalKind, signal};

/// The file of those who may call, in the folder `run` of the state folder.
pub const ACCESS: &str = "store-access.json";
/// The folder of an embedded engine, in the state folder.
pub const FOLDER: &str = "store";
/// How long calls in flight may go on once the process is told to end: reads and writes have deadlines of seconds, and what streams is
/// taken up again elsewhere.
const DRAIN: Duration = Duration::from_secs(5);
/// Time for what still works on the disk to end, so that the folder is closed as it should be.
const CLOSE_TIME: Duration = Duration::from_secs(3);

/// What is done with the store.
#[derive(Clone, Debug, Subcommand)]
pub enum StoreCommand {
    /// Serve what services keep, one process.
    Serve(Box<StoreArgs>),
    /// Copy everything that is kept into a file, as it is at one moment, also while it is served.
    Backup(data::BackupArgs),
    /// Bring a backup back.
    Restore(data::RestoreArgs),
    /// Read everything and look whether it is whole: a backup, a folder of the embedded engine, or what is kept.
    Verify(data::VerifyArgs),
    /// Write items as lines of JSON.
    Export(data::ExportArgs),
    /// Bring in lines of JSON.
    Import(data::ImportArgs),
    /// Print records by their keys, as lines of JSON.
    Get(data::GetArgs),
    /// Print records in the order of their keys, as lines of JSON.
    Scan(data::ScanArgs),
    /// Print which collections there are and how much they hold.
    Describe(data::DescribeArgs),
}

/// Flags of `tenet store serve`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Node facts")]
pub struct StoreArgs {
    /// Unique name of the process in the fleet.
    #[arg(long, env = "TENET_NAME", default_value = "store-1")]
    name: String,
    /// The failure domain the process lives in.
    #[arg(long, env = "TENET_ZONE", default_value = "")]
    zone: String,
    /// Where it serves; never where strangers call.
    #[arg(long, env = "TENET_LISTEN", default_value = "127.0.0.1:8082")]
    listen: SocketAddr,
    /// Address of readiness, status and releases.
    #[arg(long, env = "TENET_ADMIN_LISTEN", default_value = "127.0.0.1:0")]
    admin_listen: SocketAddr,
    /// Folder of releases, of the current epoch, and of what an embedded engine keeps.
    #[arg(long, env = "TENET_STATE_DIR", default_value = ".tenet")]
    state_dir: PathBuf,
    /// The file that says who may call. Default: run/store-access.json in the state folder.
    #[arg(long, env = "TENET_STORE_ACCESS")]
    access: Option<PathBuf>,
    /// Let the process be told to misbehave, for drills.
    #[arg(long, env = "TENET_FAULT_POINTS")]
    fault_points: bool,
}

/// Does what was asked.
pub fn run(command: &StoreCommand) -> Result<(), Failed> {
    match command {
        StoreCommand::Serve(args) => serve(args),
        StoreCommand::Backup(args) => data::run(data::backup(args)),
        StoreCommand::Restore(args) => data::run(data::restore(args)),
        StoreCommand::Verify(args) => data::run(data::verify(args)),
        StoreCommand::Export(args) => data::run(data::export(args)),
        StoreCommand::Import(args) => data::run(data::import(args)),
        StoreCommand::Get(args) => data::run(data::get(args)),
        StoreCommand::Scan(args) => data::run(data::scan(args)),
        StoreCommand::Describe(args) => data::run(data::describe(args)),
    }
}

fn serve(args: &StoreArgs) -> Result<(), Failed> {
    let mut inherited = listeners::inherited()?;
    logging::start();
    let mut socket = |name: &str, address| -> Result<TcpListener, Failed> {
        let socket = inherited.take_or_bind(name, &[address])?.into_iter().next();
        socket.ok_or_else(|| Failed(format!("error: no socket for {name}")))
    };
    let sockets = (socket("store", args.listen)?, socket("admin", args.admin_listen)?);
    let dir = ReleaseDir::new(&args.state_dir);
    let begin = follow::begin(&dir)?;
    let folder = args.state_dir.join(FOLDER);
    // Until after the runtime: what still works on the disk then is ours.
    let _lock = engine::lock(&begin, &folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot start the store", &error))?;
    let ended = runtime.block_on(serve_on(args, sockets, dir, begin, folder));
    // A folder that is closed as it should be opens again without a look at every page of it.
    runtime.shutdown_timeout(CLOSE_TIME);
    ended
}

async fn serve_on(
    args: &StoreArgs,
    (listener, admin): (TcpListener, TcpListener),
    dir: ReleaseDir,
    begin: Begin,
    folder: PathBuf,
) -> Result<(), Failed> {
    let failed = |error: std::io::Error| Failed::while_doing("cannot start the store", &error);
    let (first, second) = tenet_service::signals::two().map_err(failed)?;
    let hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let opened = engine::open(&begin, folder).await?;
    let postgres = opened.postgres;
    let owner = Owner::start(opened.engine, opened.width);
    let access = args.access.clone().unwrap_or_else(|| args.state_dir.join("run").join(ACCESS));
    let service = service(&owner, &begin, AccessFile::new(access)).await?;
    tokio::spawn(tenet_store::upkeep::keep_up(owner.engine().clone()));
    let indexes = service.clone();
    tokio::spawn(async move { indexes.keep_indexes().await });
    let sizes = service.clone();
    tokio::spawn(async move { sizes.keep_sizes().await });
    tokio::spawn(tenet_store::metrics::measure(owner.engine().clone(), owner.metrics().clone()));

    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
    let admin = tokio::net::TcpListener::from_std(admin).map_err(failed)?;
    for (door, socket) in [("store", &listener), ("admin", &admin)] {
        // A port of 0 was chosen by the system: this is where an operator learns which.
        tracing::info!("listening: {door} {}", socket.local_addr().map_err(failed)?);
    }
    let operator = Operator::new(owner.clone(), service.clone(), &begin.newest().name);
    match operator::Door::listen(&args.state_dir.join("run"), &args.name) {
        Ok(door) => drop(tokio::spawn(door.serve(operator))),
        // Those who call are served all the same.
        Err(error) => tracing::error!("operators cannot reach this process: {error}"),
    }
    let facts = Facts {
        listen: listener.local_addr().map_err(failed)?,
        service: STORE.to_owned(),
        instance: args.name.clone(),
        zone: args.zone.clone(),
        version: begin.newest().hash.short(),
        drain: DRAIN,
        fault_points: args.fault_points,
        fault_slots: None,
    };
    let serving = Current { hash: begin.serving.hash, epoch: begin.epoch };
    let collector = telemetry::collector(&args.name, &args.zone, serving);
    tokio::spawn(telemetry::keep_time(collector.clone(), owner.clone()));
    let guard = postgres.clone().map(|postgres| keep_watch(postgres, collector.clone()));
    let parts = (service.clone(), owner.metrics().clone(), collector.clone(), guard.clone());
    let followed = Arc::new(Followed::new(dir, parts, &begin));
    tokio::spawn(admin::serve(followed.clone(), admin));
    tokio::spawn(followed.clone().follow(hangup));
    let stop = async {
        first.await;
        followed.end();
        telemetry::end(&collector);
    };
    let quotas = service.quotas().clone();
    let page = move |out: &mut String| {
        owner.write_metrics(out);
        quotas.write(out);
        if let Some(postgres) = &postgres {
            postgres.statistics().write(out);
        }
        Guard::write_metrics(guard.as_deref(), out);
    };
    let served = Service::new(STORE)
        .descriptor_set(FILE_DESCRIPTOR_SET)
        .add(StoreServer::new(service))
        .add(tenet_telemetry::watch_service(collector.clone()))
        .limits(limits())
        .metrics(page)
        .serve_on(listener, facts, stop);
    tokio::select! {
        served = served => served.map_err(|error| Failed::while_doing("the store ended", &error)),
        () = second => Ok(()),
    }
}

/// Looks for others on the database, for as long as the process lives.
fn keep_watch(postgres: Arc<Postgres>, collector: Arc<Collector>) -> Arc<Guard> {
    let guard = Arc::new(Guard::new(STORE, collector));
    let watching = guard.clone();
    tokio::spawn(async move { watching.keep_watch(postgres).await });
    guard
}

/// What is served from the first call on.
async fn service(owner: &Owner, begin: &Begin, access: AccessFile) -> Result<StoreService, Failed> {
    let declared = |error| Failed::while_doing("what is kept cannot be declared", &error);
    let catalogue = Catalogue::declare(owner.engine().as_ref(), namespaces::of(&begin.serving)?)
        .await
        .map_err(declared)?;
    let path = access.path().display().to_string();
    let service = StoreService::with_access(owner.clone(), catalogue, access).await.map_err(|error| {
        let Failed(text) = Failed::while_doing("it is not known who may call", &error);
        Failed(format!(
            "{text}\n  hint: `tenet up` writes {path}; it holds {{\"service\": [\"SHA-256 of its secret\"]}}"
        ))
    })?;
    service.limit(&namespaces::quotas(&begin.serving)?, follow::processes(&begin.serving));
    if let Some(coming) = &begin.coming {
        service.prepare(namespaces::of(coming)?).await.map_err(declared)?;
    }
    Ok(service)
}
