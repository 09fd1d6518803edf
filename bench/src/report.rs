//! Tables: printed, and on request written into `bench/README.md` between their markers.

use crate::statistics::range;
use crate::{Outcome, machine, template};

/// A table under a heading, with what it was measured on.
pub struct Report {
    /// Its marker in the README, e.g. `gateway`.
    pub name: &'static str,
    /// Markdown.
    pub text: String,
}

impl Report {
    /// An empty report that opens with the machine's facts and what was compared.
    pub fn new(name: &'static str, versions: &str) -> Report {
        Report { name, text: format!("Measured {}.\n{versions}\n", machine::facts()) }
    }

    /// Adds a table; the first row holds the column names.
    pub fn table(&mut self, rows: &[Vec<String>]) {
        self.text.push('\n');
        for (index, row) in rows.iter().enumerate() {
            self.text.push_str(&format!("| {} |\n", row.join(" | ")));
            if index == 0 {
                self.text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
            }
        }
    }

    /// Adds a paragraph.
    pub fn line(&mut self, text: &str) {
        self.text.push_str(&format!("\n{text}\n"));
    }

    /// Prints it, and writes it into the README where `write` asks.
    pub fn finish(&self, write: bool) -> Outcome {
        println!("\n{}", self.text);
        if !write {
            return Ok(());
        }
        let path = template::folder().join("README.md");
        let old = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let new = place(&old, self.name, &self.text).ok_or_else(|| {
            format!(
                "{}: no markers <!-- {}:begin --> and <!-- {}:end -->",
                path.display(),
                self.name,
                self.name
            )
        })?;
        std::fs::write(&path, new).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// "least – most" of `values`.
pub fn spread(values: &[f64], digits: usize) -> String {
    let (low, high) = range(values);
    format!("{low:.digits$} – {high:.digits$}")
}

/// What was expected and came, in a word.
pub fn verdict(held: bool) -> &'static str {
    if held { "held" } else { "LOST" }
}

/// `document` with `text` between the markers of `name`.
fn place(document: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let from = document.find(&begin)? + begin.len();
    let to = from + document[from..].find(&end)?;
    Some(format!("{}\n{}\n{}", &document[..from], text.trim_end(), &document[to..]))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn text_goes_between_its_markers_and_nowhere_else() {
        let document = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb <!-- y:begin --><!-- y:end -->";
        let once = place(document, "x", "new\n").unwrap();
        assert_eq!(once, "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb <!-- y:begin --><!-- y:end -->");
        assert_eq!(place(&once, "x", "new\n").unwrap(), once);
        assert_eq!(place(document, "z", "new"), None);
    }

    #[test]
    fn the_readme_has_every_marker() {
        let readme = std::fs::read_to_string(crate::template::folder().join("README.md")).unwrap();
        let cases = crate::resilience::Case::ALL.map(crate::resilience::Case::marker);
        for name in ["gateway", "instructions", "allocations", "refusal", "connections", "store"]
            .into_iter()
            .chain(cases)
        {
            assert!(place(&readme, name, "").is_some(), "{name}");
        }
    }
}
