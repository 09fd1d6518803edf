//! Children that never outlive the bench, however it ends: SIGKILL comes from the kernel when their parent is gone.

use crate::Outcome;
use nix::sys::signal::Signal;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A program to run in place of this process.
#[derive(clap::Args)]
pub struct Arguments {
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<std::ffi::OsString>,
}

/// Becomes the program, which ends when the bench does: the wish survives execve (PR_SET_PDEATHSIG(2const)).
pub fn run(arguments: &Arguments) -> Outcome {
    end_with_parent()?;
    let error = Command::new(&arguments.words[0]).args(&arguments.words[1..]).exec();
    Err(format!("{}: {error}", arguments.words[0].display()))
}

/// Asks for SIGKILL when the thread that started this process ends: it also ends a process that is stopped.
pub fn end_with_parent() -> Outcome {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| format!("PR_SET_PDEATHSIG: {error}"))?;
    // Who has lost its parent before it asked belongs to init, or to a reaper that is not the bench.
    let parent = nix::unistd::getppid();
    if parent.as_raw() == 1 { Err("started without the bench".into()) } else { Ok(()) }
}
