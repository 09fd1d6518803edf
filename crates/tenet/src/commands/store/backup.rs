//! `tenet store backup`: everything, as it is at one moment, into one file; on from where it was interrupted.

use super::args::BackupArgs;
use super::progress::Progress;
use super::reach::{Purpose, Reached, head};
use super::{bad, failed};
use crate::cli::Failed;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use tenet_store::backup::{Begun, EXTENSION, Kind, PARTIAL, Writer, decode_rows};
use tenet_store::operator::{CopyOrder, Order, Resume, Wire, WireError};

/// Does it.
pub async fn run(args: &BackupArgs) -> Result<(), Failed> {
    let reached = Reached::at(&args.at, Purpose::Look).await?;
    let path = target(&args.to, &reached.release().name, args.anew)?;
    let begun = if args.anew { Begun::Nothing } else { Writer::find(&path).map_err(|error| bad(&error))? };
    let (writer, wire) = match begun {
        Begun::Partial(writer) => go_on(&reached, *writer, &path).await?,
        Begun::Nothing => anew(&reached, &path).await?,
        Begun::Useless(why) => {
            eprintln!("what was interrupted is of no use, so it begins anew: {why}");
            anew(&reached, &path).await?
        }
    };
    copy(writer, wire, &path).await
}

/// The moment of the file that was interrupted, or a new one where that is gone.
async fn go_on(reached: &Reached, writer: Writer, path: &Path) -> Result<(Writer, Wire), Failed> {
    let head = writer.head();
    if head.project != reached.release().name {
        return Err(Failed(format!(
            "error: {} is an interrupted backup of {:?}\n  hint: name another file, or say --anew",
            Writer::partial(path).display(),
            head.project
        )));
    }
    let resume =
        Resume { snapshot: head.snapshot.clone(), state: head.state.clone(), after: writer.after().cloned() };
    let mut wire = reached.ask(&order(Some(resume), path)).await?;
    match wire.receive().await {
        Ok(frame) if frame.kind == Kind::Head => {
            eprintln!("going on after {} items, at the same moment", writer.tally().items);
            Ok((writer, wire))
        }
        Ok(_) => Err(Failed("error: the store answers with something else than a backup".into())),
        Err(WireError::Refused(refusal)) if refusal.anew => {
            eprintln!("beginning anew: {}", refusal.text);
            // One at a time has the file.
            drop(writer);
            anew(reached, path).await
        }
        Err(error) => Err(failed(&error)),
    }
}

async fn anew(reached: &Reached, path: &Path) -> Result<(Writer, Wire), Failed> {
    let mut wire = reached.ask(&order(None, path)).await?;
    let head = head(&mut wire).await?;
    Ok((Writer::create(path, head).map_err(|error| bad(&error))?, wire))
}

fn order(resume: Option<Resume>, path: &Path) -> Order {
    let (purpose, what) = ("backup".into(), format!("everything, to {}", path.display()));
    Order::Copy(CopyOrder { purpose, what, resume })
}

async fn copy(mut writer: Writer, mut wire: Wire, path: &Path) -> Result<(), Failed> {
    let rows = |writer: &Writer| writer.tally().items + writer.tally().tokens;
    let mut progress = Progress::after("backed up", writer.head().rows, (rows(&writer), writer.bytes()));
    loop {
        let frame = wire.receive().await.map_err(|error| {
            let Failed(text) = failed(&error);
            Failed(format!("{text}\n  hint: the same command goes on where this one ended"))
        })?;
        match frame.kind {
            Kind::Part => {
                let rows = decode_rows(&frame.payload).map_err(Failed)?;
                writer.part(&rows).map_err(|error| bad(&error))?;
            }
            Kind::End => break,
            _ => return Err(Failed("error: the store answers with something else than a backup".into())),
        }
        progress.at(rows(&writer), writer.tally().items, writer.bytes());
    }
    let (id, bytes) = (writer.head().id.clone(), writer.bytes());
    let foot = writer.finish().map_err(|error| bad(&error))?;
    // The store may let go of the moment; one that is not told does so by itself after a while.
    let _ = wire.send(Kind::End, b"").await;
    progress.end(foot.tally.items, bytes);
    println!("{}", path.display());
    eprintln!(
        "backup {id}: {} items, {} tokens, sha256 {}",
        foot.tally.items, foot.tally.tokens, foot.digest
    );
    Ok(())
}

/// The file to write. In a folder, the one that was interrupted there, else a new name; a folder that is not there ends with `/`.
fn target(to: &Path, project: &str, anew: bool) -> Result<PathBuf, Failed> {
    if to.as_os_str().as_bytes().ends_with(b"/") {
        std::fs::create_dir_all(to)
            .map_err(|error| Failed::while_doing("the folder cannot be made", &error))?;
    }
    if !to.is_dir() {
        if to.exists() {
            let text =
                format!("error: {} is there already\n  hint: name another file, or a folder", to.display());
            return Err(Failed(text));
        }
        return Ok(to.to_owned());
    }
    let entries =
        std::fs::read_dir(to).map_err(|error| Failed::while_doing("the folder cannot be read", &error))?;
    let whole = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(&format!(".{EXTENSION}.{PARTIAL}"))?.to_owned();
        name.starts_with(&format!("{project}-")).then(|| path.with_file_name(format!("{name}.{EXTENSION}")))
    };
    let mut interrupted: Vec<PathBuf> = entries.flatten().filter_map(|entry| whole(entry.path())).collect();
    interrupted.sort();
    match interrupted.pop().filter(|_| !anew) {
        Some(path) => Ok(path),
        None => Ok(to.join(format!("{project}-{}.{EXTENSION}", now()))),
    }
}

/// The time as it may stand in the name of a file.
pub(super) fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let text = tenet_transcode::instant::print(since.as_secs().cast_signed(), 0).unwrap_or_default();
    text.replace([':', '-'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_a_name_and_what_was_interrupted_in_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = target(&folder.path().join("new/"), "feed", false).unwrap();
        assert!(fresh.starts_with(folder.path().join("new")) && folder.path().join("new").is_dir());
        let fresh = target(folder.path(), "feed", false).unwrap();
        let name = fresh.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.starts_with("feed-2") && name.ends_with("Z.tenet-backup"), "{name}");
        let interrupted = folder.path().join("feed-20260101T000000Z.tenet-backup");
        std::fs::write(Writer::partial(&interrupted), "").unwrap();
        assert_eq!(target(folder.path(), "feed", false).unwrap(), interrupted);
        assert_ne!(target(folder.path(), "feed", true).unwrap(), interrupted);
        assert_ne!(target(folder.path(), "other", false).unwrap(), interrupted);
        std::fs::write(&interrupted, "").unwrap();
        let Failed(text) = target(&interrupted, "feed", false).unwrap_err();
        assert!(text.contains("is there already"), "{text}");
        assert_eq!(target(&folder.path().join("x"), "feed", false).unwrap(), folder.path().join("x"));
    }
}
