//! One life: a process that opens the folder, looks at everything, repeats what it is told to, and works until it is killed.

use super::look;
use super::operation::Operation;
use super::wire::{Log, Message};
use super::work::Work;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::{Collection, Engine};
use tenet_store::name::{CollectionId, CollectionName, Name};
use tenet_store::owner::{Owner, Width};

/// By this variable a process learns that it is a life, and which.
pub const VARIABLE: &str = "TENET_CRASH_LIFE";
/// A life that nobody killed by then ends by itself, so that none is left behind.
const LONGEST: Duration = Duration::from_secs(60);
/// The log of changes is kept for so long: longer than a run.
const RETENTION: Duration = Duration::from_secs(24 * 3600);

/// Which life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Life {
    pub folder: PathBuf,
    pub seed: u64,
    pub life: u64,
    /// Calls open at a time.
    pub clients: u32,
    /// Up to where the log of changes was read.
    pub cursor: u64,
    /// The file with what is to be repeated, a line each.
    pub repeat: PathBuf,
    /// Whether it only looks, and ends by itself.
    pub last: bool,
}

/// Lives, if this process is one; its standard input is the pipe that it writes to.
pub fn live() -> Option<Result<(), String>> {
    let life = std::env::var(VARIABLE).ok()?;
    Some(begin(&life))
}

fn begin(life: &str) -> Result<(), String> {
    let life: Life = serde_json::from_str(life).map_err(|error| error.to_string())?;
    let pipe = std::io::stdin().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    let log = Log::new(File::from(pipe));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let log = Arc::new(log);
        let lived = async {
            let lived = run(&life, &log).await;
            if let Err(what) = lived {
                log.trouble(what);
            }
        };
        let _ = tokio::time::timeout(LONGEST, lived).await;
    });
    Ok(())
}

async fn run(life: &Life, log: &Arc<Log>) -> Result<(), String> {
    let began = Instant::now();
    let options = EmbeddedOptions { check: life.last, ..EmbeddedOptions::default() };
    let engine = Embedded::open(&life.folder.join("store"), options).map_err(|error| error.to_string())?;
    let last_version = engine.last_version().await.map_err(|error| error.to_string())?.0;
    log.say(&Message::Opened { last_version, took_us: began.elapsed().as_micros() as u64 });
    let collection = declare(&engine).await?;
    let client = 1000 * (life.life as u32 + 1) + 900;
    look::everything(&engine, collection, log, client).await?;
    look::feed(&engine, collection, log, life.cursor).await?;
    let owner = Owner::start(Arc::new(engine.clone()), Width::default());
    let work = Arc::new(Work::new(vec![owner], collection, log.clone(), life.seed, life.life));
    repeat(&work, read(life)?, client).await;
    if life.last {
        look::everything(&engine, collection, log, client).await?;
        look::feed(&engine, collection, log, 0).await?;
        log.say(&Message::Done);
        return Ok(());
    }
    log.say(&Message::Working);
    work.run(life.clients).await;
    Ok(())
}

/// The collection of all lives.
pub async fn declare(engine: &dyn Engine) -> Result<CollectionId, String> {
    let name = |name| Name::new(name).map_err(|error| error.to_string());
    let name = CollectionName { namespace: name("crash")?, collection: name("records")? };
    engine
        .declare(Collection { name, retention: RETENTION, layout: 0 })
        .await
        .map_err(|error| error.to_string())
}

fn read(life: &Life) -> Result<Vec<Operation>, String> {
    let text = std::fs::read_to_string(&life.repeat).map_err(|error| error.to_string())?;
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| error.to_string())).collect()
}

/// Does everything again that is to be repeated, all of it at once.
pub async fn repeat(work: &Arc<Work>, operations: Vec<Operation>, client: u32) {
    let each = operations.into_iter().enumerate().map(|(place, operation)| {
        let work = work.clone();
        // Each is a client of its own: they overlap.
        tokio::spawn(async move { work.repeat(client + 1 + place as u32 % 90, &operation).await })
    });
    for repeated in each.collect::<Vec<_>>() {
        let _ = repeated.await;
    }
}
