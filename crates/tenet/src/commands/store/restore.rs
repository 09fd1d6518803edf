//! `tenet store restore`: a backup into the project's engine, or into a folder.
//!
//! Embedded, it is restored into a folder beside (`….restoring`), looked through, and only then gets the name, so that half a restore is never
//! served; what was there keeps another name. In PostgreSQL it is restored in place, and the store does not begin before it ended.

use super::args::RestoreArgs;
use super::progress::Progress;
use super::reach::{served, state};
use super::{backup, bad};
use crate::cli::Failed;
use crate::lock::{self, Lock};
use crate::roles::{STORE_FOLDER, store_engine, store_release};
use std::path::Path;
use tenet_release::ReleaseDir;
use tenet_release::config::Engine as Kind;
use tenet_store::backup::{Reader, Restore};
use tenet_store::engine::embedded::FILE;
use tenet_store::engine::{Cursor, Engine};
use tenet_store::item::Version;

/// Does it.
pub async fn run(args: &RestoreArgs) -> Result<(), Failed> {
    // Looked at before anything is touched: who brings half a file loses nothing.
    let reader = Reader::open(&args.from).map_err(|error| bad(&error))?;
    look_through(&args.from)?;
    if let Some(folder) = &args.into {
        return embedded(reader, folder, args.replace).await;
    }
    let state = state(&args.at);
    if served(&state).await {
        return Err(Failed(
            "error: the store runs, and would not know what changed under it\n  hint: end `tenet up`, restore, and start it again; or restore elsewhere with --into"
                .into(),
        ));
    }
    let begin = store_release::begin(&ReleaseDir::new(&state)).map_err(|Failed(text)| {
        Failed(format!("{text}\n  hint: --into FOLDER restores without a release"))
    })?;
    match store_engine::store(&begin).engine {
        Kind::Embedded => embedded(reader, &state.join(STORE_FOLDER), args.replace).await,
        Kind::Postgres => {
            let opened = store_engine::open_to_restore(&begin, state.join(STORE_FOLDER)).await?;
            bring(opened.engine.as_ref(), reader, args.replace, (Version(0), Cursor(0))).await
        }
    }
}

fn look_through(path: &Path) -> Result<(), Failed> {
    let mut reader = Reader::open(path).map_err(|error| bad(&error))?;
    let mut progress = Progress::new("looked through", Some(reader.progress().1));
    while reader.part().map_err(|error| bad(&error))?.is_some() {
        let (read, _) = reader.progress();
        progress.at(read, reader.tally().items, read);
    }
    Ok(())
}

async fn embedded(reader: Reader, folder: &Path, replace: bool) -> Result<(), Failed> {
    let there = folder.join(FILE).exists();
    if there && !replace {
        return Err(Failed(format!(
            "error: {} holds data already\n  hint: --replace puts the backup in their place; they are kept beside it",
            folder.display()
        )));
    }
    let _lock = if there { Some(lock(folder)?) } else { None };
    let least = if there { last_of(folder).await } else { (Version(0), Cursor(0)) };
    let beside = store_engine::beside(folder, store_engine::RESTORING);
    {
        let _lock = lock(&beside)?;
        let engine = store_engine::embedded(beside.clone()).await?;
        // What lies beside is a restore of ours: of this backup it goes on, of another it is begun anew.
        bring(engine.as_ref(), reader, true, least).await?;
    }
    let failed =
        |error: std::io::Error| Failed::while_doing("what was restored cannot be put in place", &error);
    if folder.exists() {
        let kept = store_engine::beside(folder, &format!("before-{}", backup::now()));
        std::fs::rename(folder, &kept).map_err(failed)?;
        eprintln!("what was there is kept in {}", kept.display());
    }
    std::fs::rename(&beside, folder).map_err(failed)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)
}

fn lock(folder: &Path) -> Result<Lock, Failed> {
    let held = |pid: &str| format!("error: {} is open in another process ({pid})", folder.display());
    lock::take(&folder.join(store_engine::LOCK), held)
}

/// The last version and the last place in the log that were given where something is replaced. Where it cannot be read any more, which is why it
/// may be replaced, the leap behind the backup's has to do.
async fn last_of(folder: &Path) -> (Version, Cursor) {
    let found = async {
        let engine = store_engine::embedded(folder.to_owned()).await.ok()?;
        let snapshot = engine.snapshot().await.ok()?;
        Some((snapshot.moment().version, snapshot.moment().logged))
    };
    found.await.unwrap_or_else(|| {
        eprintln!("what is replaced cannot be read");
        (Version(0), Cursor(0))
    })
}

async fn bring(
    engine: &dyn Engine,
    reader: Reader,
    replace: bool,
    least: (Version, Cursor),
) -> Result<(), Failed> {
    let mut restore = Restore::begin(engine, reader, replace, least).await.map_err(|error| bad(&error))?;
    if restore.resumed() > 0 {
        eprintln!("going on after {} parts", restore.resumed());
    }
    let mut progress = Progress::new("restored", Some(restore.reader().progress().1));
    let again = |error| {
        let Failed(text) = bad(&error);
        Failed(format!("{text}\n  hint: the same command goes on where this one ended"))
    };
    while restore.step().await.map_err(again)? {
        let (read, _) = restore.reader().progress();
        progress.at(read, restore.reader().tally().items, read);
    }
    let tally = restore.reader().tally();
    progress.end(tally.items, tally.bytes);
    let found = restore.verify().await.map_err(|error| bad(&error))?;
    eprintln!(
        "verified: {} items and {} tokens are there as they are in the backup",
        found.items, found.tokens
    );
    Ok(())
}
