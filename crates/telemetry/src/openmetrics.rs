//! Writing OpenMetrics text 1.0: lines and escapes. What is written is decided in `exposition`.

use crate::families::Declared;
use std::fmt::Write;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A text under construction.
pub(crate) struct Text<'a> {
    out: &'a mut String,
}

impl<'a> Text<'a> {
    pub(crate) fn new(out: &'a mut String) -> Text<'a> {
        Text { out }
    }

    /// Opens a family; its samples must follow before the next one opens.
    pub(crate) fn family(&mut self, family: &Declared) {
        let Declared { name, kind, unit, help } = family;
        self.line(format_args!("# TYPE {name} {kind}"));
        if !unit.is_empty() {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.out.push_str("# HELP ");
        self.out.push_str(name);
        self.out.push(' ');
        escape(help, self.out);
        self.out.push('\n');
    }

    /// One sample: name and suffix, labels, value.
    pub(crate) fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        self.out.push_str(name);
        self.out.push_str(suffix);
        // A label without a value is a label that is not there, and the text shorter.
        let mut filled = labels.iter().filter(|(_, value)| !value.is_empty()).peekable();
        if filled.peek().is_some() {
            let mut before = '{';
            for (label, value) in filled {
                self.out.push(before);
                self.out.push_str(label);
                self.out.push_str("=\"");
                escape(value, self.out);
                self.out.push('"');
                before = ',';
            }
            self.out.push('}');
        }
        self.line(format_args!(" {value}"));
    }

    /// The end of the text, after which nothing may follow.
    pub(crate) fn eof(self) {
        self.out.push_str("# EOF\n");
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(line);
        self.out.push('\n');
    }
}

/// Backslash, quote and line feed are the only characters that need it.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(labels: &[(&str, &str)], expected: &str) {
        let mut out = String::new();
        Text::new(&mut out).sample("m", "_total", labels, 1.5);
        assert_eq!(out, expected);
    }

    #[test]
    fn samples_are_escaped_and_empty_labels_left_out() {
        check(&[], "m_total 1.5\n");
        check(&[("a", "")], "m_total 1.5\n");
        check(&[("a", "x"), ("b", ""), ("c", "y")], "m_total{a=\"x\",c=\"y\"} 1.5\n");
        check(&[("a", "q\"b\\n\nz")], "m_total{a=\"q\\\"b\\\\n\\nz\"} 1.5\n");
    }
}
