//! Sources at hand while a contract is loaded, to show the line a finding is about.

use crate::Diagnostic;
use std::collections::HashMap;

/// Sources by import name.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    by_name: HashMap<String, Text>,
}

#[derive(Debug)]
struct Text {
    shown: String,
    text: String,
}

impl Texts {
    pub(super) fn insert(&mut self, name: &str, shown: &str, text: &str) {
        self.by_name.insert(name.to_owned(), Text { shown: shown.to_owned(), text: text.to_owned() });
    }

    /// The source itself.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(|text| text.text.as_str())
    }

    /// Puts a finding at a byte offset of a file.
    pub(crate) fn at_offset(&self, finding: Diagnostic, name: &str, offset: usize) -> Diagnostic {
        let Some(source) = self.by_name.get(name) else { return finding.in_file(name) };
        let offset = offset.min(source.text.len());
        let before = &source.text.as_bytes()[..offset];
        let line = memchr::memchr_iter(b'\n', before).count();
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count();
        self.place(finding, source, line, column)
    }

    /// Puts a finding at a 0-based line and byte column, as source info gives them.
    pub(crate) fn at_line(&self, finding: Diagnostic, name: &str, line: usize, column: usize) -> Diagnostic {
        match self.by_name.get(name) {
            Some(source) => self.place(finding, source, line, column),
            None => {
                Diagnostic { line: to_u32(line + 1), column: to_u32(column + 1), ..finding }.in_file(name)
            }
        }
    }

    fn place(&self, finding: Diagnostic, source: &Text, line: usize, column: usize) -> Diagnostic {
        let line_text = source.text.lines().nth(line).unwrap_or_default().to_owned();
        Diagnostic { line: to_u32(line + 1), column: to_u32(column + 1), line_text, ..finding }
            .in_file(&source.shown)
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
