//! How a command reaches what is kept: through a process that serves it, else by opening it.

use super::args::Where;
use super::failed;
use crate::cli::Failed;
use crate::lock::Lock;
use crate::project;
use crate::roles::store_release::Begin;
use crate::roles::{STORE_FOLDER, store_engine, store_namespaces, store_operator, store_release};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tenet_release::{Release, ReleaseDir};
use tenet_store::backup::{Head, Kind};
use tenet_store::catalogue::Catalogue;
use tenet_store::operator::{Operator, Order, Wire};
use tenet_store::owner::Owner;
use tenet_store::service::StoreService;
use tokio::net::UnixStream;

/// Where uses are noted that no process of the store could note.
const LOG: &str = "store-operators.log";

/// What is kept, reached.
pub struct Reached {
    state: PathBuf,
    /// What it serves.
    pub begin: Begin,
    opened: Option<Opened>,
}

/// Opened by this process.
struct Opened {
    operator: Operator,
    _lock: Option<Lock>,
}

/// The state folder.
pub fn state(at: &Where) -> PathBuf {
    at.state_dir
        .clone()
        .unwrap_or_else(|| ReleaseDir::of_project(project::folder(&at.project)).root().to_owned())
}

/// What it is reached for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To read what is there.
    Look,
    /// To write.
    Write,
}

/// Whether a process serves it.
pub async fn served(state: &Path) -> bool {
    store_operator::connect(&state.join("run")).await.is_some()
}

impl Reached {
    /// Finds the process that serves, or opens it.
    pub async fn at(at: &Where, purpose: Purpose) -> Result<Reached, Failed> {
        let state = state(at);
        let begin = store_release::begin(&ReleaseDir::new(&state))?;
        let opened = if served(&state).await { None } else { Some(open(&state, &begin, purpose).await?) };
        Ok(Reached { state, begin, opened })
    }

    /// The release that says what is kept.
    pub fn release(&self) -> &Release {
        self.begin.newest()
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Sends an order.
    pub async fn ask(&self, order: &Order) -> Result<Wire, Failed> {
        let stream = match &self.opened {
            None => store_operator::connect(&self.state.join("run")).await.ok_or_else(|| {
                Failed("error: the store ended meanwhile\n  hint: run the command again".into())
            })?,
            Some(opened) => {
                self.note(order)?;
                let (ours, theirs) =
                    UnixStream::pair().map_err(|error| Failed::while_doing("no sockets", &error))?;
                let operator = opened.operator.clone();
                tokio::spawn(async move { operator.serve(theirs, &user()).await });
                ours
            }
        };
        let mut wire = Wire::new(stream);
        wire.ask(order).await.map_err(|error| failed(&error))?;
        Ok(wire)
    }

    /// A use that no process notes in its log.
    fn note(&self, order: &Order) -> Result<(), Failed> {
        let path = self.state.join("run").join(LOG);
        let failed = |error: std::io::Error| {
            Failed::while_doing(&format!("this use cannot be noted in {}", path.display()), &error)
        };
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = tenet_transcode::instant::print(since.as_secs().cast_signed(), 0).unwrap_or_default();
        let line = serde_json::json!({ "time": time, "user": user(), "order": order });
        std::fs::create_dir_all(self.state.join("run")).map_err(failed)?;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        writeln!(file, "{line}").map_err(failed)
    }
}

/// What an answer begins with.
pub async fn head(wire: &mut Wire) -> Result<Head, Failed> {
    let frame = wire.receive().await.map_err(|error| failed(&error))?;
    if frame.kind != Kind::Head {
        return Err(Failed("error: the store answers without a head".into()));
    }
    serde_json::from_slice(&frame.payload).map_err(|error| Failed::while_doing("the answer's head", &error))
}

async fn open(state: &Path, begin: &Begin, purpose: Purpose) -> Result<Opened, Failed> {
    let folder = state.join(STORE_FOLDER);
    let lock = store_engine::lock(begin, &folder)?;
    let opened = store_engine::open(begin, folder).await?;
    let owner = Owner::start(opened.engine, opened.width);
    let catalogue = match purpose {
        // This release may be older than what other machines serve, and a look is to change nothing.
        Purpose::Look => Catalogue::default(),
        // As it would serve: what comes in is looked at, and entered in its indexes.
        Purpose::Write => Catalogue::declare(owner.engine().as_ref(), store_namespaces::of(&begin.serving)?)
            .await
            .map_err(|error| Failed::while_doing("what is kept cannot be declared", &error))?,
    };
    let service = StoreService::new(owner.clone(), catalogue);
    let operator = Operator::new(owner, service, &begin.newest().name);
    Ok(Opened { operator, _lock: lock })
}

fn user() -> String {
    store_operator::user(nix::unistd::getuid().as_raw())
}
