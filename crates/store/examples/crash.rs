//! `cargo xtask crash` runs this: kills without end, and a disk that fails, seed by seed. Its parts are those of the test `crash`.
//!
//! A life is this program again, told so by a variable.

#[path = "../tests/crash/account.rs"]
mod account;
#[path = "../tests/crash/cli.rs"]
mod cli;
#[path = "../tests/crash/dice.rs"]
mod dice;
#[path = "../tests/crash/disk.rs"]
mod disk;
#[path = "../tests/crash/door.rs"]
mod door;
#[path = "../tests/crash/faults.rs"]
mod faults;
#[path = "../tests/crash/folder.rs"]
mod folder;
#[path = "../tests/crash/judge.rs"]
mod judge;
#[path = "../tests/crash/kill.rs"]
mod kill;
#[path = "../tests/crash/kills.rs"]
mod kills;
#[path = "../tests/crash/life.rs"]
mod life;
#[path = "../tests/crash/look.rs"]
mod look;
#[path = "../tests/crash/operation.rs"]
mod operation;
#[path = "../tests/support/postgres.rs"]
#[allow(clippy::unwrap_used, dead_code)] // a server of tests, some of which copy and promote it
mod server;
#[path = "../tests/crash/site.rs"]
mod site;
#[path = "../tests/crash/value.rs"]
mod value;
#[path = "../tests/crash/wire.rs"]
mod wire;
#[path = "../tests/crash/work.rs"]
mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    let done = life::live().unwrap_or_else(|| {
        let path = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = kill::Program { path, arguments: Vec::new() };
        cli::run(&cli::Options::read(std::env::args().skip(1))?, &program)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}
