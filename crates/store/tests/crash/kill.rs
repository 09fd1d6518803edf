//! One life from outside: its process is begun, listened to, and killed at a moment that the seed chooses.

use super::account::{Account, Got};
use super::dice::Dice;
use super::life::{Life, VARIABLE};
use super::wire::Message;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// One life in so many is killed while it may still be opening, repairing what the last kill left.
const EARLY: u64 = 6;
/// The longest such a life lasts, in microseconds.
const EARLY_US: u64 = 25_000;
/// Most answers that a life gives before it is killed.
const ANSWERS: u64 = 400;
/// The longest it lasts beyond, in microseconds.
const BEYOND_US: u64 = 6_000;
/// A life that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(40);

/// How a process becomes a life: its program and arguments.
#[derive(Clone)]
pub struct Program {
    pub path: std::path::PathBuf,
    pub arguments: Vec<String>,
}

/// When a life ends.
enum End {
    ByItself,
    After(Duration),
    AfterAnswers(u64, Duration),
}

/// Lets a life live, and takes what it says into the account.
pub fn live(program: &Program, life: &Life, account: &mut Account) -> Result<Got, String> {
    let mut dice = Dice::new(life.seed, (life.life << 16) + 1);
    let end = match dice.below(EARLY) {
        _ if life.last => End::ByItself,
        0 => End::After(Duration::from_micros(dice.below(EARLY_US))),
        _ => {
            let beyond = Duration::from_micros(dice.below(BEYOND_US));
            End::AfterAnswers(dice.below(ANSWERS), beyond)
        }
    };
    let text = |error: std::io::Error| error.to_string();
    let (reader, writer) = std::io::pipe().map_err(text)?;
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).stdin(writer).stdout(Stdio::null());
    command.env(VARIABLE, serde_json::to_string(life).map_err(|error| error.to_string())?);
    let began = Instant::now();
    let mut child = command.spawn().map_err(text)?;
    // The pipe ends with the process only if nobody else can write to it.
    drop(command);
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);
    let (ended, wait) = channel::<()>();
    let limit = if let End::After(time) = end { time } else { PATIENCE };
    let watch = std::thread::spawn(move || {
        let left = limit.saturating_sub(began.elapsed());
        let over = wait.recv_timeout(left) == Err(RecvTimeoutError::Timeout);
        if over {
            let _ = kill(pid, Signal::SIGKILL);
        }
        over
    });
    let mut got = Got::default();
    let mut killed = false;
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line).map_err(text)? == 0 {
            break;
        }
        // A line that was cut off is that of a call that had not begun.
        let Some(whole) = line.strip_suffix('\n') else { break };
        let message: Message = serde_json::from_str(whole).map_err(|error| format!("{error}: {whole}"))?;
        account.take(life.life, message, &mut got);
        if let End::AfterAnswers(answers, beyond) = &end
            && !killed
            && got.working
            && got.answers >= *answers
        {
            std::thread::sleep(*beyond);
            kill(pid, Signal::SIGKILL).map_err(|error| error.to_string())?;
            killed = true;
        }
    }
    let _ = ended.send(());
    let over = watch.join().map_err(|_| "the watch ended".to_owned())?;
    let status = child.wait().map_err(text)?;
    match end {
        _ if over && !matches!(end, End::After(_)) => Err(format!("it hung for {PATIENCE:?}")),
        End::ByItself if !got.done => Err(format!("it ended with {status} before it was done")),
        End::AfterAnswers(..) if !killed => Err(format!("it ended with {status} before it was killed")),
        _ => Ok(got),
    }
}
