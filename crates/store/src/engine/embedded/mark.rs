//! How far the store is, noted beside the tree after each durable step, and never synced.
//!
//! A tree that was not closed goes back behind its last step where a page of that is damaged: to it, a step that the power cut off looks the same. What the
//! note says was durable when it was written, so a tree that is behind its note has lost what was acknowledged, and says so. The note may be lost or
//! old after a power cut, never ahead: at worst it says too little.

use super::rows;
use crate::engine::EngineError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The file in the folder.
const FILE: &str = "store.mark";
/// What its checksum is of, beside its number.
const KEY: &[u8] = b"mark";
/// Bytes of a note, at most.
const LENGTH: usize = 64;

/// Where a note is kept: a file, or what a test puts in its place.
pub trait Aside: Send + Sync + 'static {
    /// The last note that is left; empty where there is none.
    ///
    /// # Errors
    /// The disk fails.
    fn load(&self) -> io::Result<Vec<u8>>;

    /// Replaces it, without waiting for the disk.
    ///
    /// # Errors
    /// The disk fails.
    fn store(&self, note: &[u8]) -> io::Result<()>;
}

impl Aside for File {
    fn load(&self) -> io::Result<Vec<u8>> {
        let mut note = vec![0; LENGTH];
        let length = self.read_at(&mut note, 0)?;
        note.truncate(length);
        Ok(note)
    }

    fn store(&self, note: &[u8]) -> io::Result<()> {
        self.write_all_at(note, 0)
    }
}

/// See the module.
pub(super) struct Mark {
    aside: Box<dyn Aside>,
    failed: AtomicBool,
}

impl Mark {
    pub(super) fn new(aside: impl Aside) -> Mark {
        Mark { aside: Box::new(aside), failed: AtomicBool::new(false) }
    }

    /// The one of a folder.
    pub(super) fn open(folder: &Path) -> io::Result<Mark> {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(folder.join(FILE))?;
        Ok(Mark::new(file))
    }

    /// Looks whether a tree with this last version has everything that was durable.
    ///
    /// # Errors
    /// It has not.
    pub(super) fn check(&self, last: u64) -> Result<(), EngineError> {
        let note = self.aside.load();
        let note = note.map_err(|error| EngineError::Unavailable(format!("{FILE}: {error}")))?;
        // Half a note, or none, says nothing.
        let noted = rows::read_number(FILE, KEY, &note).unwrap_or(0);
        if noted <= last {
            return Ok(());
        }
        let what = format!(
            "its last version is {last}, though {noted} was durable: its end is damaged, or it is an older file; restore a backup, or remove {FILE} to go on without what is missing"
        );
        Err(EngineError::Corrupt { place: super::FILE.into(), what })
    }

    /// Notes that a version is durable.
    pub(super) fn note(&self, version: u64) {
        // An old note does no harm, so that is said once and nothing ends.
        if let Err(error) = self.aside.store(&rows::number(KEY, version))
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "{FILE} cannot be written, so a damaged last step might not be noticed after a crash: {error}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_behind_its_note_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let check = |last| Mark::open(folder.path()).unwrap().check(last).map_err(|error| error.to_string());
        assert_eq!(check(0), Ok(()), "there is no note yet");
        Mark::open(folder.path()).unwrap().note(7);
        assert_eq!((check(7), check(8)), (Ok(()), Ok(())));
        let refused = check(6).unwrap_err();
        assert!(refused.contains("version is 6, though 7 was durable"), "{refused}");
        // Half a note says nothing.
        let path = folder.path().join(FILE);
        let note = std::fs::read(&path).unwrap();
        for half in 0..note.len() {
            std::fs::write(&path, &note[..half]).unwrap();
            assert_eq!(check(0), Ok(()), "{half} bytes of {}", note.len());
        }
    }
}
