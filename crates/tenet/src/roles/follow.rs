//! SIGHUP for a gateway that was started on a project folder: load it again, and let the gateway take over what passed.
//!
//! The gateway itself answers SIGHUP by reading `current.json`. Whoever changes that file decides what serves, so this thread
//! loads the project, writes the file and raises the signal once more. A project that does not load is only logged.

use crate::cli::Failed;
use crate::project;
use nix::sys::signal::{Signal, raise};
use std::path::{Path, PathBuf};
use tenet_release::{Current, ReleaseDir, ReleaseHash};
use tokio::signal::unix::{SignalKind, signal};

/// Starts to follow; `serving` is what the gateway begins with.
pub fn start(project: PathBuf, dir: ReleaseDir, serving: ReleaseHash) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::while_doing("cannot listen to signals", &error))?;
    let mut hangup = {
        let _guard = runtime.enter();
        signal(SignalKind::hangup())
            .map_err(|error| Failed::while_doing("cannot listen to signals", &error))?
    };
    let follow = move || {
        let mut told = serving;
        // `None` would mean that the runtime is gone, and the process with it.
        while runtime.block_on(hangup.recv()).is_some() {
            match publish(&project, &dir, told) {
                Ok(hash) if hash == told => {}
                Ok(hash) => {
                    told = hash;
                    if let Err(error) = raise(Signal::SIGHUP) {
                        tracing::error!("the new release waits for the next SIGHUP: {error}");
                    }
                }
                Err(Failed(text)) => {
                    tracing::error!("the project was not taken over, what ran goes on:\n{text}")
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("follow".into())
        .spawn(follow)
        .map_err(|error| Failed::while_doing("cannot start a thread", &error))?;
    Ok(())
}

/// Makes the project's release the current one; its hash. Another gateway on the same folder may have been faster.
fn publish(project: &Path, dir: &ReleaseDir, told: ReleaseHash) -> Result<ReleaseHash, Failed> {
    let failed = |error| Failed::while_doing("cannot use the state folder", &error);
    let release = project::load(project)?;
    if release.hash != told {
        let epoch = dir.epoch_for(release.hash).map_err(failed)?;
        dir.keep(&release).map_err(failed)?;
        dir.switch(Current { hash: release.hash, epoch }).map_err(failed)?;
    }
    Ok(release.hash)
}
