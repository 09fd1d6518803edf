//! What is wrong with a project, all of it at once: place, what was found, what was expected, the nearest right thing.

use std::fmt;
use std::ops::Range;

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A span of a text file. Line and column count from 1, the column in characters.
    Text {
        /// The file as the user knows it.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1, in characters.
        column: usize,
        /// The whole line.
        text: String,
        /// How many characters to underline; at least 1.
        width: usize,
    },
    /// A file as a whole, an environment variable or a flag.
    Named(String),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What was found and what was expected, in one sentence without a full stop.
    pub message: String,
    /// The nearest right thing, where there is one.
    pub hint: Option<String>,
}

/// Everything that is wrong, in the order of the files. Its `Display` is what a terminal shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    problems: Vec<Problem>,
    /// Contract diagnostics, already rendered by the contract compiler.
    contract: Option<(String, usize)>,
}

impl Place {
    /// The place of the bytes `span` in `source`, which is the text of `file`.
    pub fn in_text(file: &str, source: &str, span: Range<usize>) -> Place {
        let mut start = span.start.min(source.len());
        while !source.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
        let text = source[line_start..line_end].trim_end_matches('\r');
        let end = span.end.clamp(start, line_start + text.len().max(start - line_start));
        Place::Text {
            file: file.to_owned(),
            line: source[..start].matches('\n').count() + 1,
            column: source[line_start..start].chars().count() + 1,
            text: text.to_owned(),
            width: source.get(start..end).map_or(1, |part| part.chars().count()).max(1),
        }
    }
}

impl Problem {
    /// A problem without a hint.
    pub fn new(place: Place, message: impl Into<String>) -> Problem {
        Problem { place, message: message.into(), hint: None }
    }

    /// Adds the nearest right thing.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<String>) -> Problem {
        self.hint = hint;
        self
    }
}

impl Problems {
    /// No problem yet.
    pub fn new() -> Problems {
        Problems::default()
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds what the contract compiler reported: its rendered text and how many errors it holds.
    pub fn contract(&mut self, rendered: String, errors: usize) {
        self.contract = Some((rendered, errors));
    }

    /// Takes over another list's problems.
    pub fn append(&mut self, other: Problems) {
        self.problems.extend(other.problems);
        self.contract = self.contract.take().or(other.contract);
    }

    /// Problems of `tenet.toml` and node facts; contract diagnostics are only in the text.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// How many there are, contract diagnostics included.
    pub fn len(&self) -> usize {
        self.problems.len() + self.contract.as_ref().map_or(0, |(_, errors)| *errors)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.contract.is_none()
    }

    /// Orders problems as the texts they are about; those without a place in a text come first.
    pub fn sort(&mut self) {
        fn place(problem: &Problem) -> (&str, usize, usize) {
            match &problem.place {
                Place::Text { file, line, column, .. } => (file.as_str(), *line, *column),
                Place::Named(_) => ("", 0, 0),
            }
        }
        self.problems.sort_by(|one, other| place(one).cmp(&place(other)));
    }

    /// `value`, unless there are problems.
    pub fn or<T>(self, value: T) -> Result<T, Problems> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems { problems: vec![problem], contract: None }
    }
}

impl fmt::Display for Place {
    /// `file:line:column`, or the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Text { file, line, column, .. } => write!(f, "{file}:{line}:{column}"),
            Place::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n  --> {}", self.message, self.place)?;
        if let Place::Text { line, column, text, width, .. } = &self.place {
            let gutter = " ".repeat(line.to_string().len());
            // Tabs stay tabs, so that the caret stands under what it means whatever the terminal's tab width.
            let indent: String =
                text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n {gutter} |\n {line} | {text}\n {gutter} | {indent}{}", "^".repeat(*width))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for problem in &self.problems {
            write!(f, "{separator}{problem}")?;
            separator = "\n\n";
        }
        if let Some((rendered, _)) = &self.contract {
            write!(f, "{separator}{}", rendered.trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The known word nearest to `found`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&found.to_lowercase(), &word.to_lowercase()), word))
        // A third of the letters may differ: beyond that a suggestion confuses more than it helps.
        .filter(|(distance, word)| *distance * 3 <= word.len().max(found.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// A hint naming the nearest known word.
pub(crate) fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(found, known).map(|word| format!("did you mean `{word}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_line_column_and_width() {
        let source = "a = 1\r\nünd = [\n  2,\n]\n";
        for (part, line, column, width) in
            [("a", 1, 1, 1), ("ünd", 2, 1, 3), ("[\n  2,\n]", 2, 7, 1), ("2", 3, 3, 1), ("", 1, 1, 1)]
        {
            let start = source.find(part).unwrap();
            match Place::in_text("t", source, start..start + part.len()) {
                Place::Text { line: l, column: c, width: w, .. } => {
                    assert_eq!((l, c, w), (line, column, width), "{part:?}");
                }
                Place::Named(_) => panic!("a text place became a name"),
            }
        }
        // Spans that do not fit the text never panic.
        Place::in_text("t", source, 8..9);
        Place::in_text("t", "", 5..90);
    }

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["deadline", "drain", "limits"];
        for (found, expected) in [
            ("deadlin", Some("deadline")),
            ("Dead_line", Some("deadline")),
            ("drian", Some("drain")),
            ("x", None),
        ] {
            assert_eq!(nearest(found, known), expected, "{found}");
        }
    }
}
