//! `tenet store verify`: everything is read, and each checksum looked at.

use super::args::VerifyArgs;
use super::progress::Progress;
use super::reach::{Purpose, Reached, head};
use super::{bad, failed};
use crate::cli::Failed;
use crate::lock;
use crate::roles::store_engine;
use std::path::Path;
use tenet_store::backup::{BackupError, Kind, Reader, Tally, decode_rows};
use tenet_store::engine::Engine as _;
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions, FILE};
use tenet_store::operator::{CopyOrder, Order};

/// Does it.
pub async fn run(args: &VerifyArgs) -> Result<(), Failed> {
    match &args.path {
        None => kept(args).await,
        Some(path) if path.is_dir() => folder(path).await,
        Some(path) => file(path),
    }
}

fn file(path: &Path) -> Result<(), Failed> {
    let mut reader = Reader::open(path).map_err(|error| bad(&error))?;
    let mut progress = Progress::new("verified", Some(reader.progress().1));
    while reader.part().map_err(|error| bad(&error))?.is_some() {
        let (read, _) = reader.progress();
        progress.at(read, reader.tally().items, read);
    }
    let head = reader.head();
    let seconds = head.at_unix_ms.div_euclid(1000);
    let time = tenet_transcode::instant::print(seconds, 0).unwrap_or_else(|| head.at_unix_ms.to_string());
    println!("backup {} of {:?} ({}), {time}, version {}", head.id, head.project, head.engine, head.version);
    whole(reader.tally());
    Ok(())
}

/// A folder that nobody has open; also its pages are looked at.
async fn folder(path: &Path) -> Result<(), Failed> {
    if !path.join(FILE).exists() {
        return Err(Failed(format!("error: {} is no folder of the embedded engine", path.display())));
    }
    let held = |pid: &str| {
        format!(
            "error: {} is open in another process ({pid})\n  hint: without a path, what is served is verified",
            path.display()
        )
    };
    let _lock = lock::take(&path.join(store_engine::LOCK), held)?;
    let place = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        Embedded::open(&place, EmbeddedOptions { check: true, ..EmbeddedOptions::default() })
    });
    let doing = |error: &dyn std::error::Error| {
        Failed::while_doing(&format!("cannot open {}", path.display()), error)
    };
    let engine = opened.await.map_err(|error| doing(&error))?.map_err(|error| doing(&error))?;
    let snapshot = engine.snapshot().await.map_err(|error| doing(&error))?;
    let mut progress = Progress::new("verified", snapshot.moment().rows);
    let at = |tally: &Tally| progress.at(tally.items + tally.tokens, tally.items, tally.bytes);
    let tally = Tally::of(snapshot, at).await.map_err(|error| bad(&error))?;
    if let Some(backup) = engine.unfinished_load().await.map_err(|error| doing(&error))? {
        return Err(Failed(format!(
            "error: the restore of the backup {backup:032x} did not end: half of it is there"
        )));
    }
    whole(&tally);
    Ok(())
}

/// What is kept, also while it is served.
async fn kept(args: &VerifyArgs) -> Result<(), Failed> {
    let reached = Reached::at(&args.at, Purpose::Look).await?;
    let order = CopyOrder { purpose: "verify".into(), what: "everything".into(), resume: None };
    let mut wire = reached.ask(&Order::Copy(order)).await?;
    let head = head(&mut wire).await?;
    let names = head.names();
    let mut progress = Progress::new("verified", head.rows);
    let mut tally = Tally::default();
    loop {
        let frame = wire.receive().await.map_err(|error| failed(&error))?;
        if frame.kind != Kind::Part {
            break;
        }
        tally.count(&decode_rows(&frame.payload).map_err(damaged)?, &names).map_err(damaged)?;
        progress.at(tally.items + tally.tokens, tally.items, tally.bytes);
    }
    tally.end().map_err(damaged)?;
    let _ = wire.send(Kind::End, b"").await;
    whole(&tally);
    Ok(())
}

fn whole(tally: &Tally) {
    println!(
        "whole: {} items ({} of them with an end), {} chunks, {} tokens, {} bytes of keys and values",
        tally.items, tally.mortal, tally.chunks, tally.tokens, tally.bytes
    );
}

fn damaged(what: String) -> Failed {
    bad(&BackupError::Kept(what))
}
