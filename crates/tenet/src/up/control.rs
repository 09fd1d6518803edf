//! How `tenet reload`, `tenet restart` and `tenet drill` speak to a running `up`: a Unix socket in the project's state folder.
//!
//! One line in (`reload`, `restart`, `restart services`, `drill {json}`), lines of JSON out: `{"line": "..."}` for what is going
//! on, and at the end `{"done": true}` or `{"done": false}`. A drill is a conversation: `{"drill": {"ready": ...}}` once it is known
//! to be possible, `begin` and `end` in, `{"drill": {"began": ...}}` and `{"drill": {"undone": ...}}` out. Who hangs up ends it.

use crate::cli::Failed;
use crate::drill::Rehearsal;
use crate::project;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tenet_release::ReleaseDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::mpsc;

const SOCKET: &str = "up.sock";
/// Most bytes read from one client: an order with names of ordinary length is a few hundred.
const MAX_ORDER: u64 = 4096;
/// Time for an order to arrive once somebody connected.
const ORDER_TIME: Duration = Duration::from_secs(5);
/// Longest silence that a waiting command accepts: a rolling restart of a slow fleet speaks at every step.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines that may wait for a client that does not read; more are dropped, the supervisor never waits.
const LINES: usize = 256;

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Load the project again and switch to it everywhere.
    Reload,
    /// Replace the gateways one by one, and the instances where `services` is set.
    Restart {
        /// Instances too.
        services: bool,
    },
    /// Rehearse a failure.
    Drill(Rehearsal),
}

/// An order and whom to answer.
pub struct Asked {
    /// What is wanted.
    pub order: Order,
    /// Where answers go.
    pub answers: Answers,
    /// What else the client says.
    pub words: Words,
}

/// Lines to a waiting client.
pub struct Answers(mpsc::Sender<Message>);

/// Further lines of a client.
pub struct Words(tokio::io::BufReader<tokio::io::Take<OwnedReadHalf>>);

/// One line to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// Something that is going on.
    Line(String),
    /// How far a drill has come.
    Drill(Stage),
    /// The end, and whether it is a good one.
    Done(bool),
}

/// How far a drill has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is possible, and waits for `begin`. These are meant: instances, and gateways.
    Ready {
        /// Names of instances.
        instances: Vec<String>,
        /// Names of gateways.
        gateways: Vec<String>,
    },
    /// The failure is there since this moment, in milliseconds since 1970-01-01T00:00:00Z.
    Began(u64),
    /// The failure is undone since this moment.
    Undone(u64),
}

impl Answers {
    /// Something that is going on.
    pub fn say(&self, line: &str) {
        let _ = self.0.try_send(Message::Line(line.to_owned()));
    }

    /// How far a drill has come.
    pub fn stage(&self, stage: Stage) {
        let _ = self.0.try_send(Message::Drill(stage));
    }

    /// The end.
    pub async fn done(self, ok: bool) {
        let _ = self.0.send_timeout(Message::Done(ok), ORDER_TIME).await;
    }
}

impl Words {
    /// The next line; `None` once the client has hung up. Whoever gives up waiting may lose the beginning of a line.
    pub async fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await {
            Ok(1..) => Some(line.trim().to_owned()),
            _ => None,
        }
    }
}

/// The listening side.
pub struct Control {
    listener: UnixListener,
    // Keeps the short path to the socket alive.
    _folder: std::fs::File,
}

impl Control {
    /// Listens in the folder `run`; whoever may write there may give orders.
    pub fn listen(run: &Path) -> io::Result<Control> {
        let (path, folder) = short_path(run)?;
        // Ours alone: the lock of the project is held.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        Ok(Control { listener, _folder: folder })
    }

    /// The next order. What is not an order is answered and forgotten.
    pub async fn next(&self) -> Asked {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of descriptors, most likely: orders can wait.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (read, mut write) = stream.into_split();
            let mut line = String::new();
            let mut read = tokio::io::BufReader::new(read.take(MAX_ORDER));
            if !matches!(tokio::time::timeout(ORDER_TIME, read.read_line(&mut line)).await, Ok(Ok(1..))) {
                continue;
            }
            let (send, mut lines) = mpsc::channel(LINES);
            let answers = Answers(send);
            tokio::task::spawn_local(async move {
                while let Some(message) = lines.recv().await {
                    let mut text = serde_json::to_vec(&message).unwrap_or_default();
                    text.push(b'\n');
                    if write.write_all(&text).await.is_err() {
                        break;
                    }
                }
            });
            match parse(line.trim()) {
                Some(order) => return Asked { order, answers, words: Words(read) },
                None => {
                    answers.say(&format!("error: unknown order {:?}", line.trim()));
                    answers.done(false).await;
                }
            }
        }
    }
}

fn parse(line: &str) -> Option<Order> {
    match line {
        "reload" => Some(Order::Reload),
        "restart" => Some(Order::Restart { services: false }),
        "restart services" => Some(Order::Restart { services: true }),
        _ => serde_json::from_str(line.strip_prefix("drill ")?).ok().map(Order::Drill),
    }
}

/// The socket by way of the open folder: a socket's path may have 107 bytes, a project's may have more.
fn short_path(run: &Path) -> io::Result<(PathBuf, std::fs::File)> {
    let folder = std::fs::File::open(run)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd())), folder))
}

/// A connection to the `up` of the project at `path`.
pub fn connect(path: &Path) -> Result<UnixStream, Failed> {
    let folder = project::folder(path);
    let run = ReleaseDir::of_project(folder).root().join("run");
    let not_up = |error: io::Error| {
        let project = folder.display();
        Failed(format!("error: {project} is not up ({error})\n  hint: `tenet up {project}` starts it"))
    };
    let (socket, _folder) = short_path(&run).map_err(not_up)?;
    UnixStream::connect(socket).map_err(not_up)
}

/// The connection to `up` is gone.
pub fn lost(error: &dyn std::error::Error) -> Failed {
    Failed::while_doing("the connection to `tenet up` broke", error)
}

/// Gives an order to the `up` of the project at `path`, prints its answers and waits for the end.
pub fn ask(path: &Path, order: &str) -> Result<(), Failed> {
    let mut stream = connect(path)?;
    let lost = |error: io::Error| lost(&error);
    stream.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
    writeln!(stream, "{order}").map_err(lost)?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line.map_err(lost)?).map_err(Failed::new)? {
            Message::Line(text) => println!("{text}"),
            // Only a drill has stages, and it has a conversation of its own.
            Message::Drill(_) => {}
            Message::Done(true) => return Ok(()),
            Message::Done(false) => {
                return Err(Failed(format!("error: {order} was refused; what ran goes on")));
            }
        }
    }
    Err(Failed(format!("error: `tenet up` ended during {order}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_is_heard_and_its_answers_come_back() {
        let project = tempfile::tempdir().unwrap();
        // Longer than a socket's path may be.
        let folder = project.path().join("d".repeat(120));
        let run = folder.join(".tenet/run");
        std::fs::create_dir_all(&run).unwrap();
        let control = Control::listen(&run).unwrap();
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                for (text, ok) in [("reload", true), ("restart services", false)] {
                    let client = {
                        let folder = folder.clone();
                        tokio::task::spawn_blocking(move || ask(&folder, text))
                    };
                    let asked = control.next().await;
                    assert_eq!(Some(asked.order), parse(text));
                    asked.answers.say("working");
                    asked.answers.done(ok).await;
                    assert_eq!(client.await.unwrap().is_ok(), ok);
                }
            })
            .await;
        let Failed(text) = ask(project.path(), "reload").unwrap_err();
        assert!(text.contains("is not up"), "{text}");
    }
}
