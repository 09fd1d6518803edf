//! Tests that cannot run here say so, and the closing line of `cargo xtask test` counts them as skipped.
//!
//! Rust's test harness knows no run-time skip: such a test returns early and counts as passed. `cargo xtask test`
//! names a file in `TENET_SKIPS`; each line appended to it, `test name<TAB>reason`, moves one test from passed to skipped.

use std::io::Write;

/// Notes that `test` cannot run here and why, with how to get what it lacks. The caller returns right after.
pub fn skip(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
    let Some(path) = std::env::var_os("TENET_SKIPS") else { return };
    let line = format!("{test}\t{}\n", reason.replace('\n', " "));
    // One write with O_APPEND, so that lines of tests running at the same time do not mix.
    let wrote = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut f| f.write_all(line.as_bytes()));
    if let Err(error) = wrote {
        eprintln!("TENET_SKIPS cannot be written: {error}");
    }
}

/// The Python with grpcio that `cargo xtask test` prepares (`TENET_PYTHON`), or `None` after noting the skip.
pub fn python_or_skip(test: &str) -> Option<std::path::PathBuf> {
    let found = std::env::var_os("TENET_PYTHON").map(Into::into);
    if found.is_none() {
        skip(
            test,
            "no Python with grpcio: TENET_PYTHON is not set; `cargo xtask test` prepares one where python3 exists",
        );
    }
    found
}
