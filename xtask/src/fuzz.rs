//! `cargo xtask fuzz`: runs the `cargo fuzz` targets below `crates/*/fuzz`.

use crate::shell::{Outcome, output, root, run as run_loudly};
use crate::tools;
use std::path::{Path, PathBuf};

/// Which targets, how long.
#[derive(clap::Args)]
pub struct Arguments {
    /// Name of one target; all without it.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs them one after another; the first crash ends the run, with the path of its input printed by libFuzzer.
pub fn run(arguments: &Arguments) -> Outcome {
    let cargo_fuzz = tools::cargo_binary(tools::CARGO_FUZZ)?;
    let targets = targets()?;
    let names: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
    let chosen: Vec<_> = targets
        .into_iter()
        .filter(|target| arguments.target.as_ref().is_none_or(|name| *name == target.name))
        .collect();
    if chosen.is_empty() {
        return Err(format!("no such fuzz target; there are: {}", names.join(", ")));
    }
    for target in chosen {
        println!("== {} ({} s)", target.name, arguments.seconds);
        let mut fuzz = std::process::Command::new(&cargo_fuzz);
        fuzz.current_dir(&target.folder);
        // cargo-fuzz needs unstable flags; a stable compiler takes them when told that it is its own bootstrap.
        if !is_nightly() {
            fuzz.env("RUSTC_BOOTSTRAP", "1");
        }
        fuzz.args(["run", "--fuzz-dir", ".", &target.name]);
        let corpus = target.folder.join("corpus").join(&target.name);
        std::fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        fuzz.arg(&corpus);
        // Seeds are committed and read only; what the fuzzer finds goes to the first folder, which is not.
        let seeds = [target.folder.join("seeds").join(&target.name), target.folder.join("seeds")];
        if let Some(seeds) = seeds.into_iter().find(|folder| folder.is_dir()) {
            fuzz.arg(seeds);
        }
        fuzz.args([
            "--",
            &format!("-max_total_time={}", arguments.seconds),
            "-timeout=10",
            "-rss_limit_mb=2048",
        ]);
        run_loudly(&mut fuzz)?;
    }
    Ok(())
}

struct Target {
    folder: PathBuf,
    name: String,
}

fn targets() -> Outcome<Vec<Target>> {
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).map_err(|error| error.to_string())?.flatten() {
        let folder = entry.path().join("fuzz");
        if folder.join("Cargo.toml").is_file() {
            targets.extend(declared(&folder)?);
        }
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(targets)
}

/// The `[[bin]]`s of a fuzz crate.
fn declared(folder: &Path) -> Outcome<Vec<Target>> {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let manifest: toml::Table = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let names = bins.iter().filter_map(|bin| bin.get("name")?.as_str().map(str::to_owned));
    Ok(names.map(|name| Target { folder: folder.to_path_buf(), name }).collect())
}

fn is_nightly() -> bool {
    output(std::process::Command::new("rustc").arg("--version"))
        .is_ok_and(|version| version.contains("nightly"))
}
