//! Three judges over the example's OpenAPI document: openapi-spec-validator, spectral and redocly.

use crate::shell::{Outcome, cargo, command, output, quietly, run as run_loudly, target_dir};
use crate::tally::Tally;
use crate::tools;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longest one judge may take.
const LIMIT: Duration = Duration::from_secs(120);

type Judge = (&'static str, fn(&Path) -> Outcome<Command>);

const JUDGES: [Judge; 3] =
    [("openapi-spec-validator", validator), ("spectral", spectral), ("redocly", redocly)];

/// Runs all three; fails where one finds an error or cannot run.
pub fn run() -> Outcome {
    let tally = judge();
    tally.notes.iter().for_each(|note| println!("{note}"));
    println!("{}", tally.line());
    if tally.failed + tally.skipped > 0 { Err("not every judge was satisfied".into()) } else { Ok(()) }
}

/// One test for each judge.
pub fn judge() -> Tally {
    let document = match document() {
        Ok(document) => document,
        Err(why) => return Tally::failed(&format!("tenet docs examples/feed: {why}")),
    };
    let mut tally = Tally::default();
    for (name, judge) in JUDGES {
        tally.add(match judge(&document) {
            Err(lacking) => Tally::skipped(1, &format!("{name}: {lacking}")),
            Ok(mut command) => match quietly(&mut command, LIMIT) {
                Ok(()) => Tally::passed(),
                Err(why) => Tally::failed(&format!("{name}: {why}")),
            },
        });
    }
    tally
}

/// Writes the example's document and returns where.
pub fn document() -> Outcome<PathBuf> {
    run_loudly(cargo().args(["build", "--quiet", "--package", "tenet"]))?;
    let folder = target_dir().join("xtask");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = folder.join("openapi.json");
    output(command(target_dir().join("debug/tenet")).args(["docs", "examples/feed", "-o"]).arg(&file))?;
    Ok(file)
}

fn validator(document: &Path) -> Outcome<Command> {
    let mut judge = command(tools::python("openapi", tools::PYTHON_OPENAPI)?);
    judge.args(["-m", "openapi_spec_validator"]).arg(document);
    Ok(judge)
}

fn spectral(document: &Path) -> Outcome<Command> {
    let rules = document.with_file_name("spectral.yaml");
    std::fs::write(&rules, "extends: [\"spectral:oas\"]\n")
        .map_err(|error| format!("{}: {error}", rules.display()))?;
    let mut judge = command(tools::node()?);
    judge.arg(tools::npm(tools::SPECTRAL)?.join("dist/index.js")).arg("lint").arg(document);
    judge.arg("--ruleset").arg(rules).arg("--fail-severity=error");
    Ok(judge)
}

fn redocly(document: &Path) -> Outcome<Command> {
    let mut judge = command(tools::node()?);
    judge
        .arg(tools::npm(tools::REDOCLY)?.join("bin/cli.js"))
        .args(["lint", "--format=stylish"])
        .arg(document);
    // It calls home unless told not to.
    judge.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    Ok(judge)
}
