//! Comments by descriptor path, indexed once a file because generated contracts have tens of thousands.

use prost_reflect::{DescriptorPool, FileDescriptor};
use std::collections::HashMap;

/// Leading comments of a pool's files.
pub(crate) struct Comments {
    by_file: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    pub(crate) fn new(pool: &DescriptorPool) -> Comments {
        let by_file = pool
            .files()
            .map(|file| {
                let locations =
                    file.file_descriptor_proto().source_code_info.iter().flat_map(|info| &info.location);
                let comments = locations
                    .filter_map(|location| {
                        let text = match (location.leading_comments(), location.trailing_comments()) {
                            ("", trailing) => trailing,
                            (leading, _) => leading,
                        };
                        let text = tidy(text);
                        (!text.is_empty()).then(|| (location.path.clone(), text))
                    })
                    .collect();
                (file.name().to_owned(), comments)
            })
            .collect();
        Comments { by_file }
    }

    /// The comment of the element at `path`, or nothing.
    pub(crate) fn of(&self, file: &FileDescriptor, path: &[i32]) -> String {
        self.by_file.get(file.name()).and_then(|paths| paths.get(path)).cloned().unwrap_or_default()
    }
}

/// Takes the one space after each comment marker away, and what `(-- --)` marks as not for readers (AIP-192).
fn tidy(comment: &str) -> String {
    let mut text: String = comment
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect::<Vec<_>>()
        .join("\n");
    while let Some(start) = text.find("(--") {
        let end = text[start..].find("--)").map_or(text.len(), |at| start + at + 3);
        text.replace_range(start..end, "");
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn comments_lose_their_indent_and_their_internal_notes() {
        for (raw, want) in [
            (" One line.\n", "One line."),
            (" Two\n   indented\n", "Two\n  indented"),
            (" Seen. (-- internal\n note --)\n", "Seen."),
            (" Seen. (-- never closed\n", "Seen."),
            ("\n", ""),
        ] {
            assert_eq!(tidy(raw), want, "{raw:?}");
        }
    }
}
