//! The console's tests: `node --test` over `console/test`, and its JSDoc types by the TypeScript compiler.

use crate::shell::{Outcome, command, output, quietly, root, watch, which};
use crate::tally::{NodeTap, Reader, Tally};
use crate::tools;
use std::path::PathBuf;
use std::time::Duration;

/// Longest all console tests may take, with a browser.
const LIMIT: Duration = Duration::from_secs(600);
/// The oldest Node whose test runner has what the console's tests use.
const OLDEST_NODE: u32 = 18;

/// Runs them; without Node they are skipped, with how to get it.
pub fn test(offline: bool) -> Tally {
    println!("== console");
    if !root().join("console/test").is_dir() {
        return Tally::default();
    }
    let node =
        if offline { which("node").ok_or_else(|| "node is missing".to_owned()) } else { tools::node() };
    let node = match node.and_then(new_enough) {
        Ok(node) => node,
        Err(why) => return Tally::skipped(count_of_tests() + 1, &format!("console tests: {why}")),
    };
    let mut tally = node_tests(&node, offline);
    tally.add(types(&node, offline));
    tally
}

fn node_tests(node: &PathBuf, offline: bool) -> Tally {
    let mut tests = command(node);
    tests.args(["--test", "--test-reporter=tap"]);
    tests.args(test_files());
    tests.env("TENET_BIN", crate::shell::target_dir().join("debug/tenet"));
    // The browser tests skip themselves, with a reason, where these are not set.
    if !offline {
        match tools::npm(tools::PLAYWRIGHT).and_then(|module| Ok((module, tools::chromium()?))) {
            Ok((module, chromium)) => {
                tests.env("TENET_PLAYWRIGHT", module).env("TENET_CHROMIUM", chromium);
            }
            Err(why) => println!("no browser for the console tests: {why}"),
        }
    }
    let mut reader = NodeTap::default();
    let status = watch(&mut tests, LIMIT, |line| reader.see(line));
    match (status, reader.tally()) {
        (Ok(status), Some(tally)) if status.success() || tally.failed > 0 => tally,
        (Ok(status), _) => Tally::failed(&format!("node --test console/test ended with {status}")),
        (Err(why), _) => Tally::failed(&why),
    }
}

/// The type check counts as one test.
fn types(node: &PathBuf, offline: bool) -> Tally {
    if offline {
        return Tally::skipped(1, "console types: --offline");
    }
    let compiler = match tools::npm(tools::TYPESCRIPT) {
        Ok(module) => module.join("bin/tsc"),
        Err(why) => return Tally::skipped(1, &format!("console types: {why}")),
    };
    let project = ["console/tsconfig.json", "console/jsconfig.json"]
        .into_iter()
        .find(|path| root().join(path).is_file());
    let Some(project) = project else {
        return Tally::failed(
            "console types: neither console/tsconfig.json nor console/jsconfig.json exists",
        );
    };
    let mut check = command(node);
    check.arg(compiler).args(["--noEmit", "--allowJs", "--checkJs", "--project", project]);
    match quietly(&mut check, LIMIT) {
        Ok(()) => Tally::passed(),
        Err(why) => Tally::failed(&format!("console types: {why}")),
    }
}

fn new_enough(node: PathBuf) -> Outcome<PathBuf> {
    let version = output(command(&node).arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => Ok(node),
        _ => Err(format!("node {version} is too old: {OLDEST_NODE} or newer is needed")),
    }
}

/// Named one by one: what `node --test` makes of a folder differs between its versions.
fn test_files() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(root().join("console/test"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.to_string_lossy().ends_with(".test.js") || path.to_string_lossy().ends_with(".test.mjs")
        })
        .collect();
    files.sort();
    files
}

/// How many tests the files declare, for an honest number of skipped ones without Node.
fn count_of_tests() -> u64 {
    let declared = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .filter(|line| ["test(", "it("].iter().any(|call| line.trim_start().starts_with(call)))
            .count() as u64
    };
    test_files().iter().map(declared).sum()
}
