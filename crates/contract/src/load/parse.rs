//! Turns one source into its descriptor, and the compiler's errors into findings.

use super::Texts;
use crate::edition::Edition;
use crate::{Diagnostic, edition};
use prost::Message;
use prost_types::FileDescriptorProto;

/// Parses one file; every syntax error becomes a finding.
pub(super) fn parse(
    name: &str,
    text: &str,
    texts: &Texts,
    found: &mut Vec<Diagnostic>,
) -> Option<FileDescriptorProto> {
    if let Some(edition) = edition::declaration(text) {
        return parse_edition(name, text.len(), &edition, texts, found);
    }
    match protox::file::File::from_source(name, text) {
        Ok(file) => Some(file.into()),
        Err(error) => {
            add_all(&error, name, text.len(), texts, found);
            None
        }
    }
}

/// An editions file, read by the rules of proto3 and then lowered with its features.
fn parse_edition(
    name: &str,
    end: usize,
    edition: &Edition,
    texts: &Texts,
    found: &mut Vec<Diagnostic>,
) -> Option<FileDescriptorProto> {
    const COMPILED: &str = "what is not read from source is read from a compiled file: name the output of `protoc \
        --include_imports --include_source_info --descriptor_set_out=FILE` under `descriptor_sets`";
    let number = match edition.name.as_str() {
        "2023" => 1000,
        "2024" => 1001,
        other => {
            let finding = Diagnostic::error(format!("edition \"{other}\" is not known"))
                .hint("expected \"2023\" or \"2024\"");
            found.push(texts.at_offset(finding, name, edition.offset));
            return None;
        }
    };
    let parsed = match protox::file::File::from_source(name, &edition.as_proto3) {
        Ok(file) => FileDescriptorProto::from(file),
        Err(error) => {
            let from = found.len();
            add_all(&error, name, end, texts, found);
            found[from..].iter_mut().filter(|f| f.hint.is_empty()).for_each(|f| f.hint = COMPILED.to_owned());
            return None;
        }
    };
    let bytes = FileDescriptorProto { syntax: Some("editions".into()), ..parsed }.encode_to_vec();
    let lowered = edition::lower(edition::with_number(bytes, number));
    match lowered
        .and_then(|bytes| FileDescriptorProto::decode(bytes.as_slice()).map_err(|error| error.to_string()))
    {
        Ok(proto) => Some(proto),
        Err(message) => {
            found.push(texts.at_offset(Diagnostic::error(message).hint(COMPILED), name, edition.offset));
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
