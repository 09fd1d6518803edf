//! How a batch is cut into transactions.
//!
//! One transaction is best: one flush of the server's log for all. But its locks must fit into the server's table of locks, its rows into a
//! message, and its changes into the numbers of one transaction.

use crate::commit::{Action, Commit};
use std::ops::Range;

/// Bytes of values beyond which a transaction gains nothing: the log is written for longer than it is flushed.
const BYTES: usize = 16 << 20;

/// Changes that have numbers in one transaction: the lower 20 bits of a place in the log.
const CHANGES: usize = 1 << 20;

/// Ranges of commits, each for a transaction of at most `locks` locks; a commit that alone has more makes one of its own.
pub(super) fn parts(commits: &[Commit], locks: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut sum = Weight::default();
    for (place, commit) in commits.iter().enumerate() {
        let weight = Weight::of(commit);
        let with = sum.and(weight);
        let fits = with.records <= locks && with.bytes <= BYTES && with.changes <= CHANGES;
        if fits || place == begin {
            sum = with;
        } else {
            parts.push(begin..place);
            (begin, sum) = (place, weight);
        }
    }
    parts.push(begin..commits.len());
    parts
}

#[derive(Clone, Copy, Default)]
struct Weight {
    /// Records, and gates of collections: no more than there are of them, and often fewer.
    records: usize,
    bytes: usize,
    changes: usize,
}

impl Weight {
    fn of(commit: &Commit) -> Weight {
        let writes = || commit.changes.iter().flat_map(|change| &change.writes);
        let bytes = writes().map(|write| match &write.action {
            Action::Put(value) => {
                usize::try_from(value.size()).unwrap_or(usize::MAX).min(crate::item::MAX_VALUE)
            }
            _ => 0,
        });
        // The values of unique indexes are locked, too.
        let unique = commit
            .typed
            .as_ref()
            .map_or(0, |typed| typed.indexes.iter().filter(|index| index.unique).count());
        Weight {
            records: commit.changes.len() + usize::from(commit.fence.is_some()) + unique * writes().count(),
            bytes: bytes.sum(),
            changes: writes().count(),
        }
    }

    fn and(self, other: Weight) -> Weight {
        Weight {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
            changes: self.changes + other.changes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::{RecordChange, Write};
    use crate::item::Value;
    use crate::name::CollectionId;
    use bytes::Bytes;

    fn commit(records: usize, bytes: usize) -> Commit {
        let put = Action::Put(Value::Inline(Bytes::from(vec![0; bytes])));
        let write = Write { key: Bytes::new(), action: put, ttl: None };
        let change =
            RecordChange { record: Bytes::from_static(b"r"), conditions: Vec::new(), writes: vec![write] };
        Commit::of(CollectionId(1), None, vec![change; records])
    }

    #[test]
    fn a_batch_is_cut_where_a_transaction_is_full() {
        let check = |commits: &[(usize, usize)], locks, expected: &[(usize, usize)]| {
            let commits: Vec<_> = commits.iter().map(|(records, bytes)| commit(*records, *bytes)).collect();
            let found: Vec<_> = parts(&commits, locks).iter().map(|part| (part.start, part.end)).collect();
            assert_eq!(found, expected);
        };
        check(&[(1, 1)], 48, &[(0, 1)]);
        check(&[(1, 1), (1, 1), (1, 1)], 2, &[(0, 2), (2, 3)]);
        check(&[(1, 1), (90, 1), (1, 1)], 48, &[(0, 1), (1, 2), (2, 3)]);
        check(&[(9, 1 << 20), (8, 1 << 20), (7, 1)], 48, &[(0, 1), (1, 3)]);
    }
}
