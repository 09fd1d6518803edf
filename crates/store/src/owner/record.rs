//! Which record it is, as a number: for lanes, shares and groups alike.

use crate::name::CollectionId;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Differs from process to process: nobody can put many records into one place on purpose.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A number for a record.
pub(super) fn number(collection: CollectionId, id: &[u8]) -> u64 {
    HASHER.hash_one((collection, id))
}
