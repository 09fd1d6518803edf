//! What discovery tells the time line.

use std::fmt::Write as _;
use std::sync::Arc;

/// Names that an event's text lists before it only counts.
const NAMED_MAX: usize = 5;

/// Something that happened to a service's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsEvent {
    /// The service's name.
    pub service: Arc<str>,
    /// What happened.
    pub kind: DnsEventKind,
    /// A sentence for people.
    pub text: String,
}

/// What happened to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnsEventKind {
    /// It cannot be asked, or cannot tell; its last good answer is kept.
    Away,
    /// It answers again.
    Back,
    /// It says that there are no instances, and there were none before.
    Empty,
    /// Instances came or went.
    Changed,
}

/// `2 found: a, b; 1 gone: c`.
pub(super) fn changed(found: &[Arc<str>], gone: &[Arc<str>]) -> String {
    let mut text = String::new();
    for (names, word) in [(found, "found"), (gone, "gone")] {
        if names.is_empty() {
            continue;
        }
        let (shown, more) = names.split_at(names.len().min(NAMED_MAX));
        let start = if text.is_empty() { "" } else { "; " };
        // Writing into a string does not fail.
        let _ = write!(text, "{start}{} {word}: {}", names.len(), shown.join(", "));
        if !more.is_empty() {
            text.push_str(", ...");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_named_as_far_as_a_line_goes() {
        let names = |count: usize| (1..=count).map(|i| format!("i{i}").into()).collect::<Vec<Arc<str>>>();
        assert_eq!(changed(&names(2), &[]), "2 found: i1, i2");
        assert_eq!(changed(&names(1), &names(2)), "1 found: i1; 2 gone: i1, i2");
        assert_eq!(changed(&[], &names(7)), "7 gone: i1, i2, i3, i4, i5, ...");
    }
}
