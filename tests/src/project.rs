//! A project folder of a test: `tenet.toml`, contracts, whatever else, in a temporary place.

use crate::binary::root;
use std::path::{Path, PathBuf};

/// A temporary project folder, gone with its handle.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// An empty folder.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[expect(clippy::new_without_default, reason = "it makes a folder, which a Default should not")]
    pub fn new() -> Project {
        let folder = tempfile::Builder::new().prefix("tenet-test-").tempdir();
        Project { folder: folder.unwrap_or_else(|error| panic!("no temporary folder: {error}")) }
    }

    /// A copy of a folder of the checkout, without its run state.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn copy_of(relative: &str) -> Project {
        let project = Project::new();
        copy(&root().join(relative), project.path());
        project
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes `text` to `relative`, making folders as needed.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, relative: &str, text: &str) -> PathBuf {
        let path = self.path().join(relative);
        let folder = path.parent().unwrap_or(self.path());
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
        path
    }

    /// [`Project::write`] for building a project in one expression.
    #[must_use]
    pub fn with(self, relative: &str, text: &str) -> Project {
        self.write(relative, text);
        self
    }
}

fn copy(from: &Path, to: &Path) {
    let entries = std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".tenet" || entry.file_name() == "target" {
            continue;
        }
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap_or_else(|error| panic!("{}: {error}", target.display()));
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target)
                .unwrap_or_else(|error| panic!("{}: {error}", target.display()));
        }
    }
}
