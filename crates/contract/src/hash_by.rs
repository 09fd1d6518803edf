//! The request field whose value chooses the instance (`hash_by`).

use crate::FieldPath;
use tenet_transcode::FieldLocator;

/// A field of a method's request by which calls are hashed: equal values meet the same instance while it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashBy {
    /// Its names, as the contract writes them (`user.id`).
    pub path: FieldPath,
    /// Where its value lies in an encoded request.
    pub locator: FieldLocator,
}

impl HashBy {
    /// The value's bytes in an encoded request, as [`FieldLocator::find`] gives them; `None` where it is absent or the request malformed.
    pub fn find<'a>(&self, request: &'a [u8]) -> Option<&'a [u8]> {
        self.locator.find(request)
    }
}
