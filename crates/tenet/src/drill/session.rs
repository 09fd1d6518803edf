//! The conversation with `tenet up` about one drill. Hanging up, however it comes about, undoes it.

use super::fault::Rehearsal;
use crate::cli::Failed;
use crate::up::control::{self, Message, Stage};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// Longest wait for an answer: before it, `up` may finish a restart.
const ANSWER_TIME: Duration = Duration::from_secs(120);
/// Longest wait for everything to serve again.
const CLOSE_TIME: Duration = Duration::from_secs(60);

/// A drill that `up` holds ready.
pub struct Session {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

/// Whom the drill means.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Names of instances.
    pub instances: Vec<String>,
    /// Names of gateways.
    pub gateways: Vec<String>,
}

impl Session {
    /// Asks for a drill; `say` gets what `up` has to tell of it.
    pub async fn open(
        project: &Path,
        rehearsal: &Rehearsal,
        say: impl Fn(&str),
    ) -> Result<(Session, Targets), Failed> {
        let stream = control::connect(project)?;
        stream.set_nonblocking(true).map_err(|error| control::lost(&error))?;
        let (read, write) = UnixStream::from_std(stream).map_err(|error| control::lost(&error))?.into_split();
        let mut session = Session { lines: BufReader::new(read).lines(), write };
        let order = serde_json::to_string(rehearsal).map_err(Failed::new)?;
        session.say(&format!("drill {order}")).await?;
        let answered = async {
            let mut refusal = Vec::new();
            loop {
                match session.next().await? {
                    Message::Line(line) if line.starts_with("error") => refusal.push(line),
                    Message::Line(line) => say(&line),
                    Message::Drill(Stage::Ready { instances, gateways }) => {
                        return Ok(Targets { instances, gateways });
                    }
                    Message::Drill(_) => {}
                    Message::Done(_) => return Err(Failed(refusal.join("\n"))),
                }
            }
        };
        let targets = timeout(ANSWER_TIME, answered)
            .await
            .map_err(|_| Failed(format!("error: `tenet up` did not answer within {ANSWER_TIME:?}")))??;
        Ok((session, targets))
    }

    /// `begin` or `end`.
    pub async fn say(&mut self, word: &str) -> Result<(), Failed> {
        let line = format!("{word}\n");
        self.write.write_all(line.as_bytes()).await.map_err(|error| control::lost(&error))
    }

    /// What `up` says next. A wait that is given up loses nothing.
    pub async fn next(&mut self) -> Result<Message, Failed> {
        match self.lines.next_line().await.map_err(|error| control::lost(&error))? {
            Some(line) => serde_json::from_str(&line).map_err(Failed::new),
            None => Err(Failed("error: `tenet up` ended during the drill".into())),
        }
    }

    /// Ends the drill if it has not ended, and waits until all serve again; what did not go well is its last words.
    pub async fn close(mut self) -> Result<Vec<String>, Failed> {
        // A connection that is gone already is closed.
        let _ = self.write.shutdown().await;
        let ended = async {
            let mut said = Vec::new();
            loop {
                match self.next().await? {
                    Message::Line(line) => said.push(line),
                    Message::Drill(_) => {}
                    Message::Done(_) => return Ok(said),
                }
            }
        };
        timeout(CLOSE_TIME, ended)
            .await
            .map_err(|_| Failed(format!("error: not everything serves again after {CLOSE_TIME:?}")))?
    }
}
