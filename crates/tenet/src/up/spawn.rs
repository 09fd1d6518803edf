//! Starting a process: environment, sockets, secret, process group, output.

use super::output::Output;
use super::secrets::Secret;
use command_fds::{CommandFdExt as _, FdMapping};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::{Child, Command};

/// The first descriptor of handed-over sockets (sd_listen_fds(3)).
const FIRST_FD: i32 = 3;

/// The variable that names the descriptor of the secret for the store.
const SECRET_FD: &str = "TENET_STORE_SECRET_FD";

/// What to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// Program and arguments; a relative path is relative to `folder`.
    pub words: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Additional environment.
    pub env: Vec<(String, String)>,
    /// A variable of our own environment that is not the child's.
    pub hidden: Option<String>,
    /// Listening sockets handed over, by name.
    pub sockets: Vec<(&'static str, Arc<TcpListener>)>,
    /// What it proves itself to the store with; handed over as the descriptor behind the sockets.
    pub secret: Option<Secret>,
}

impl Program {
    /// Our own binary in another role.
    pub fn role(folder: PathBuf, arguments: Vec<String>) -> Program {
        let mut words = vec![our_binary()];
        words.extend(arguments);
        Program { words, folder, env: Vec::new(), hidden: None, sockets: Vec::new(), secret: None }
    }

    /// Starts it in a process group of its own (a Ctrl-C at the terminal reaches only the supervisor), its output copied
    /// under the name `id`, its life bound to ours.
    pub fn spawn(&self, id: &str, output: &Output) -> io::Result<Child> {
        let mut command = std::process::Command::new(our_binary());
        command.args(["child", "--parent", &std::process::id().to_string(), "--"]).args(&self.words);
        command.current_dir(&self.folder).process_group(0);
        // Our own node facts and sockets are not the child's.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("LISTEN_") || (name.starts_with("TENET_") && !name.starts_with("TENET_LOG")) {
                command.env_remove(&*name);
            }
        }
        if let Some(hidden) = &self.hidden {
            command.env_remove(hidden);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut mappings = Vec::new();
        if !self.sockets.is_empty() {
            let names: Vec<&str> = self.sockets.iter().map(|(name, _)| *name).collect();
            command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
            for ((_, socket), child_fd) in self.sockets.iter().zip(FIRST_FD..) {
                mappings.push(FdMapping { parent_fd: OwnedFd::from(socket.try_clone()?), child_fd });
            }
        }
        if let (Some(secret), Ok(place)) = (&self.secret, i32::try_from(mappings.len())) {
            let child_fd = FIRST_FD + place;
            command.env(SECRET_FD, child_fd.to_string());
            mappings.push(FdMapping { parent_fd: secret.pipe()?, child_fd });
        }
        if !mappings.is_empty() {
            command.fd_mappings(mappings).map_err(io::Error::other)?;
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Command::from(command).kill_on_drop(true).spawn()?;
        if let Some(stream) = child.stdout.take() {
            tokio::task::spawn_local(output.clone().copy(id.to_owned(), stream));
        }
        if let Some(stream) = child.stderr.take() {
            tokio::task::spawn_local(output.clone().copy(id.to_owned(), stream));
        }
        Ok(child)
    }
}

/// Where our binary is now: after an upgrade the new one, so that `tenet restart` brings it into service.
fn our_binary() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let text = path.to_string_lossy();
    // The kernel marks a file that was replaced; its path without the mark is the file that replaced it.
    let replaced = text.strip_suffix(" (deleted)").unwrap_or(&text);
    if std::path::Path::new(replaced).is_file() { replaced.to_owned() } else { "/proc/self/exe".to_owned() }
}
