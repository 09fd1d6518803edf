//! The pool's own small randomness: where a round begins and how back-off is spread. Nothing here guards a secret.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// Marsaglia's xorshift64: three shifts a number, never zero.
#[derive(Debug)]
pub(crate) struct Random(Cell<u64>);

impl Random {
    /// A generator with its own state for each `salt`, different in each process.
    pub(crate) fn new(salt: usize) -> Random {
        Random(Cell::new(RandomState::new().hash_one(salt) | 1))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        x
    }
}
