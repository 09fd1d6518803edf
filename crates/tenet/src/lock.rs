//! One process at a time: a lock that the kernel lets go of when its holder ends, however it ends.

use crate::cli::Failed;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::Path;

/// The lock; held as long as it lives.
pub struct Lock {
    _file: Flock<File>,
}

/// Takes the lock that is the file at `path`; its folder is made. Where another process has it, the error is what `held` says of that
/// process's id.
pub fn take(path: &Path, held: impl FnOnce(&str) -> String) -> Result<Lock, Failed> {
    let failed = |error: &dyn std::error::Error| {
        Failed::while_doing(&format!("cannot lock {}", path.display()), error)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| failed(&error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => {
            write_pid(&file).map_err(|error| failed(&error))?;
            Ok(Lock { _file: file })
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            // Only for the message; a lock without a readable id is held all the same.
            let _ = file.read_to_string(&mut pid);
            Err(Failed(held(pid.trim())))
        }
        Err((_, error)) => Err(failed(&error)),
    }
}

fn write_pid(mut file: &File) -> std::io::Result<()> {
    use std::io::Write as _;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_has_it_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/up.lock");
        let held = |pid: &str| format!("process {pid} has it");
        let first = take(&path, held).unwrap();
        let Failed(text) = take(&path, held).map(|_| ()).unwrap_err();
        assert_eq!(text, format!("process {} has it", std::process::id()));
        drop(first);
        take(&path, held).unwrap();
    }
}
