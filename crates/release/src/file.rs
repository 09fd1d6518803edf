//! Replacing a file in one step: readers see the whole old one or the whole new one, and so does who finds it after a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The rights of a file that everybody may read, as far as the process's umask lets them.
const ALL: u32 = 0o666;
/// The rights of a file that its owner alone may read.
const OWNER: u32 = 0o600;

/// Replaces the file at `path`; its folder is made where there is none.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, ALL)
}

/// The same for a file that only its owner may read and write (mode 0600).
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, OWNER)
}

/// Writes beside `path`, flushes to the disk and renames.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // The process id keeps two writers from writing into one draft.
    name.push(format!(".{}.new", std::process::id()));
    let draft = path.with_file_name(name);
    // One that a dead process of the same id left behind may have other rights.
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let result = written.and_then(|()| std::fs::rename(&draft, path));
    if result.is_err() {
        // Best effort: the draft is of no use, and the error that matters is the first.
        let _ = std::fs::remove_file(&draft);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_replaced_whole_and_no_draft_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/some.json");
        for (replace, private) in
            [(replace_file as fn(&Path, &[u8]) -> io::Result<()>, false), (replace_private, true)]
        {
            for text in ["the first text", "2"] {
                replace(&path, text.as_bytes()).unwrap();
                assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            }
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode == OWNER, private, "{mode:o}");
            assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        }
    }
}
