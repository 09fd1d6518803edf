//! `cargo xtask ci`: what must hold before a change is sent, cheapest first.

use crate::shell::{self, Outcome, cargo};
use crate::{test, tidy};

/// Runs everything; stops at the first step that fails, except that `test` always runs to its end.
fn checks() -> Outcome {
    step("format");
    shell::run(cargo().args(["fmt", "--all", "--check"]))?;
    step("clippy");
    shell::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))?;
    step("tidy");
    tidy::run()
}

/// The checks, then every test.
pub fn run() -> Outcome {
    checks()?;
    step("test");
    test::run(&test::Arguments::default())
}

fn step(name: &str) {
    println!("== {name}");
}
