//! Releases on disk: `releases/<hash>.tenet` and `current.json`, which says which one serves and under which epoch.
//!
//! A gateway that is restarted reads its release from here and needs nothing else to serve.

use crate::file::replace_file;
use crate::{BundleError, Release, ReleaseHash};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The folder that a project's own state lives in, below the project.
const STATE_DIR: &str = ".tenet";

/// The state folder of one project or process.
#[derive(Clone, Debug)]
pub struct ReleaseDir {
    root: PathBuf,
}

/// Which release serves. Unknown fields are ignored: another version may have written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// The release.
    pub hash: ReleaseHash,
    /// Its number in the sequence of switches; grows by one with each.
    pub epoch: u64,
}

/// Why the state folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseDirError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// `current.json` or `run/prepared.json` is not what it should be.
    #[error("{}: {message}", path.display())]
    Current {
        /// The file.
        path: PathBuf,
        /// What was found.
        message: String,
    },
    /// The bundle cannot be read.
    #[error("{}: {source}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BundleError,
    },
}

impl ReleaseDir {
    /// The state folder `root` (`.tenet`); it is created when first written to.
    pub fn new(root: impl Into<PathBuf>) -> ReleaseDir {
        ReleaseDir { root: root.into() }
    }

    /// The state folder of the project in the folder `project`.
    pub fn of_project(project: &Path) -> ReleaseDir {
        ReleaseDir::new(project.join(STATE_DIR))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the bundle of `hash` is kept.
    pub fn bundle_path(&self, hash: ReleaseHash) -> PathBuf {
        self.root.join("releases").join(format!("{hash}.tenet"))
    }

    /// Where the roster of this project is kept.
    pub fn roster_path(&self) -> PathBuf {
        self.root.join("run").join("roster.json")
    }

    fn current_path(&self) -> PathBuf {
        self.root.join("current.json")
    }

    fn prepared_path(&self) -> PathBuf {
        self.root.join("run").join("prepared.json")
    }

    /// Keeps the bundle of a release; what is there already is not written again.
    pub fn keep(&self, release: &Release) -> Result<PathBuf, ReleaseDirError> {
        let path = self.bundle_path(release.hash);
        // A half-written or altered file must not pass for the release it is named after.
        if std::fs::read(&path)
            .is_ok_and(|bytes| Release::from_bytes(&bytes).is_ok_and(|r| r.hash == release.hash))
        {
            return Ok(path);
        }
        replace_file(&path, &release.to_bytes()).map_err(|source| ReleaseDirError::Io {
            action: "write",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// Which release serves; `None` before the first.
    pub fn current(&self) -> Result<Option<Current>, ReleaseDirError> {
        read(self.current_path())
    }

    /// Makes `hash` the release that serves, under `epoch`, in one step.
    pub fn switch(&self, current: Current) -> Result<(), ReleaseDirError> {
        write(self.current_path(), current)
    }

    /// Which release is about to serve, while a supervisor brings it about: that of a greater epoch than the current one. What
    /// others need before they are started for it can then be there already.
    pub fn prepared(&self) -> Result<Option<Current>, ReleaseDirError> {
        read(self.prepared_path())
    }

    /// Says which release is about to serve.
    pub fn prepare(&self, coming: Current) -> Result<(), ReleaseDirError> {
        write(self.prepared_path(), coming)
    }

    /// The epoch that `hash` would serve under: the current one if it serves already, else the next.
    pub fn epoch_for(&self, hash: ReleaseHash) -> Result<u64, ReleaseDirError> {
        Ok(match self.current()? {
            Some(current) if current.hash == hash => current.epoch,
            Some(current) => current.epoch + 1,
            None => 1,
        })
    }

    /// The release that serves and its epoch; `None` before the first.
    pub fn load_current(&self) -> Result<Option<(Release, u64)>, ReleaseDirError> {
        let Some(current) = self.current()? else { return Ok(None) };
        Ok(Some((self.load(current.hash)?, current.epoch)))
    }

    /// Reads the bundle of `hash`.
    pub fn load(&self, hash: ReleaseHash) -> Result<Release, ReleaseDirError> {
        let path = self.bundle_path(hash);
        let bytes = std::fs::read(&path).map_err(|source| ReleaseDirError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let release = Release::from_bytes(&bytes)
            .map_err(|source| ReleaseDirError::Bundle { path: path.clone(), source })?;
        if release.hash != hash {
            let message = format!("the file holds release {}", release.hash);
            return Err(ReleaseDirError::Bundle { path, source: BundleError::Damaged(message) });
        }
        Ok(release)
    }
}

fn read(path: PathBuf) -> Result<Option<Current>, ReleaseDirError> {
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ReleaseDirError::Current { path, message: error.to_string() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReleaseDirError::Io { action: "read", path, source }),
    }
}

fn write(path: PathBuf, current: Current) -> Result<(), ReleaseDirError> {
    let text = serde_json::to_vec(&current)
        .map_err(|error| ReleaseDirError::Current { path: path.clone(), message: error.to_string() })?;
    replace_file(&path, &text).map_err(|source| ReleaseDirError::Io { action: "write", path, source })
}
