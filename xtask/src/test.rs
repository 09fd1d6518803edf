//! `cargo xtask test`: every test there is, in every runner, and one true closing line.
//!
//! What a test needs beyond Rust and a C compiler comes from `tools` and is passed on in the environment; a test that
//! finds its variable unset cannot run here and counts as skipped.

use crate::shell::{Outcome, cargo, run as run_loudly, target_dir, watch, which};
use crate::tally::{Libtest, Nextest, Reader, Tally};
use crate::{console, httpwg, openapi_lint, schemathesis, tools};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longest one runner may take, compiling included: a cold machine with two slow cores stays below half of it.
const RUNNER_LIMIT: Duration = Duration::from_secs(3600);

/// What to run.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Install nothing and fetch nothing: what is not there already is skipped.
    #[arg(long)]
    offline: bool,
    /// Only the Rust tests: neither console nor the judges of the OpenAPI document and of HTTP/2.
    #[arg(long)]
    rust_only: bool,
}

/// A variable that some tests need, and the tests that can do nothing without it.
struct Need {
    variable: &'static str,
    /// Left out, and counted as skipped, where the variable cannot be had.
    tests: &'static [Test],
    provide: fn() -> Outcome<PathBuf>,
}

/// One integration test.
struct Test {
    package: &'static str,
    binary: &'static str,
    name: &'static str,
}

/// Everything Rust tests need from outside. Tests that use `TENET_PYTHON`, `TENET_ETCD` or `TENET_POSTGRES` note their own
/// skips.
const NEEDS: &[Need] = &[
    Need {
        variable: "TENET_CONFORMANCE_RUNNER",
        tests: &[Test {
            package: "tenet-transcode",
            binary: "suite",
            name: "conformance::every_case_passes",
        }],
        provide: || existing(tools::npm(tools::CONFORMANCE)?.join("bin/conformance_test_runner-linux-x64")),
    },
    Need {
        variable: "TENET_CORPUS",
        tests: &[Test {
            package: "tenet-contract",
            binary: "corpus",
            name: "every_service_of_the_corpus_loads_and_routes",
        }],
        provide: || existing(tools::npm(tools::CORPUS)?),
    },
    Need {
        variable: "TENET_ETCD",
        tests: &[],
        provide: || existing(tools::unpacked("etcd", tools::DEBIAN_ETCD)?),
    },
    Need { variable: "TENET_POSTGRES", tests: &[], provide: tools::postgres },
    Need { variable: "TENET_PYTHON", tests: &[], provide: || tools::python("tests", tools::PYTHON_TESTS) },
];

/// Runs everything, prints the summary, and fails where a test failed.
pub fn run(arguments: &Arguments) -> Outcome {
    let mut tally = Tally::default();
    let environment = prepare(arguments, &mut tally);
    rust(&environment, &mut tally);
    doctests(&mut tally);
    if !arguments.rust_only {
        tally.add(console::test(arguments.offline));
        for (name, judge) in JUDGES {
            println!("== {name}");
            tally.add(if arguments.offline {
                Tally::skipped(1, &format!("{name}: --offline"))
            } else {
                judge()
            });
        }
    }
    println!();
    for note in &tally.notes {
        println!("{note}");
    }
    println!("{}", tally.line());
    // The line above is the last, also where both streams are read as one: the exit code says the rest.
    if tally.failed > 0 { Err(String::new()) } else { Ok(()) }
}

type Judge = (&'static str, fn() -> Tally);

/// Judges from outside that need a served example; each turns its verdict into numbers.
const JUDGES: [Judge; 3] = [
    ("OpenAPI linters", openapi_lint::judge),
    ("httpwg", httpwg::judge),
    ("schemathesis", schemathesis::judge),
];

/// Gets what the tests need; what cannot be had is noted.
fn prepare(arguments: &Arguments, tally: &mut Tally) -> Vec<(String, PathBuf)> {
    println!("== tools");
    let mut environment = Vec::new();
    for need in NEEDS {
        if let Some(given) = std::env::var_os(need.variable) {
            environment.push((need.variable.to_owned(), given.into()));
            continue;
        }
        let provided = if arguments.offline { Err("--offline".to_owned()) } else { (need.provide)() };
        match provided {
            Ok(path) => environment.push((need.variable.to_owned(), path)),
            Err(why) => tally.notes.push(format!("lacking  {}: {why}", need.variable)),
        }
    }
    environment
}

/// The tests of every crate, and the end-to-end tests over the built binary.
fn rust(environment: &[(String, PathBuf)], tally: &mut Tally) {
    println!("== build");
    if run_loudly(cargo().args(["build", "--workspace", "--bins", "--quiet"])).is_err() {
        tally.add(Tally::failed("cargo build --workspace --bins"));
    }
    println!("== tests");
    let skips = target_dir().join("skips");
    let _ = std::fs::remove_file(&skips);
    let left_out: Vec<&Test> = NEEDS
        .iter()
        .filter(|need| !environment.iter().any(|(name, _)| name == need.variable))
        .flat_map(|need| need.tests)
        .collect();
    let mut command = cargo();
    command.env("TENET_SKIPS", &skips).env("TENET_BIN", target_dir().join("debug/tenet"));
    command.envs(environment.iter().map(|(name, path)| (name, path)));
    let mut counted = if which("cargo-nextest").is_some() {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast", "--color=never", "--no-tests=pass"]);
        if !left_out.is_empty() {
            let each = left_out.iter().map(|Test { package, binary, name }| {
                format!("(binary_id({package}::{binary}) and test(={name}))")
            });
            let filter = format!("not ({})", each.collect::<Vec<_>>().join(" or "));
            command.args(["--ignore-default-filter", "-E", &filter]);
        }
        follow(&mut command, Nextest::default(), "cargo nextest run --workspace")
    } else {
        println!("cargo-nextest is not installed: cargo test runs instead, slower");
        command.args([
            "test",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
            "--",
            "--color=never",
        ]);
        let mut counted = follow(&mut command, Libtest::default(), "cargo test --workspace");
        // They ran without their variable and returned at once: what they reported as passed was not tested.
        let blank = left_out.len() as u64;
        counted.passed = counted.passed.saturating_sub(blank);
        counted.skipped += blank;
        counted
    };
    counted.apply_skips(&std::fs::read_to_string(&skips).unwrap_or_default());
    for Test { package, binary, name } in left_out {
        counted.notes.push(format!("skipped  {package} {binary} {name}: it needs what is lacking above"));
    }
    tally.add(counted);
}

fn doctests(tally: &mut Tally) {
    println!("== documentation tests");
    let mut command = cargo();
    command.args(["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
    tally.add(follow(&mut command, Libtest::default(), "cargo test --workspace --doc"));
}

/// Runs a test runner with its lines on our terminal and in `reader`.
fn follow(command: &mut Command, mut reader: impl Reader, name: &str) -> Tally {
    let watched = watch(command, RUNNER_LIMIT, |line| {
        println!("{line}");
        reader.see(line);
    });
    let status = match watched {
        Ok(status) => status,
        Err(why) => return Tally::failed(&why),
    };
    match reader.tally() {
        Some(tally) if status.success() || tally.failed > 0 => tally,
        Some(mut tally) => {
            tally.add(Tally::failed(&format!("{name} ended with {status}")));
            tally
        }
        None => {
            Tally::failed(&format!("{name} ended without a summary ({status}): it probably did not build"))
        }
    }
}

fn existing(path: PathBuf) -> Outcome<PathBuf> {
    if Path::exists(&path) {
        Ok(path)
    } else {
        Err(format!("{} is not where it was expected", path.display()))
    }
}
