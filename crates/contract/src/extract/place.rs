//! Where a service or method is written, and inside it the text a finding is about.

use crate::Diagnostic;
use crate::load::Texts;
use prost_reflect::FileDescriptor;
use std::ops::Range;

/// The source range of a declaration.
#[derive(Clone)]
pub(super) struct Place {
    file: String,
    /// 0-based first line, byte column and last line.
    span: Option<(usize, usize, usize)>,
}

impl Place {
    pub(super) fn new(file: &FileDescriptor, path: &[i32]) -> Place {
        let info = file.file_descriptor_proto().source_code_info.as_ref();
        let location = info.and_then(|info| info.location.iter().find(|location| location.path == path));
        let number = |n: &i32| usize::try_from(*n).unwrap_or(0);
        let span = location.and_then(|location| match location.span.as_slice() {
            [line, column, _] => Some((number(line), number(column), number(line))),
            [line, column, last, _] => Some((number(line), number(column), number(last))),
            _ => None,
        });
        Place { file: file.name().to_owned(), span }
    }

    /// 1-based line of the declaration; 0 when unknown.
    pub(super) fn line(&self) -> u32 {
        self.span.map_or(0, |(line, ..)| u32::try_from(line + 1).unwrap_or(u32::MAX))
    }

    /// Puts a finding at the first mention of `token` in the declaration, or at its start.
    pub(super) fn finding(&self, texts: &Texts, finding: Diagnostic, token: &str) -> Diagnostic {
        self.finding_at(texts, finding, token, 0)
    }

    /// As [`Place::finding`], but at the first mention behind the one of `within`, where there is one.
    pub(super) fn finding_within(
        &self,
        texts: &Texts,
        finding: Diagnostic,
        within: &str,
        token: &str,
    ) -> Diagnostic {
        let text = self.span.zip(texts.text(&self.file));
        let behind = text.and_then(|((line, _, last), text)| {
            let range = declaration(text, line, last)?;
            let part = range.start + text.get(range.clone())?.find(within)?;
            mention(text, part..range.end, token)
        });
        match behind {
            Some(at) => texts.at_offset(finding, &self.file, at),
            None => self.finding(texts, finding, token),
        }
    }

    /// As [`Place::finding`], `offset` bytes into the token.
    pub(super) fn finding_at(
        &self,
        texts: &Texts,
        finding: Diagnostic,
        token: &str,
        offset: usize,
    ) -> Diagnostic {
        let Some((line, column, last)) = self.span else { return finding.in_file(&self.file) };
        let at = texts.text(&self.file).and_then(|text| mention(text, declaration(text, line, last)?, token));
        match at {
            Some(at) => texts.at_offset(finding, &self.file, at + offset),
            None => texts.at_line(finding, &self.file, line, column),
        }
    }
}

/// The bytes of the lines from `first` to `last`.
fn declaration(text: &str, first: usize, last: usize) -> Option<Range<usize>> {
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines.by_ref().take(first).map(str::len).sum();
    let length: usize = lines.take((last + 1).checked_sub(first)?).map(str::len).sum();
    Some(start..start + length)
}

/// Byte offset of `token` in a part of the text; a quoted mention is preferred because most tokens are option strings.
fn mention(text: &str, part: Range<usize>, token: &str) -> Option<usize> {
    let start = part.start;
    let part = text.get(part)?;
    if token.is_empty() {
        return None;
    }
    let quoted = part.find(&format!("\"{token}\"")).map(|at| at + 1);
    quoted.or_else(|| part.find(token)).map(|at| start + at)
}
