//! `tenet child`: becomes another program that the kernel kills when the supervisor dies, however it dies.
//!
//! The promise survives `exec`, so services need no part in it. Making it in a process of our own rather than between
//! `fork` and `exec` keeps the supervisor free of unsafe code.

use crate::cli::Failed;
use clap::Args;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Flags of `tenet child`.
#[derive(Clone, Debug, Args)]
pub struct ChildArgs {
    /// Process id of the supervisor.
    #[arg(long)]
    parent: i32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    words: Vec<String>,
}

/// Replaces this process; returns only if it cannot.
pub fn run(args: &ChildArgs) -> Result<(), Failed> {
    // SIGKILL: a supervisor that was killed cannot ask twice.
    set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| Failed::while_doing("cannot follow the supervisor", &error))?;
    // It may have died before the line above: then this process already belongs to someone else.
    if getppid().as_raw() != args.parent {
        return Err(Failed("error: the supervisor is gone".into()));
    }
    let Some((program, arguments)) = args.words.split_first() else {
        return Err(Failed("error: no program named".into()));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    if std::env::var_os("LISTEN_FDS").is_some() {
        // Only the process that the sockets are meant for may take them (sd_listen_fds(3)); exec keeps the id.
        command.env("LISTEN_PID", std::process::id().to_string());
    }
    let error = command.exec();
    Err(Failed::while_doing(&format!("cannot run {program:?}"), &error))
}
