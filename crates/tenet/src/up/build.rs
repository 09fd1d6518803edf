//! The project's own `build` commands, before anything starts.

use super::output::Output;
use crate::cli::Failed;
use std::path::Path;
use tokio::process::Command;

/// Runs each command in the project folder by `sh -c`; the first that fails ends `up`.
pub async fn run(project: &Path, commands: &[String], output: &Output) -> Result<(), Failed> {
    for command in commands {
        output.say(&format!("build: {command}"));
        let status = Command::new("sh")
            .args(["-c", command])
            .current_dir(project)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .map_err(|error| {
                Failed::while_doing(&format!("cannot run the build command {command:?}"), &error)
            })?;
        if !status.success() {
            return Err(Failed(format!(
                "error: the build command {command:?} ended with {status}\n  hint: nothing was started; fix it, or skip builds with --no-build"
            )));
        }
    }
    Ok(())
}
