//! What is wrong with a contract, where, and what to write instead; printed as compilers print it.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The contract cannot be loaded.
    Error,
    /// The contract loads, but probably not as meant.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Path of the file as the user knows it; empty when no file is to blame.
    pub file: String,
    /// 1-based line; 0 when unknown.
    pub line: u32,
    /// 1-based column in characters; 0 when unknown.
    pub column: u32,
    /// How bad it is.
    pub severity: Severity,
    /// What was found and what was expected.
    pub message: String,
    /// The text of the line; empty when the source is not at hand.
    pub line_text: String,
    /// What to do, or the nearest right name; empty when there is nothing useful to say.
    pub hint: String,
}

/// Every finding of one load, in order of file, line and column. Holds at least one error where it is returned as one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// The findings in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}", self.message)?;
        let gutter = self.line.max(1).to_string().len();
        if !self.file.is_empty() {
            write!(f, "\n{:gutter$}--> {}", "", self.file)?;
            if self.line > 0 {
                write!(f, ":{}:{}", self.line, self.column.max(1))?;
            }
        }
        if self.line > 0 && !self.line_text.is_empty() {
            // The caret's indent repeats the line's own tabs, so that it stands under the right character.
            let indent: String = self
                .line_text
                .chars()
                .take(self.column.saturating_sub(1) as usize)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            write!(f, "\n{:gutter$} |\n{} | {}\n{:gutter$} | {indent}^", "", self.line, self.line_text, "")?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n{:gutter$} = hint: {}", "", self.hint)?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// An error without a place yet.
    pub(crate) fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: String::new(),
            line: 0,
            column: 0,
            severity: Severity::Error,
            message: message.into(),
            line_text: String::new(),
            hint: String::new(),
        }
    }

    pub(crate) fn in_file(self, file: &str) -> Diagnostic {
        Diagnostic { file: file.to_owned(), ..self }
    }

    pub(crate) fn hint(self, hint: &str) -> Diagnostic {
        Diagnostic { hint: hint.to_owned(), ..self }
    }
}
