//! Short runs of what `cargo xtask crash` does for long: kills, and a disk that fails.

#![allow(clippy::unwrap_used)] // a panic in a test is its report

mod account;
mod cli;
mod dice;
mod disk;
mod faults;
mod folder;
mod judge;
mod kill;
mod kills;
mod life;
mod look;
mod operation;
#[path = "../support/postgres.rs"]
#[allow(dead_code)] // other tests copy and promote servers
mod server;
mod value;
mod wire;
mod work;

use cli::{Options, What, run};
use kill::Program;

/// A life is this test alone, in a process of its own.
const LIFE: &str = "a_life_of_the_other_tests";

fn program() -> Program {
    let arguments = [LIFE, "--exact", "--nocapture", "--test-threads=1"];
    let path = std::env::current_exe().unwrap();
    Program { path, arguments: arguments.map(str::to_owned).to_vec() }
}

fn options(what: What, seeds: u64, kills: u64) -> Options {
    let keep = std::env::temp_dir().join("tenet-crash-test");
    Options { what, from: 1_000_000, seeds, kills, keep }
}

#[test]
fn a_life_of_the_other_tests() {
    if let Some(lived) = life::live() {
        lived.unwrap();
    }
}

#[test]
fn nothing_is_lost_by_killing_the_process() {
    run(&options(What::Embedded, 3, 16), &program()).unwrap();
}

#[test]
fn nothing_is_lost_by_killing_the_server() {
    run(&options(What::Postgres, 1, 4), &program()).unwrap();
}

#[test]
fn nothing_is_lost_or_made_up_by_a_disk_that_fails() {
    run(&options(What::Faults, 240, 0), &program()).unwrap();
}

#[test]
fn what_is_asked_for_is_read() {
    let read = |line: &str| Options::read(line.split_whitespace().map(str::to_owned));
    let options = read("--engine postgres --from 7 --seeds 2 --kills 5").unwrap();
    assert_eq!((options.what, options.from, options.seeds, options.kills), (What::Postgres, 7, 2, 5));
    assert_eq!(read("--faults").unwrap().what, What::Faults);
    for (line, words) in [
        ("--engine mysql", "expected embedded or postgres"),
        ("--seeds many", "expected a number, found \"many\""),
        ("--from", "expected a value"),
        ("--fast 1", "unknown option --fast"),
    ] {
        assert!(read(line).unwrap_err().contains(words), "{line}");
    }
}
