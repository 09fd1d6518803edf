//! What the example has written: it outlives a killed store, a killed database and the end of `tenet up`, and all instances see it; on the
//! embedded engine, and on PostgreSQL by two lines of `tenet.toml`.

// A panic is the report of a test.
#![allow(clippy::unwrap_used)]

// It serves other tests, too, which use other parts of it.
#[allow(dead_code)]
#[path = "../../../crates/store/tests/support/postgres.rs"]
mod postgres;
mod writer;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tenet_tests::{Project, Up, eventually, example, http1};
use writer::Writer;

/// Writers at one time, each with a user of their own.
const WRITERS: usize = 4;
/// Acknowledged writes between one blow and the next.
const BETWEEN: u64 = 60;

/// Two instances of each service: what one has written the other must have.
fn two_of_each(text: &str) -> String {
    text.replace("zones = [\"a\"]", "zones = [\"a\", \"b\"]")
}

/// Which process of this `tenet up` serves the store now, by what the system knows of its children: one that was killed has a successor.
fn store(up: &Up) -> i32 {
    let of = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // Behind the name, which may hold anything: the state and the parent.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let (state, parent) = (fields.next()?, fields.next()?);
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (state != "Z" && parent == up.process.pid().to_string() && command.contains("store\0serve"))
            .then_some(pid)
    };
    eventually("a store", || std::fs::read_dir("/proc").unwrap().flatten().find_map(of))
}

/// Ends the writers, also where a panic ends what waits for them.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes while `blow` is struck a few times, ends `tenet up`, starts it again, and finds what was acknowledged.
fn nothing_is_lost(project: &Project, mut blow: impl FnMut(&Up)) {
    let up = Up::start(project, &["--no-build"]);
    let (done, ends) = (AtomicU64::new(0), AtomicBool::new(false));
    let writers: Vec<Writer> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (public, done, ends) = (up.public, &done, &ends);
                scope.spawn(move || Writer::run(public, number, done, ends))
            })
            .collect();
        let end = Ends(&ends);
        let flows = || {
            let goal = done.load(Ordering::Relaxed) + BETWEEN;
            eventually("writes to be acknowledged", || (done.load(Ordering::Relaxed) >= goal).then_some(()));
        };
        flows();
        for _ in 0..3 {
            blow(&up);
            flows();
        }
        drop(end);
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap_or_else(|_| panic!("a writer failed")))
            .collect()
    });
    for writer in &writers {
        writer.check(up.public);
    }
    drop(up);
    let up = Up::start(project, &["--no-build"]);
    for writer in &writers {
        writer.check(up.public);
    }
}

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap_or_else(|error| panic!("{signal} to {pid}: {error}"));
}

fn kill_store(up: &Up) {
    signal(store(up), Signal::SIGKILL);
}

#[test]
fn a_killed_store_loses_no_acknowledged_write() {
    let project = example::project(|text| two_of_each(&text));
    nothing_is_lost(&project, kill_store);
    assert!(project.path().join(".tenet/store").is_dir(), "the embedded engine is what the example says");
}

#[test]
fn two_lines_keep_the_same_in_postgresql() {
    let test = "two_lines_keep_the_same_in_postgresql";
    // The store takes no server that may lose what it has acknowledged.
    let Some(mut server) = postgres::Server::start(test, &["fsync=on"]) else { return };
    let project = example::project(|text| {
        let line = format!("url = \"{}\"", server.url());
        let text = text.replace("engine = \"embedded\" # \"postgres\"", "engine = \"postgres\"");
        two_of_each(&text.replace(
            "# url = \"postgres://user@host/database\" # or \"env:NAME\" where it holds a password",
            &line,
        ))
    });
    let text = std::fs::read_to_string(project.path().join("tenet.toml")).unwrap_or_default();
    assert!(text.contains(&server.url()) && text.contains("engine = \"postgres\""), "{text}");
    let mut blows = 0;
    nothing_is_lost(&project, |up| {
        blows += 1;
        if blows == 2 {
            server.kill();
            server.restart();
        } else {
            kill_store(up);
        }
    });
    assert!(!project.path().join(".tenet/store/store.redb").exists(), "nothing is kept beside it");
}

#[test]
fn timelines_are_answered_while_the_store_is_silent() {
    let (_project, up) = example::up(|text| text);
    let pid = store(&up);
    let timeline =
        |user: u32| http1::get(up.public, &format!("/v1/users/u{user}/timeline?page_size=3")).status;
    eventually("the first timeline", || (timeline(7) == 200).then_some(()));
    // What concerns many is answered from memory: nobody waits for the store, however long it is away.
    signal(pid, Signal::SIGSTOP);
    let answers: Vec<u16> = (0..5).map(timeline).collect();
    signal(pid, Signal::SIGCONT);
    assert_eq!(answers, [200; 5]);
}
