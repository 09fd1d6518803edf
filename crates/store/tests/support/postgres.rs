//! PostgreSQL servers of their own for tests: on loopback, in temporary folders, that can be killed, stopped, copied and promoted.
//!
//! The programs are those of a Debian package (`TENET_POSTGRES` names their folder, else `PATH` and Debian's places are searched). PostgreSQL
//! refuses to run as root; as root, it runs as `nobody`. A guard process ends the server and removes its folder when the handle is dropped, and
//! also when the test's process dies.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longest that a server may take to begin or to end; generous because CI machines stall.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times a port that was free when we looked may be taken by someone else when the server wants it.
const TRIES: usize = 5;

/// The user `nobody` and its group on Debian.
const NOBODY: u32 = 65534;

/// A server.
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    /// Where it listens on 127.0.0.1; the same after it was started again.
    pub port: u16,
    settings: Vec<String>,
    process: Option<Child>,
    /// Its end is what the guard waits for.
    _guard: Child,
}

impl Server {
    /// A server with these settings (`name=value`), or `None` after noting that there is no PostgreSQL here. It does not sync to disk:
    /// nothing here loses power.
    pub fn start(test: &str, settings: &[&str]) -> Option<Server> {
        let Some(programs) = programs() else {
            skip(test, "no PostgreSQL: TENET_POSTGRES is not set, and /usr/lib/postgresql is empty");
            return None;
        };
        let folder = folder();
        let template = template(&programs);
        run(Command::new("cp").arg("--recursive").arg("--preserve").arg(template).arg(folder.join("data")));
        Some(Server::serve(programs, folder, settings.iter().map(|s| (*s).to_owned()).collect()))
    }

    /// A replica that streams from this server.
    pub fn replica(&self, settings: &[&str]) -> Server {
        let folder = folder();
        let mut copy = as_nobody(&self.programs.join("pg_basebackup"));
        copy.args(["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--username=postgres"])
            .args(["--host=127.0.0.1", &format!("--port={}", self.port), "--pgdata"])
            .arg(folder.join("data"));
        run(&mut copy);
        let settings = settings.iter().map(|s| (*s).to_owned()).collect();
        Server::serve(self.programs.clone(), folder, settings)
    }

    fn serve(programs: PathBuf, folder: PathBuf, settings: Vec<String>) -> Server {
        let guard = guard(&folder);
        let mut server = Server { programs, folder, port: 0, settings, process: None, _guard: guard };
        for _ in 0..TRIES {
            server.port = free_port();
            if server.run() {
                return server;
            }
        }
        panic!("PostgreSQL did not start in {TRIES} tries: {}", server.log());
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        let until = Instant::now() + PATIENCE;
        // What was left of a killed one holds its memory for a moment.
        while !self.run() {
            assert!(Instant::now() < until, "PostgreSQL did not start again: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts the process and waits until it takes connections; false if it ended.
    fn run(&mut self) -> bool {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = as_nobody(&self.programs.join("postgres"));
        command.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        let port = format!("port={}", self.port);
        let own = [&port[..], "listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB"];
        for setting in own.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let mut child = child.unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let mut ready = Command::new(self.programs.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status().unwrap().success() {
                self.process = Some(child);
                return true;
            }
            assert!(Instant::now() < until, "PostgreSQL takes no connections: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How a client reaches it, as its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// How a client reaches whichever of the two is the primary.
    pub fn url_with(&self, other: &Server) -> String {
        format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", self.port, other.port)
    }

    /// Ends it and all its processes at once, as a crash of the machine would end them.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let first = i32::try_from(process.id()).unwrap();
            // Stopped, it cannot begin new ones meanwhile.
            let _ = kill(Pid::from_raw(first), Signal::SIGSTOP);
            for child in children(first) {
                let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
            }
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Ends it as its administrator does: what it has in memory goes to its files, sessions end.
    pub fn stop(&mut self) {
        let mut stop = as_nobody(&self.programs.join("pg_ctl"));
        run(stop.args(["stop", "-s", "-w", "-m", "fast", "-D"]).arg(self.data()));
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
    }

    /// Its first process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// The folder of its files.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes a replica a primary.
    pub fn promote(&self) {
        let mut promote = as_nobody(&self.programs.join("pg_ctl"));
        run(promote.args(["promote", "-s", "-w", "-D"]).arg(self.folder.join("data")));
    }

    /// Runs SQL as superuser; what it prints.
    pub fn sql(&self, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", sql]);
        run(&mut psql)
    }

    /// A session with these parameters of the URL that has run a statement: it is there until its process ends.
    pub fn session(&self, parameters: &str, statement: &str) -> Child {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-t", "-A", "-d"]).arg(format!("{}?{parameters}", self.url()));
        let mut child =
            psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(format!("{statement};\n").as_bytes()).unwrap();
        // Its first answer says that it is there.
        let mut first = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        child
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The processes that `parent` has begun.
fn children(parent: i32) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |process: &i32| {
        // The name stands in parentheses and may hold anything; behind it come state and parent.
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let behind = stat.rsplit_once(") ").map(|(_, behind)| behind.to_owned());
        behind.and_then(|behind| behind.split(' ').nth(1)?.parse().ok()) == Some(parent)
    };
    numbers.filter(is_child).collect()
}

/// Where the programs are.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("TENET_POSTGRES").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    let places = named.into_iter().chain(std::env::split_paths(&path)).chain(debian.into_iter().rev());
    // There are packages with some of them only.
    let needed = ["initdb", "postgres", "pg_isready", "pg_basebackup", "pg_ctl", "psql"];
    places.into_iter().find(|place| needed.iter().all(|program| place.join(program).is_file()))
}

/// A new cluster that all servers of this process begin as a copy of: making one takes seconds.
fn template(programs: &Path) -> &'static Path {
    static TEMPLATE: OnceLock<(PathBuf, Child)> = OnceLock::new();
    let (template, _) = TEMPLATE.get_or_init(|| {
        let folder = folder();
        let guard = guard(&folder);
        let mut init = as_nobody(&programs.join("initdb"));
        init.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        run(init.arg("--data-checksums").arg("--pgdata").arg(folder.join("data")));
        (folder.join("data"), guard)
    });
    template
}

/// A folder that `nobody` may write.
fn folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("tenet-postgres-").tempdir().unwrap().keep();
    if nix::unistd::geteuid().is_root() {
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    folder
}

/// Waits until nobody holds its input any more; then ends what runs in the folder, and removes it.
fn guard(folder: &Path) -> Child {
    let script = r#"cat >/dev/null; pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done; rm -rf "$1""#;
    let mut sh = Command::new("sh");
    sh.args(["-c", script, "guard"]).arg(folder).stdin(Stdio::piped());
    sh.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A command that runs as `nobody` where we are root.
fn as_nobody(program: &Path) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
    command.args([&user[..], &group[..], "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Says that a test did not run, to the reader and to `cargo xtask test`.
fn skip(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
    if let Some(path) = std::env::var_os("TENET_SKIPS") {
        let mut skips = std::fs::File::options().create(true).append(true).open(path).unwrap();
        skips.write_all(format!("{test}\t{reason}\n").as_bytes()).unwrap();
    }
}
