//! Tables as Markdown, kept a file for each part and put together between the markers in `docs/store.md`.

use crate::Outcome;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Parts in the order of the document.
const PARTS: [&str; 7] = ["commit", "read", "scan", "growth", "kill", "power", "flip"];

const BEGIN: &str = "<!-- engines:begin -->";
const END: &str = "<!-- engines:end -->";

/// One table and what must be known to read it.
pub struct Table {
    title: String,
    notes: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(title: &str, notes: &str, head: &[&'static str]) -> Self {
        Self { title: title.to_owned(), notes: notes.to_owned(), head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row and prints it, so that one who waits sees something.
    pub fn row(&mut self, cells: Vec<String>) {
        eprintln!("{}", cells.join(" | "));
        self.rows.push(cells);
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n\n", self.title, self.notes);
        let _ = writeln!(text, "| {} |", self.head.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(self.head.len()));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}

/// Prints the tables of one part and keeps them in the checkout's results.
pub fn keep(part: &str, tables: &[Table]) -> Outcome {
    let text = tables.iter().map(Table::markdown).collect::<Vec<_>>().join("\n");
    println!("{text}");
    let file = results().join(format!("{part}.md"));
    std::fs::create_dir_all(results()).map_err(|error| error.to_string())?;
    std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Puts the parts that were kept between the markers of `docs/store.md`.
pub fn write(machine: &str) -> Outcome {
    let file = checkout().join("docs/store.md");
    let document = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let parts =
        PARTS.iter().filter_map(|part| std::fs::read_to_string(results().join(format!("{part}.md"))).ok());
    let tables = format!("{machine}\n\n{}", parts.collect::<Vec<_>>().join("\n"));
    let document = replace(&document, &tables)?;
    std::fs::write(&file, document).map_err(|error| format!("{}: {error}", file.display()))
}

fn replace(document: &str, tables: &str) -> Outcome<String> {
    let missing = || format!("docs/store.md lacks {BEGIN} or {END}");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", tables.trim_end()))
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn results() -> PathBuf {
    checkout().join("bench/results/engines")
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, replace};

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(replace(&document, "new\n").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert!(replace("a", "new").is_err());
    }
}
