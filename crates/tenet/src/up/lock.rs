//! One `tenet up` a project: a lock that the kernel lets go of when we end, however we end.

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

/// Takes the lock in `run`, the folder of what is true only while `up` runs.
pub fn take(run: &Path) -> Result<Lock, Failed> {
    let path = run.join("up.lock");
    let doing = || format!("cannot lock {}", path.display());
    std::fs::create_dir_all(run).map_err(|error| Failed::while_doing(&doing(), &error))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|error| Failed::while_doing(&doing(), &error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => {
            write_pid(&file).map_err(|error| Failed::while_doing(&doing(), &error))?;
            Ok(Lock { _file: file })
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            // Only for the message; a lock without a readable id is held all the same.
            let _ = file.read_to_string(&mut pid);
            Err(Failed(format!(
                "error: this project is already up (process {})\n  hint: `tenet reload` applies changes; stop the other with Ctrl-C first",
                pid.trim()
            )))
        }
        Err((_, error)) => Err(Failed::while_doing(&doing(), &error)),
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
        let first = take(folder.path()).unwrap();
        let Failed(text) = take(folder.path()).map(|_| ()).unwrap_err();
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        drop(first);
        take(folder.path()).unwrap();
    }
}
