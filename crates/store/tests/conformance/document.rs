//! The guarantee matrix in docs/store.md is what the suite saw, row by row, or is written by it.
//!
//! ```sh
//! TENET_CONFORMANCE_WRITE=1 cargo test -p tenet-store --test conformance
//! ```

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tenet_store::conformance::{Report, matrix};

/// In the environment: write the rows instead of comparing them.
const WRITE: &str = "TENET_CONFORMANCE_WRITE";
const BEGIN: &str = "<!-- guarantees:begin -->\n";
const END: &str = "<!-- guarantees:end -->";

/// Compares the row of the engine, or writes it. The suite was run whole.
pub fn keep(report: &Report) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/store.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let updated = with(&document, report).expect("docs/store.md has the markers of the guarantees");
    if std::env::var_os(WRITE).is_some() {
        return std::fs::write(&path, updated).unwrap();
    }
    assert!(
        updated == document,
        "docs/store.md does not say of the engine {} what was seen:\n{}\nset {WRITE}=1 to write it",
        report.engine,
        matrix(std::slice::from_ref(report))
    );
}

/// The document with the row of this engine as it was seen, in its place or as the last one. None: there are no markers.
fn with(document: &str, report: &Report) -> Option<String> {
    let from = document.find(BEGIN)? + BEGIN.len();
    let to = from + document[from..].find(END)?;
    let own = matrix(std::slice::from_ref(report));
    let (head, row) = own.trim_end().rsplit_once('\n')?;
    let name = format!("| {} |", report.engine);
    // After the names of the columns and the line below them.
    let mut rows: Vec<&str> = document[from..to].lines().skip(2).collect();
    match rows.iter().position(|row| row.starts_with(&name)) {
        Some(place) => rows[place] = row,
        None => rows.push(row),
    }
    let (before, after) = (&document[..from], &document[to..]);
    Some(format!("{before}{head}\n{}\n{after}", rows.join("\n")))
}

#[test]
fn a_row_takes_the_place_of_its_engine_alone() {
    let report = Report { engine: "b".into(), seed: 1, rows: Vec::new(), findings: Vec::new() };
    let document = |rows: &str| format!("x\n{BEGIN}| old |\n|---|\n{rows}{END}\ny");
    for (rows, expected) in
        [("", "| b |\n"), ("| a | 1 |\n| b | 2 |\n| c | 3 |\n", "| a | 1 |\n| b |\n| c | 3 |\n")]
    {
        let once = with(&document(rows), &report).unwrap();
        assert!(once.starts_with(&format!("x\n{BEGIN}| engine |")), "{once}");
        assert!(once.ends_with(&format!("|\n{expected}{END}\ny")), "{once}");
        assert_eq!(with(&once, &report).unwrap(), once);
    }
    assert_eq!(with("no markers", &report), None);
}
