//! Names and keys: what may be said, and in which order things lie.

use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use tenet_collection::is_name;

pub use tenet_collection::{MAX_KEY, MAX_NAME};

/// The least id or key that is greater: the same with a zero byte behind it.
pub fn next(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Why a name or key is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Names are labels.
    #[error("{found:?} is no name: expected 1 to {MAX_NAME} lower-case letters, digits and hyphens, a letter first{}", nearest(.found))]
    Name {
        /// What was found.
        found: String,
    },
    /// Ids and keys have a length.
    #[error("{what} has {found} bytes, expected {least} to {MAX_KEY}")]
    Length {
        /// "the record's id" or "the item's key".
        what: &'static str,
        /// Bytes.
        found: usize,
        /// The fewest.
        least: usize,
    },
}

fn nearest(found: &str) -> String {
    let lower: String = found
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(MAX_NAME)
        .collect();
    let lower = lower.trim_end_matches('-');
    if lower.is_empty() { String::new() } else { format!("; {lower:?} would be one") }
}

/// The name of a namespace or of a collection in it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks it.
    pub fn new(name: &str) -> Result<Name, BadName> {
        if is_name(name) {
            Ok(Name(name.into()))
        } else {
            Err(BadName::Name { found: name.chars().take(MAX_NAME + 1).collect() })
        }
    }

    /// The name of a collection of the store's own, beside the one it belongs to: with a dot, which no name has that a service can say.
    pub(crate) fn hidden(parts: &[&str]) -> Name {
        Name(parts.join(".").into())
    }

    /// A name that an engine has stored, also one of the store's own.
    pub fn stored(name: &str) -> Result<Name, BadName> {
        let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
        if name.contains('.') && name.bytes().all(good) { Ok(Name(name.into())) } else { Name::new(name) }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Where a collection is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionName {
    /// Who owns it.
    pub namespace: Name,
    /// Its own name.
    pub collection: Name,
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.collection)
    }
}

/// What an engine calls a collection: a number it gave when the collection was declared, never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionId(pub u32);

/// A record of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// The collection.
    pub collection: CollectionId,
    /// The record's id: 1 to [`MAX_KEY`] bytes.
    pub id: Bytes,
}

/// An item of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// The record.
    pub record: RecordKey,
    /// The item's key: at most [`MAX_KEY`] bytes, may be empty.
    pub key: Bytes,
}

/// Checks a record's id.
pub fn record_id(id: &[u8]) -> Result<(), BadName> {
    length("the record's id", id, 1)
}

/// Checks an item's key.
pub fn item_key(key: &[u8]) -> Result<(), BadName> {
    length("the item's key", key, 0)
}

fn length(what: &'static str, bytes: &[u8], least: usize) -> Result<(), BadName> {
    if (least..=MAX_KEY).contains(&bytes.len()) {
        Ok(())
    } else {
        Err(BadName::Length { what, found: bytes.len(), least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_and_the_nearest_is_named() {
        for good in ["a", "accounts", "a1-b2", &"x".repeat(MAX_NAME)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for (bad, hint) in [
            ("", ""),
            ("Accounts", "\"accounts\" would be one"),
            ("user_data", "\"user-data\" would be one"),
            ("1st", "\"st\" would be one"),
            ("é", ""),
            (&"x".repeat(MAX_NAME + 1), "would be one"),
        ] {
            let text = Name::new(bad).unwrap_err().to_string();
            assert!(text.contains(hint) && text.contains("lower-case"), "{text}");
            assert_eq!(text.contains("would be one"), !hint.is_empty(), "{text}");
        }
    }

    #[test]
    fn ids_and_keys_have_lengths() {
        assert!(record_id(b"u7").is_ok() && item_key(b"").is_ok() && item_key(&[0; MAX_KEY]).is_ok());
        assert!(record_id(b"").unwrap_err().to_string().contains("0 bytes, expected 1 to 512"));
        assert!(
            item_key(&[0; MAX_KEY + 1]).unwrap_err().to_string().contains("513 bytes, expected 0 to 512")
        );
    }
}
