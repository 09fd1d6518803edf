//! Which locks stand for records: numbers of 64 bits, the same in every process and version.
//!
//! PostgreSQL's advisory locks are numbers, records are names. Two records that share a number only wait for each other without need, so
//! any good spread will do; but *every* process must find the same numbers, also one of another build. So the hash is spelled out here:
//! FNV-1a of 64 bits (draft-eastlake-fnv) over parts with their lengths, and the last mixing of SplitMix64, because FNV alone
//! leaves the high bits of short names alike.

use crate::fnv;
use crate::name::RecordKey;

/// What the locks of one schema begin with, so that two stores in one database do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space(u64);

impl Space {
    /// Of the schema of this name.
    pub fn new(schema: &str) -> Space {
        Space(part(fnv::BASIS, schema.as_bytes()))
    }

    /// The lock of a record.
    pub fn record(self, record: &RecordKey) -> i64 {
        let hash = part(part(self.0, &record.collection.0.to_be_bytes()), &record.id);
        mix(hash).cast_signed()
    }

    /// The lock that each session of ours holds as long as it lives.
    pub fn sessions(self) -> i64 {
        mix(part(self.0, b"sessions of the store")).cast_signed()
    }

    /// The same as its two halves, as `pg_locks` has it in `classid` and `objid`.
    pub fn sessions_halves(self) -> (u32, u32) {
        let lock = self.sessions().cast_unsigned();
        ((lock >> 32) as u32, lock as u32)
    }

    /// The lock under which the schema and what is said of the whole of it change.
    pub fn schema(self) -> i64 {
        mix(part(self.0, b"schema of the store")).cast_signed()
    }

    /// The class of the gates of collections: locks of two numbers, the other one the collection's.
    pub fn gates(self) -> i32 {
        (mix(part(self.0, b"gates of the store")) as u32).cast_signed()
    }
}

/// The processes of the server whose sessions hold the lock that is given by its two [halves](Space::sessions_halves) as `$1` and `$2`.
pub(super) const HOLDERS: &str = "SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = $1::oid AND objid = $2::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Sorted and each once, so that no two transactions wait for each other in a circle.
pub(super) fn in_order(mut locks: Vec<i64>) -> Vec<i64> {
    locks.sort_unstable();
    locks.dedup();
    locks
}

fn part(hash: u64, bytes: &[u8]) -> u64 {
    let length = (bytes.len() as u64).to_be_bytes();
    fnv::with(hash, length.into_iter().chain(bytes.iter().copied()))
}

fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::CollectionId;
    use bytes::Bytes;
    use std::collections::HashSet;

    fn lock(schema: &str, collection: u32, id: &'static [u8]) -> i64 {
        let record = RecordKey { collection: CollectionId(collection), id: Bytes::from_static(id) };
        Space::new(schema).record(&record)
    }

    #[test]
    fn the_numbers_never_change() {
        // Another number here would let an old process and a new one write the same record at the same time.
        assert_eq!(lock("tenet", 1, b"u7"), -8_892_896_529_359_102_041);
    }

    #[test]
    fn what_differs_anywhere_has_another_lock() {
        let locks = [
            lock("a", 1, b"x"),
            lock("b", 1, b"x"),
            lock("a", 2, b"x"),
            lock("a", 1, b"y"),
            lock("a", 1, b"xy"),
        ];
        assert_eq!(HashSet::from(locks).len(), locks.len());
        let many: HashSet<i64> = (0..50_000u32)
            .map(|n| {
                let id = Bytes::copy_from_slice(n.to_string().as_bytes());
                Space::new("tenet").record(&RecordKey { collection: CollectionId(1), id })
            })
            .collect();
        assert_eq!(many.len(), 50_000);
    }

    #[test]
    fn locks_are_taken_in_order_and_once() {
        assert_eq!(in_order(vec![3, -1, 3, 2]), [-1, 2, 3]);
    }
}
