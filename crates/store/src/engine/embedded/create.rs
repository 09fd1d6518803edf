//! The first file of a folder: laid out under another name. One whose process is killed while the tree lays it out is no file of the tree's, and
//! would be refused as damaged for ever.

use super::tables::at;
use super::{EmbeddedOptions, FILE, builder};
use crate::engine::EngineError;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How a file is called while it is laid out; a number no other process has is before it.
const DRAFT: &str = ".new";

/// Makes the file in `folder` where there is none.
pub(super) fn create(folder: &Path, options: EmbeddedOptions) -> Result<(), EngineError> {
    let file = folder.join(FILE);
    if file.exists() {
        return Ok(());
    }
    let place = folder.display().to_string();
    let failed = |error: std::io::Error| at(&place, redb::StorageError::from(error));
    let draft = folder.join(format!("{FILE}.{:016x}{DRAFT}", rand::random::<u64>()));
    drop(builder(options).create(&draft).map_err(|error| at(&place, error))?);
    // Not renamed: another process may have been first, and is writing by now.
    match std::fs::hard_link(&draft, &file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    for draft in drafts(folder).map_err(failed)? {
        // Left, it takes room and does no harm.
        let _ = std::fs::remove_file(draft);
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Those of this process and of such as died.
fn drafts(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let draft = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(FILE) && name.ends_with(DRAFT)
    };
    Ok(std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(draft).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Embedded;
    use super::*;

    #[test]
    fn what_died_while_it_was_laid_out_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("store.redb.0123.new"), [0; 4096]).unwrap();
        for _ in 0..2 {
            drop(Embedded::open(folder.path(), EmbeddedOptions::default()).unwrap());
            let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(names.collect::<Vec<_>>(), [FILE]);
        }
        // What is no file of the tree's under its name is not touched.
        std::fs::write(folder.path().join(FILE), [0; 4096]).unwrap();
        assert!(Embedded::open(folder.path(), EmbeddedOptions::default()).is_err());
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), [0; 4096]);
    }
}
