//! A project, a running `up`, and callers, for the tests beside.

// Every test binary uses a part of it.
#![allow(dead_code)]

#[path = "service.rs"]
pub mod service;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for something that should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until there is a value.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < until, "waited {PATIENCE:?} in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A project of one plain HTTP service in these zones.
pub struct Project(TempDir);

impl Project {
    pub fn new(zones: &[&str]) -> Project {
        let folder = tempfile::tempdir().unwrap();
        let exe = std::env::current_exe().unwrap();
        let config = format!(
            "name = \"test-project\"\n\
             build = [\"echo built\"]\n\
             [services.web]\n\
             command = \"{} --exact serve_as_a_service --ignored --nocapture\"\n\
             zones = {zones:?}\n\
             env = {{ COLOUR = \"blue\" }}\n\
             calls = [\"other-one\"]\n\
             [services.other-one]\n\
             instances = [{{ address = \"127.0.0.1:9\" }}]\n\
             [[traffic.requests]]\n\
             path = \"/web/{{user}}\"\n\
             [[http]]\n\
             prefix = \"/web\"\n\
             service = \"web\"\n",
            exe.display()
        );
        let project = Project(folder);
        project.write(&config);
        project
    }

    /// The same, with contracts of two collections, of which the service keeps these.
    pub fn keeping(zones: &[&str], keeps: &[&str]) -> Project {
        let project = Project::new(zones);
        let folder = project.0.path().join("proto/notes/v1");
        std::fs::create_dir_all(&folder).unwrap();
        project.keep(keeps);
        project
    }

    /// Writes contracts and configuration for a service that keeps these: a message that nobody keeps is no collection.
    pub fn keep(&self, keeps: &[&str]) {
        let message = |name: &&str| {
            let option = "option (tenet.policy.v1.collection) = { key: \"id\" };";
            format!("message {name} {{ {option} string id = 1; string text = 2; }}\n")
        };
        let head = "syntax = \"proto3\";\npackage notes.v1;\nimport \"tenet/policy/v1/policy.proto\";\n";
        let text = head.to_owned() + &keeps.iter().map(message).collect::<String>();
        std::fs::write(self.0.path().join("proto/notes/v1/notes.proto"), text).unwrap();
        let names: Vec<String> = keeps.iter().map(|name| format!("notes.v1.{name}")).collect();
        let config = self.config();
        let others = config.lines().filter(|line| !line.starts_with("keeps = "));
        let mut lines: Vec<String> = others.map(str::to_owned).collect();
        let place = lines.iter().position(|line| line == "[services.web]").unwrap();
        if !keeps.is_empty() {
            lines.insert(place + 1, format!("keeps = {names:?}"));
        }
        self.write(&(lines.join("\n") + "\n"));
    }

    pub fn state_dir(&self) -> PathBuf {
        self.0.path().join(".tenet")
    }

    pub fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub fn config(&self) -> String {
        std::fs::read_to_string(self.0.path().join("tenet.toml")).unwrap()
    }

    pub fn write(&self, config: &str) {
        std::fs::write(self.0.path().join("tenet.toml"), config).unwrap();
    }

    pub fn state_file(&self) -> PathBuf {
        self.0.path().join(".tenet/run/up.json")
    }
}

/// A command of the built binary, at no terminal.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenet"));
    command.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command to its end: status, and all it printed.
pub fn tenet(arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

/// A running `tenet up`; killed with its handle, and its children with it.
pub struct Up {
    process: Child,
    text: Arc<Mutex<String>>,
    state_file: PathBuf,
}

impl Up {
    pub fn start(project: &Project, more: &[&str]) -> Up {
        Up::start_with(project, more, &[])
    }

    /// With these variables in its environment.
    pub fn start_with(project: &Project, more: &[&str], env: &[(&str, &str)]) -> Up {
        let mut process =
            command(&["up", project.path(), "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"])
                .args(more)
                .envs(env.iter().copied())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        let text = Arc::new(Mutex::new(String::new()));
        collect(process.stdout.take().unwrap(), text.clone());
        collect(process.stderr.take().unwrap(), text.clone());
        let mut up = Up { process, text, state_file: project.state_file() };
        eventually("the project to be up", || {
            let ended = up.process.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", up.output());
            up.output().contains("Ctrl-C drains").then_some(())
        });
        up
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn output(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    pub fn state(&self) -> Value {
        serde_json::from_slice(&std::fs::read(&self.state_file).unwrap()).unwrap()
    }

    pub fn public(&self) -> SocketAddr {
        self.state()["public"].as_str().unwrap().parse().unwrap()
    }

    /// What the state file says of the instance or gateway of this name.
    pub fn member(&self, id: &str) -> Value {
        let state = self.state();
        let all = ["gateways", "instances"].iter().flat_map(|key| state[*key].as_array().unwrap().clone());
        all.into_iter().find(|one| one["id"] == id).unwrap()
    }

    /// Processes of gateways and instances.
    pub fn children(&self) -> Vec<u64> {
        let state = self.state();
        let pids = |key: &str| -> Vec<u64> {
            state[key].as_array().unwrap().iter().map(|child| child["pid"].as_u64().unwrap()).collect()
        };
        [pids("gateways"), pids("instances")].concat()
    }

    pub fn signal(&self, signal: Signal) {
        send(u64::from(self.pid()), signal);
    }

    /// SIGTERM; its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// Its exit code, once it has ended.
    pub fn ended(&mut self) -> Option<i32> {
        eventually("tenet up to end", || self.process.try_wait().unwrap()).code()
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- tenet up printed ---\n{}", self.output());
        }
    }
}

fn collect(stream: impl Read + Send + 'static, text: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut text = text.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
}

/// Whether a process is there and not a zombie.
pub fn alive(pid: u64) -> bool {
    process_state(pid).is_some_and(|state| state != 'Z')
}

/// SIGKILL.
pub fn kill(pid: u64) {
    send(pid, Signal::SIGKILL);
}

/// One letter for what a process does (proc(5)): `T` is stopped, `Z` a zombie, nothing that it is gone.
pub fn process_state(pid: u64) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// A signal to one process.
pub fn send(pid: u64, wanted: Signal) {
    signal::kill(Pid::from_raw(i32::try_from(pid).unwrap()), wanted).unwrap();
}

/// The body of a 200 answer; anything else is an error.
pub fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    let mut stream =
        TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(|e| e.to_string())?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .map_err(|e| e.to_string())?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|e| e.to_string())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(format!("no answer: {text:?}"))?;
    if head.starts_with("HTTP/1.1 200 ") { Ok(body.to_owned()) } else { Err(text) }
}

/// The first of a stream of server-sent events; empty where none comes.
pub fn first_event(address: SocketAddr, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(5)) else {
        return String::new();
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.skip_while(|line| !line.starts_with("event:")).take_while(|line| !line.is_empty()).collect()
}

/// One request after the other until it is stopped.
pub struct Hammer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Vec<String>)>,
}

impl Hammer {
    pub fn start(address: SocketAddr, path: &'static str) -> Hammer {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let until = Instant::now() + 2 * PATIENCE;
        let thread = thread::spawn(move || {
            let (mut sent, mut failed) = (0, Vec::new());
            while !told.load(Ordering::Relaxed) && Instant::now() < until {
                sent += 1;
                failed.extend(get(address, path).err());
            }
            (sent, failed)
        });
        Hammer { stop, thread }
    }

    /// How many were sent and what went wrong.
    pub fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
