//! Where operators come in: a Unix socket in the folder `run` of the state folder, open to the user that the store runs as and to nobody else.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tenet_store::operator::Operator;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// What the sockets' names begin with; the process's name follows.
const PREFIX: &str = "store-operator-";
const SUFFIX: &str = ".sock";
/// Orders that are carried out at a time; more wait.
const AT_ONCE: usize = 4;

/// The listening side.
pub struct Door {
    listener: UnixListener,
}

impl Door {
    /// Listens in the folder `run` for the process called `name`; a socket that another life of it left is replaced.
    pub fn listen(run: &Path, name: &str) -> io::Result<Door> {
        fs::create_dir_all(run)?;
        // Bound where nobody else can come, it gets its name when it has its mode.
        let folder = run.join(format!(".{PREFIX}{name}-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let listened = Door::listen_in(&folder, &run.join(format!("{PREFIX}{name}{SUFFIX}")));
        let _ = fs::remove_dir_all(&folder);
        listened
    }

    fn listen_in(folder: &Path, path: &Path) -> io::Result<Door> {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        // A socket's path may have 107 bytes, a project's may have more: by way of the open folder it is short.
        let open = File::open(folder)?;
        let listener = UnixListener::bind(format!("/proc/self/fd/{}/s", open.as_raw_fd()))?;
        let bound = folder.join("s");
        fs::set_permissions(&bound, Permissions::from_mode(0o600))?;
        fs::rename(bound, path)?;
        Ok(Door { listener })
    }

    /// Serves until the process ends.
    pub async fn serve(self, operator: Operator) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of descriptors, most likely: operators can wait.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let operator = operator.clone();
            tokio::spawn(async move {
                let user = stream.peer_cred().map_or_else(|_| "unknown".to_owned(), |peer| user(peer.uid()));
                operator.serve(stream, &user).await;
                drop(place);
            });
        }
    }
}

/// A connection to any process of the store whose socket is in the folder `run`.
pub async fn connect(run: &Path) -> Option<UnixStream> {
    for path in sockets(run) {
        let (Some(name), Ok(folder)) = (path.file_name(), File::open(run)) else { continue };
        let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        if let Ok(stream) = UnixStream::connect(short).await {
            return Some(stream);
        }
    }
    None
}

fn sockets(run: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(run) else { return Vec::new() };
    let socket = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX)
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(socket).collect();
    found.sort();
    found
}

/// The name of a user, or the number where it has none.
pub fn user(uid: u32) -> String {
    let found = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
    found.ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_user_alone_and_is_found_also_where_paths_are_long() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("d".repeat(120));
        assert!(connect(&run).await.is_none());
        let door = Door::listen(&run, "store-1").unwrap();
        let mode = fs::metadata(run.join("store-operator-store-1.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&run).unwrap().count(), 1);
        let (found, accepted) = tokio::join!(connect(&run), door.listener.accept());
        assert!(found.is_some());
        assert_eq!(accepted.unwrap().0.peer_cred().unwrap().uid(), nix::unistd::getuid().as_raw());
        drop(door);
        assert!(connect(&run).await.is_none());
        Door::listen(&run, "store-1").unwrap();
    }
}
