//! `tenet gateway` on a project folder, without a supervisor: node facts, SIGHUP, drain.

// A panic is the report of a test, also in what only tests call.
#![allow(clippy::unwrap_used)]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// Nobody listens on port 9: a path that is routed answers 503, one that is not 404.
fn config(prefix: &str) -> String {
    format!(
        "[services.web]\ninstances = [{{ address = \"127.0.0.1:9\" }}]\n[[http]]\nprefix = {prefix:?}\nservice = \"web\"\n"
    )
}

struct Gateway {
    process: Child,
    lines: Receiver<String>,
}

impl Gateway {
    /// The next line that contains `text`.
    fn line(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let line =
                self.lines.recv_timeout(until - Instant::now()).unwrap_or_else(|_| panic!("no {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn status(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).unwrap().to_owned()
}

fn until(address: SocketAddr, path: &str, expected: &str) {
    let begun = Instant::now();
    while status(address, path) != expected {
        assert!(begun.elapsed() < PATIENCE, "{path} never answers {expected}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hangup_takes_over_the_project_as_it_is_now_or_leaves_things_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("tenet.toml"), text).unwrap();
    write(&config("/one"));
    std::fs::write(folder.path().join("node.toml"), "name = \"edge\"\nlisten = [\"127.0.0.1:0\"]\n").unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_tenet"))
        .arg("gateway")
        .arg(folder.path())
        .env("NO_COLOR", "1")
        .env("TENET_THREADS", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (send, lines) = channel();
    let stderr = process.stderr.take().unwrap();
    std::thread::spawn(move || {
        BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)));
    });
    let mut gateway = Gateway { process, lines };
    let line = gateway.line("listening: public ");
    let address: SocketAddr = line.rsplit(' ').next().unwrap().parse().unwrap();
    until(address, "/one", "503");
    assert_eq!(status(address, "/two"), "404");

    write("nonsense");
    gateway.signal(Signal::SIGHUP);
    gateway.line("what ran goes on");
    assert_eq!(status(address, "/two"), "404");

    write(&config("/two"));
    gateway.signal(Signal::SIGHUP);
    until(address, "/two", "503");
    assert_eq!(status(address, "/one"), "404");

    gateway.signal(Signal::SIGTERM);
    gateway.line("drained");
    let begun = Instant::now();
    while gateway.process.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(gateway.process.wait().unwrap().code(), Some(0));
}
