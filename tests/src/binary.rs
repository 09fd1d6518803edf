//! Where the binaries under test are: `TENET_BIN` names one, else it is built beside this test's own executable.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The checkout's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Path of the `tenet` binary.
///
/// # Panics
/// When it neither exists nor can be built.
pub fn tenet() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match std::env::var_os("TENET_BIN") {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "TENET_BIN names {}, which is no file", path.display());
            path
        }
        None => build("tenet", "tenet"),
    })
    .clone()
}

/// The `tenet` binary as a command without colours and without the node facts of whoever runs the tests.
pub fn command() -> Command {
    let mut command = Command::new(tenet());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENET_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

/// Builds `binary` of `package` in the profile this test was built in and returns its path.
///
/// # Panics
/// When cargo fails.
pub fn build(package: &str, binary: &str) -> PathBuf {
    // This test runs as <target>/<profile>/deps/<name>-<hash>; binaries stand two levels up.
    let exe = std::env::current_exe().unwrap_or_default();
    let folder = exe.ancestors().nth(2).unwrap_or(Path::new("target/debug")).to_path_buf();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root()).args(["build", "--quiet", "--package", package, "--bin", binary]);
    if let Some(target) = folder.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    if folder.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    let status = cargo.status().unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(status.success(), "cargo build --package {package} failed: {status}");
    folder.join(binary)
}
