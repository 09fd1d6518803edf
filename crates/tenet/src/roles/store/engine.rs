//! The engine that a release names, opened for this fleet and no other.

use super::follow::Begin;
use crate::cli::Failed;
use crate::lock::{self, Lock};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tenet_release::config::{Engine as Kind, Store};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions, FILE};
use tenet_store::engine::postgres::{Postgres, PostgresConfig};
use tenet_store::engine::{Engine, EngineError, Sharing, Stamp};
use tenet_store::owner::Width;

/// The lock in the folder of an embedded engine.
pub const LOCK: &str = "store.lock";
/// What the name of a folder ends with while a backup is restored into it.
pub const RESTORING: &str = "restoring";

/// An engine that is ours.
pub struct Opened {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// The same, where others can get at what it keeps.
    pub postgres: Option<Arc<Postgres>>,
    /// How wide it is driven.
    pub width: Width,
}

/// Takes the folder of an embedded engine for this process; the engine has a lock of its own, but does not know who has it.
pub fn lock(begin: &Begin, folder: &Path) -> Result<Option<Lock>, Failed> {
    if store(begin).engine != Kind::Embedded {
        return Ok(None);
    }
    let held = |pid: &str| {
        format!(
            "error: {} is open in another process ({pid})\n  hint: an embedded folder has one owner at a time: end that process, or use engine = \"postgres\" in [store] of tenet.toml",
            folder.display()
        )
    };
    lock::take(&folder.join(LOCK), held).map(Some)
}

/// The folder beside `folder` whose name ends so.
pub fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder.with_file_name(format!("{name}.{suffix}"))
}

/// Opens it, and makes sure that it is this fleet's and whole.
pub async fn open(begin: &Begin, folder: PathBuf) -> Result<Opened, Failed> {
    let restoring = beside(&folder, RESTORING);
    if store(begin).engine == Kind::Embedded && !folder.join(FILE).exists() && restoring.exists() {
        // It died before what it restored got its name: nothing here would look like nothing was ever kept.
        return Err(Failed(format!(
            "error: {} is empty, and a restore into it did not end: {} is there\n  hint: `tenet store restore --from` the backup again, or remove that folder",
            folder.display(),
            restoring.display()
        )));
    }
    let opened = open_to_restore(begin, folder).await?;
    let unfinished = opened.engine.unfinished_load().await;
    match unfinished
        .map_err(|error| Failed::while_doing("it is not known whether the engine is whole", &error))?
    {
        None => Ok(opened),
        Some(backup) => Err(Failed(format!(
            "error: the restore of the backup {backup:032x} did not end, so half of it is there\n  hint: go on with `tenet store restore --from` that backup"
        ))),
    }
}

/// Opens it whether a restore ended or not.
pub async fn open_to_restore(begin: &Begin, folder: PathBuf) -> Result<Opened, Failed> {
    let (engine, postgres): (Arc<dyn Engine>, _) = match store(begin).engine {
        Kind::Embedded => (embedded(folder).await?, None),
        Kind::Postgres => {
            let postgres = postgres(&store(begin), &begin.newest().config.name).await?;
            (postgres.clone(), Some(postgres))
        }
    };
    claim(engine.as_ref(), &begin.newest().name).await?;
    let width = Width::of(engine.as_ref());
    Ok(Opened { engine, postgres, width })
}

/// What the newest release says of the store. Where nothing is kept any more, the engine that nobody has to set up.
pub fn store(begin: &Begin) -> Store {
    begin.newest().config.store().unwrap_or_default()
}

pub async fn embedded(folder: PathBuf) -> Result<Arc<dyn Engine>, Failed> {
    let place = folder.display().to_string();
    // After a crash it looks at every page.
    let opened = tokio::task::spawn_blocking(move || Embedded::open(&folder, EmbeddedOptions::default()));
    match opened.await {
        Ok(Ok(engine)) => Ok(Arc::new(engine)),
        Ok(Err(error)) => Err(Failed::while_doing(&format!("cannot open {place}"), &error)),
        Err(error) => Err(Failed::while_doing(&format!("cannot open {place}"), &error)),
    }
}

async fn postgres(store: &Store, name: &str) -> Result<Arc<Postgres>, Failed> {
    if name.is_empty() {
        let text = "error: a fleet without a name cannot own a database, which knows its owner by that\n  hint: write `name = \"…\"` into tenet.toml";
        return Err(Failed(text.into()));
    }
    let unset = |variable: String| {
        Failed(format!(
            "error: [store] url is in the environment variable {variable}, which is not set\n  hint: set it where `tenet up` is started; services do not get it"
        ))
    };
    let url = store.url(|variable| std::env::var(variable).ok()).map_err(unset)?.unwrap_or_default();
    let shown = store.shown_url().unwrap_or_default();
    let engine = Postgres::open(PostgresConfig::new(url)).await;
    let engine = engine.map_err(|error| Failed::while_doing(&format!("cannot use {shown}"), &error))?;
    Ok(Arc::new(engine))
}

/// Two fleets on one database would change each other's state. A folder is its fleet's by where it lies; that may have got another name.
async fn claim(engine: &dyn Engine, owner: &str) -> Result<(), Failed> {
    let stamp = Stamp { owner: owner.to_owned(), id: rand::random() };
    let found = engine
        .claim(stamp)
        .await
        .map_err(|error| Failed::while_doing("it is not known whose the engine is", &error))?;
    if found.owner == owner {
        return Ok(());
    }
    if engine.guarantees().sharing == Sharing::Exclusive {
        tracing::warn!("what is kept here was begun by the fleet {:?}; this one is {owner:?}", found.owner);
        return Ok(());
    }
    let error = EngineError::Owned { owner: found.owner };
    let Failed(text) = Failed::while_doing(&format!("the fleet {owner:?} cannot use the engine"), &error);
    Err(Failed(format!("{text}\n  hint: give this fleet a database of its own")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_store::engine::memory::Memory;

    #[tokio::test]
    async fn a_folder_may_change_its_fleets_name_and_the_stamp_stays() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap();
        claim(&engine, "first").await.unwrap();
        claim(&engine, "second").await.unwrap();
        let stamp = Stamp { owner: "third".into(), id: 3 };
        assert_eq!(engine.claim(stamp).await.unwrap().owner, "first");
    }

    #[tokio::test]
    async fn an_engine_that_others_can_reach_is_one_fleets() {
        let engine = Memory::new();
        claim(&engine, "first").await.unwrap();
        claim(&engine, "first").await.unwrap();
        let shared = engine.guarantees().sharing == Sharing::Shared;
        let refused = claim(&engine, "second").await.map_err(|Failed(text)| text);
        assert_eq!(refused.as_ref().is_err_and(|text| text.contains("\"first\"")), shared, "{refused:?}");
    }
}
