//! Running other programs: where they are, what they print, and never for ever.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a step answers: nothing, or a message for the one at the terminal.
pub type Outcome<T = ()> = Result<T, String>;

/// The checkout's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The folder cargo builds into: `CARGO_TARGET_DIR` or `target`.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A command that runs in the checkout's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Where `program` is on `PATH`.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs `command` with our own output; an error where it cannot start or does not succeed.
pub fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{} cannot be started: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", name(command))) }
}

/// Runs `command` silently for at most `limit`; where it fails, the error ends with the last lines it printed.
pub fn quietly(command: &mut Command, limit: Duration) -> Outcome {
    let mut printed = Vec::new();
    let status = watch(command, limit, |line| printed.push(line.to_owned()))?;
    if status.success() {
        return Ok(());
    }
    let tail = printed.len().saturating_sub(12);
    Err(format!("{} failed ({status}):\n{}", name(command), printed[tail..].join("\n")))
}

/// Runs `command` and returns its standard output, trimmed.
pub fn output(command: &mut Command) -> Outcome<String> {
    let described = name(command);
    let output = command.output().map_err(|error| format!("{described} cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{described} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs `command` and hands every line of either stream to `see` as it comes, for at most `limit`.
pub fn watch(command: &mut Command, limit: Duration, mut see: impl FnMut(&str)) -> Outcome<ExitStatus> {
    let described = name(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{described} cannot be started: {error}"))?;
    let (sender, lines) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        forward(out, sender.clone());
    }
    if let Some(err) = child.stderr.take() {
        forward(err, sender);
    }
    let until = Instant::now() + limit;
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => see(&line),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{described} took longer than {} s", limit.as_secs()));
            }
        }
    }
    wait_until(&mut child, until, &described)
}

fn wait_until(child: &mut Child, until: Instant, described: &str) -> Outcome<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{described} does not end"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn forward(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        // Bytes, not `lines()`: one byte that is not UTF-8 must not end the watching.
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if sender.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// Program and first arguments, for messages.
fn name(command: &Command) -> String {
    let mut text = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args().take(4) {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Duration, command, quietly, watch};

    #[test]
    fn what_does_not_end_is_ended() {
        let error = quietly(command("sleep").arg("60"), Duration::from_millis(100)).unwrap_err();
        assert!(error.contains("sleep 60"), "{error}");
    }

    #[test]
    fn both_streams_are_seen() {
        let mut seen = Vec::new();
        let status =
            watch(command("sh").args(["-c", "echo out; echo err >&2"]), Duration::from_secs(10), |line| {
                seen.push(line.to_owned())
            });
        seen.sort();
        assert!(status.unwrap().success());
        assert_eq!(seen, ["err", "out"]);
    }
}
