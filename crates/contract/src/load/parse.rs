//! Turns one source into its descriptor, and the compiler's errors into findings.

use super::Texts;
use crate::{Diagnostic, edition};
use prost_types::FileDescriptorProto;

/// Parses one file; every syntax error becomes a finding.
pub(super) fn parse(
    name: &str,
    text: &str,
    texts: &Texts,
    found: &mut Vec<Diagnostic>,
) -> Option<FileDescriptorProto> {
    if let Some(offset) = edition::declaration(text) {
        let finding = Diagnostic::error("editions are read from compiled descriptor sets only, not from source")
            .hint("compile the file with `protoc --include_imports --include_source_info --descriptor_set_out=FILE` and name FILE under `descriptor_sets`");
        found.push(texts.at_offset(finding, name, offset));
        return None;
    }
    match protox::file::File::from_source(name, text) {
        Ok(file) => Some(file.into()),
        Err(error) => {
            add_all(&error, name, text.len(), texts, found);
            None
        }
    }
}

/// One finding for an error of the compiler and one for each it carries along.
pub(super) fn add_all(
    error: &dyn miette::Diagnostic,
    name: &str,
    end: usize,
    texts: &Texts,
    found: &mut Vec<Diagnostic>,
) {
    let mut message = error.to_string();
    if let Some(cause) = error.diagnostic_source() {
        message.push_str(&format!(": {cause}"));
    }
    let finding = Diagnostic::error(message);
    let finding = match error.help() {
        Some(help) => finding.hint(&help.to_string()),
        None => finding,
    };
    let labels: Vec<_> = error.labels().into_iter().flatten().collect();
    // Where a second definition clashes with a first, the second is to be changed.
    let label = labels
        .iter()
        .find(|label| {
            label.label().is_some_and(|text| ["found", "again", "used"].iter().any(|w| text.contains(w)))
        })
        .or(labels.first());
    found.push(texts.at_offset(finding, name, label.map_or(end, |label| label.offset())));
    for further in error.related().into_iter().flatten() {
        add_all(further, name, end, texts, found);
    }
}
