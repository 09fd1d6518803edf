//! What can go wrong in an engine.

use crate::name::CollectionId;

/// Why an engine did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It cannot be reached or is not ready now. Nothing happened; it may be tried again.
    #[error("the engine is not available: {0}")]
    Unavailable(String),
    /// It is not known whether it happened. Commits are sent again with their tokens.
    #[error("it is not known whether the write happened: {0}")]
    Unknown(String),
    /// There is no room. Nothing happened.
    #[error("the engine is full: {0}")]
    Full(String),
    /// What was stored is not what was read. It is never served.
    #[error("stored data is damaged: {place}: {what}")]
    Corrupt {
        /// The file, table or page.
        place: String,
        /// What does not fit.
        what: String,
    },
    /// The collection was never declared.
    #[error("there is no collection {}", .0.0)]
    NoCollection(CollectionId),
    /// Changes after the cursor were forgotten.
    #[error("changes after {asked} are no longer kept, the oldest kept is {oldest}")]
    TooOld {
        /// The cursor.
        asked: u64,
        /// The first that would do.
        oldest: u64,
    },
    /// Another owner's stamp is in it.
    #[error("it belongs to {owner:?}")]
    Owned {
        /// The other.
        owner: String,
    },
    /// The engine itself is wrong, or used wrongly. Nothing happened.
    #[error("the engine failed: {0}")]
    Broken(String),
}
