//! Messages that are the schemas of collections, and where they are written.

use tenet_collection::Schema;

/// A message with `option (tenet.policy.v1.collection)`.
#[derive(Clone, Debug)]
pub struct Collection {
    /// What the store keeps of it, and by what it is found.
    pub schema: Schema,
    /// The comment above the message, without comment markers.
    pub comment: String,
    /// Import name of the file that declares it (`feed/accounts/v1/accounts.proto`).
    pub file: String,
    /// 1-based line of the declaration; 0 when the descriptors carry no source positions.
    pub line: u32,
    /// Where the option is written, for who finds it wrong later.
    pub written: Location,
}

/// A place in a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Path of the file as the user knows it; its import name where it came compiled.
    pub file: String,
    /// 1-based line; 0 when unknown.
    pub line: u32,
    /// 1-based column in characters; 0 when unknown.
    pub column: u32,
    /// The text of the line; empty when the source is not at hand.
    pub line_text: String,
}
