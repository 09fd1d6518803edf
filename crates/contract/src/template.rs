//! Path templates: the grammar of `google/api/http.proto`, parsed once when a contract is loaded.
//!
//! ```text
//! Template = "/" Segments [ Verb ] ;          "/" alone is accepted too: the root
//! Segments = Segment { "/" Segment } ;
//! Segment  = "*" | "**" | LITERAL | Variable ;
//! Variable = "{" FieldPath [ "=" Segments ] "}" ;
//! FieldPath = IDENT { "." IDENT } ;
//! Verb     = ":" LITERAL ;
//! ```
//!
//! Two liberties public contracts take are accepted: `**` may stand before other segments
//! (`/v1/{parent=documents/**}/{collection}`), at most once in a template, and literals may be
//! any characters a path segment may hold (RFC 3986 §3.3) but `:` and `*`.

use crate::FieldPath;
use std::fmt;

/// Segments a template may have: far above any public contract's (14), and it bounds the router's recursion.
pub const MAX_SEGMENTS: usize = 64;

/// A parsed path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    verb: Option<String>,
}

/// One segment of a path, with variables taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// Exactly this text, compared with the raw (undecoded) path.
    Literal(String),
    /// `*`: one segment that is not empty.
    One,
    /// `**`: any number of segments, none and empty ones included.
    Rest,
}

/// A variable: which segments it captures, and for which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The request field.
    pub field_path: FieldPath,
    /// The first of [`Template::segments`] it captures.
    pub start: usize,
    /// One past the last segment it captures.
    pub end: usize,
    /// Whether it can span several segments, so that `%2F` in it stays encoded.
    pub multi_segment: bool,
}

/// Why a template does not parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {message}")]
pub struct TemplateError {
    /// Byte offset in the template.
    pub offset: usize,
    /// What was found and what was expected.
    pub message: String,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first place where it leaves the grammar.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        Parser { text, at: 0, segments: Vec::new(), variables: Vec::new() }.template()
    }

    /// The template as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments in order, variables replaced by what they match.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The variables in order of their appearance: the order of a match's captures.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The custom verb without its colon (`cancel` of `/v1/{name=jobs/*}:cancel`).
    pub fn verb(&self) -> Option<&str> {
        self.verb.as_deref()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Parser<'_> {
    fn template(mut self) -> Result<Template, TemplateError> {
        if !self.eat('/') {
            return Err(self.unexpected("a template starts with `/`"));
        }
        let mut verb = None;
        if self.at < self.text.len() {
            self.segments(false)?;
            if self.eat(':') {
                verb = Some(self.literal("a custom verb after `:`")?);
            }
        }
        match self.peek() {
            None => Ok(Template {
                text: self.text.to_owned(),
                segments: self.segments,
                variables: self.variables,
                verb,
            }),
            Some('/') if verb.is_some() => Err(self.error("a custom verb stands at the end of a template")),
            Some('{') => Err(self.error("a variable fills a whole segment, so `/` comes before `{`")),
            Some(_) if self.text[..self.at].ends_with('}') => {
                Err(self.error("a variable fills a whole segment, so `/`, `:` or the end comes after `}`"))
            }
            Some(_) => Err(self.unexpected("expected `/`, `:` or the end")),
        }
    }

    fn segments(&mut self, inside: bool) -> Result<(), TemplateError> {
        loop {
            self.segment(inside)?;
            if !self.eat('/') {
                return Ok(());
            }
        }
    }

    fn segment(&mut self, inside: bool) -> Result<(), TemplateError> {
        if self.segments.len() == MAX_SEGMENTS {
            return Err(self.error(&format!("a template has at most {MAX_SEGMENTS} segments")));
        }
        match self.peek() {
            Some('{') if inside => Err(self.error("a variable cannot stand inside another")),
            Some('{') => self.variable(),
            Some('*') if self.text[self.at..].starts_with("**") => {
                if self.segments.contains(&Segment::Rest) {
                    return Err(self.error("`**` may stand only once in a template"));
                }
                self.at += 2;
                self.segments.push(Segment::Rest);
                Ok(())
            }
            Some('*') => {
                self.at += 1;
                self.segments.push(Segment::One);
                Ok(())
            }
            Some('/') => Err(self.error("an empty segment never matches; remove one `/`")),
            None => Err(self.error("a template does not end with `/`; a trailing slash is another path")),
            Some(_) => {
                let literal = self.literal("a segment: text, `*`, `**` or `{variable}`")?;
                self.segments.push(Segment::Literal(literal));
                Ok(())
            }
        }
    }

    fn variable(&mut self) -> Result<(), TemplateError> {
        let opened = self.at;
        self.at += 1;
        let path_at = self.at;
        let field_path = self.field_path()?;
        let start = self.segments.len();
        if self.eat('=') {
            self.segments(true)?;
        } else if self.segments.len() == MAX_SEGMENTS {
            return Err(self.error(&format!("a template has at most {MAX_SEGMENTS} segments")));
        } else {
            self.segments.push(Segment::One);
        }
        if !self.eat('}') {
            return Err(match self.peek() {
                None => TemplateError { offset: opened, message: "this `{` has no `}`".into() },
                Some(_) => self.unexpected("expected `}`"),
            });
        }
        if self.variables.iter().any(|v| v.field_path == field_path) {
            let message = format!("variable `{field_path}` is bound twice");
            return Err(TemplateError { offset: path_at, message });
        }
        let end = self.segments.len();
        let multi_segment = end - start != 1 || self.segments[start] == Segment::Rest;
        self.variables.push(Variable { field_path, start, end, multi_segment });
        Ok(())
    }

    fn field_path(&mut self) -> Result<FieldPath, TemplateError> {
        let start = self.at;
        loop {
            let name = self.at;
            while self.peek().is_some_and(|c| c == '_' || c.is_ascii_alphanumeric()) {
                self.at += 1;
            }
            if self.text[name..self.at].chars().next().is_none_or(|c| c.is_ascii_digit()) {
                self.at = name;
                return Err(self.unexpected("expected the name of a field"));
            }
            if !self.eat('.') {
                return Ok(FieldPath::new(&self.text[start..self.at]));
            }
        }
    }

    /// RFC 3986 §3.3 `segment-nz` without `:` and `*`, which mean something here.
    fn literal(&mut self, expected: &str) -> Result<String, TemplateError> {
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                '%' => {
                    let digits = self.text.as_bytes().get(self.at + 1..self.at + 3);
                    if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                        return Err(self.error("`%` must be followed by two hexadecimal digits"));
                    }
                    self.at += 3;
                }
                c if c.is_ascii_alphanumeric() || "-._~!$&'()+,;=@".contains(c) => self.at += 1,
                '/' | ':' | '{' | '}' | '*' => break,
                '?' | '#' => {
                    return Err(self.error("a template is a path: query and fragment are not part of it"));
                }
                other => {
                    let mut encoded = String::new();
                    for byte in other.to_string().bytes() {
                        encoded.push_str(&format!("%{byte:02X}"));
                    }
                    return Err(self.error(&format!(
                        "`{}` cannot stand in a path; write {encoded}",
                        other.escape_default()
                    )));
                }
            }
        }
        if self.at == start {
            return Err(self.unexpected(&format!("expected {expected}")));
        }
        Ok(self.text[start..self.at].to_owned())
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn error(&self, message: &str) -> TemplateError {
        TemplateError { offset: self.at, message: message.to_owned() }
    }

    fn unexpected(&self, expected: &str) -> TemplateError {
        let found = match self.peek() {
            Some(c) => format!("`{}`", c.escape_default()),
            None => "the end".to_owned(),
        };
        TemplateError { offset: self.at, message: format!("found {found}; {expected}") }
    }
}

#[cfg(test)]
mod tests;
