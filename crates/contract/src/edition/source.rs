//! The `edition` declaration in a source.

/// An edition declaration, and the source in which it is a syntax declaration of the same length.
pub(crate) struct Edition {
    /// Byte offset of the keyword.
    pub(crate) offset: usize,
    /// What it says: `2023`.
    pub(crate) name: String,
    /// The source with `syntax = "proto3"` in its place, so that a parser of proto3 can read it and positions stay.
    pub(crate) as_proto3: String,
}

/// The edition declaration, if the file has one where `syntax` would stand: first, but for comments.
pub(crate) fn declaration(text: &str) -> Option<Edition> {
    let offset = skip_comments(text, 0);
    let after = text[offset..].strip_prefix("edition")?;
    let rest = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, rest) = rest[1..].split_once(quote)?;
    let rest = rest.trim_start().strip_prefix(';')?;
    let end = text.len() - rest.len();
    let mut replaced = "syntax=\"proto3\";".to_owned();
    while replaced.len() < end - offset {
        replaced.push(' ');
    }
    Some(Edition { offset, name: name.to_owned(), as_proto3: format!("{}{replaced}{rest}", &text[..offset]) })
}

fn skip_comments(text: &str, mut at: usize) -> usize {
    loop {
        at = text.len() - text[at..].trim_start_matches('\u{feff}').trim_start().len();
        let rest = &text[at..];
        let comment = if rest.starts_with("//") {
            rest.find('\n').map(|end| end + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2)
        } else {
            return at;
        };
        match comment {
            Some(length) => at += length,
            None => return at,
        }
    }
}
